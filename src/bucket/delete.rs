//! Deleting by name or by version: [`delete`](BucketHandle::delete),
//! [`delete_version`](BucketHandle::delete_version), [`delete_many`](BucketHandle::delete_many).

use std::future::IntoFuture;

use futures_core::future::BoxFuture;
use futures_util::stream;

use super::refuse_stage;
use super::sweep::{DeleteMode, RemovalCall, Sweep};
use crate::client::BucketHandle;
use crate::error::Error;
use crate::types::{FileName, FileVersion};

/// The maximum number of versions of one name that are deleted concurrently.
const CONCURRENCY: usize = 4;

/// Which versions of a name to delete. B2 keeps every version of a file until it is deleted, so
/// there is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeleteScope {
    /// All of them, and hide markers: the file is gone for good.
    AllVersions,
    /// Only the version that a download of the name returns. **The version beneath it, if there is
    /// one, comes back** as the file's content. A hidden file has no such version, so nothing is
    /// deleted.
    NewestVersion,
}

/// A deletion that begins when it is awaited. Returns the deleted versions, which may be none.
///
/// Made by [`BucketHandle::delete`] and [`BucketHandle::delete_version`].
///
/// # Errors
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) without `deleteFiles` and `listFiles`, or with
/// B2's code `access_denied` for a version that a retention or a legal hold protects;
/// [`Invalid`](crate::ErrorKind::Invalid) if the file name is invalid;
/// [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted;
/// [`Credentials`](crate::ErrorKind::Credentials), [`CapExceeded`](crate::ErrorKind::CapExceeded),
/// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
/// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
/// [`Protocol`](crate::ErrorKind::Protocol) if a call failed after its retries. If one of several
/// versions can't be deleted, the others still are, except the newest: without it an older one
/// would become visible. Deleting again is safe: a version that no longer exists is not an error.
///
/// # Cancellation
/// Dropping the future stops the deletion. Deleted versions stay deleted, and B2 may still carry
/// out the calls in progress.
#[derive(Debug, Clone)]
#[must_use = "nothing is deleted until it is awaited"]
pub struct Delete {
    bucket: BucketHandle,
    target: Result<DeleteTarget, Error>,
    bypass: bool,
}

#[derive(Debug, Clone)]
enum DeleteTarget {
    Name(FileName, DeleteScope),
    Version(Box<FileVersion>),
}

impl BucketHandle {
    /// Deletes the file with exactly this name, and no file whose name begins with it.
    ///
    /// With [`DeleteScope::AllVersions`] the file is gone for good. The newest version, which may
    /// be a hide marker, is deleted last, so that no older version becomes visible in between. With
    /// [`DeleteScope::NewestVersion`] the version beneath the newest comes back. To make a file
    /// disappear but keep its versions, [`hide`](Self::hide) it.
    ///
    /// An unfinished upload of this name is left alone, and becomes a version when it is finished:
    /// see [`unfinished`](Self::unfinished). A version that is uploaded while this runs is not
    /// deleted.
    ///
    /// Makes one listing (class C) for each 1,000 versions, and a `b2_delete_file_version` (class
    /// A, which is free) for each version.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use b2kit::DeleteScope;
    /// # async fn delete(bucket: BucketHandle) -> Result<(), Error> {
    /// let deleted = bucket.delete("2026/cat.jpg", DeleteScope::AllVersions).await?;
    /// println!("{} versions deleted", deleted.len());
    /// # Ok(()) }
    /// ```
    #[doc(alias = "delete_object")]
    #[doc(alias = "remove")]
    pub fn delete<N>(&self, name: N, scope: DeleteScope) -> Delete
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into);
        let name = name.and_then(|name| refuse_stage(&name).map(|()| name));
        Delete {
            bucket: self.clone(),
            target: name.map(|name| DeleteTarget::Name(name, scope)),
            bypass: false,
        }
    }

    /// Deletes this version and no other, by its name and id. The version comes from
    /// [`versions`](Self::versions) or from an upload.
    ///
    /// If it is the newest version, the one beneath it comes back; if it is a hide marker, the file
    /// is visible again.
    ///
    /// Makes one `b2_delete_file_version` (class A, which is free).
    pub fn delete_version(&self, version: &FileVersion) -> Delete {
        Delete {
            bucket: self.clone(),
            target: Ok(DeleteTarget::Version(Box::new(version.clone()))),
            bypass: false,
        }
    }
}

impl Delete {
    /// Deletes versions even if their governance-mode retention has not ended. Needs the capability
    /// `bypassGovernance`. Compliance mode and legal holds can't be bypassed.
    pub const fn bypass_governance(mut self) -> Self {
        self.bypass = true;
        self
    }

    async fn run(self) -> Result<Vec<FileVersion>, Error> {
        let call = RemovalCall::Delete {
            bypass: self.bypass,
        };
        let mode = DeleteMode::Delete {
            concurrency: CONCURRENCY,
        };
        let bucket = &self.bucket;
        let one = |version| Sweep::new(bucket, stream::iter([Ok(version)]), mode, call).finish();
        match self.target? {
            DeleteTarget::Version(version) => one(*version).await,
            DeleteTarget::Name(name, DeleteScope::NewestVersion) => {
                match bucket.newest(&name).await? {
                    Some(newest) => one(newest).await,
                    None => Ok(Vec::new()),
                }
            }
            DeleteTarget::Name(name, DeleteScope::AllVersions) => {
                let about = bucket.about(name.as_str());
                Sweep::new(bucket, about.versions_of(&name), mode, call)
                    .finish()
                    .await
            }
        }
    }
}

impl IntoFuture for Delete {
    type Output = Result<Vec<FileVersion>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
