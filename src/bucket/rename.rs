//! [`rename`](BucketHandle::rename): a verified copy, then the deletion of the old name.

use std::future::ready;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::delete::DeleteScope;
use super::refuse_stage;
use super::sweep::{DeleteMode, RemovalCall, Sweep};
use crate::client::BucketHandle;
use crate::error::{Error, ErrorKind};
use crate::types::{FileName, FileVersion};

/// The maximum number of versions of the old name that are deleted concurrently.
const CONCURRENCY: usize = 4;

/// The result of a rename.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renamed {
    /// The new version, under the new name.
    pub file: FileVersion,
    /// The versions of the old name that were deleted.
    pub deleted: Vec<FileVersion>,
}

impl BucketHandle {
    /// Renames a file: copies its newest version within B2 to the new name, checks the copy's size,
    /// and its SHA-1 if both are known, and then deletes versions of the old name according to
    /// [`DeleteScope`].
    ///
    /// B2 can't rename, so this is **not atomic**: for a moment both names exist, and if it fails
    /// between the two steps, both remain. Repeating it is safe. Only the newest version gets the
    /// new name. With [`DeleteScope::AllVersions`] the others are lost; with
    /// [`DeleteScope::NewestVersion`] the one beneath **comes back** under the old name. A file
    /// that has the new name already becomes an older version of it.
    ///
    /// If the old name has got a newer version since the file was copied, that version stays: with
    /// [`DeleteScope::AllVersions`] nothing is deleted, and with [`DeleteScope::NewestVersion`] the
    /// version that was copied. Retention and legal hold are not copied; a file that they protect can be copied but not
    /// deleted. To rename a file encrypted with a customer-managed key, use [`copy`](Self::copy),
    /// which takes that key, and [`delete`](Self::delete).
    ///
    /// Costs a `b2_list_file_names` and a `b2_copy_file` (class C), for more than 5 GB one
    /// `b2_copy_part` (class C) for each 5 GB; with [`DeleteScope::AllVersions`] a listing (class
    /// C) for each 1,000 versions. Deleting is class A, which is free.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use b2kit::DeleteScope;
    /// # async fn rename(bucket: BucketHandle) -> Result<(), Error> {
    /// let renamed = bucket.rename("draft.txt", "final.txt", DeleteScope::AllVersions).await?;
    /// assert_eq!(renamed.file.file_name.as_str(), "final.txt");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): the file doesn't exist, or is hidden.
    /// - [`Invalid`](ErrorKind::Invalid): one of the names is invalid, or both are the same.
    /// - [`Integrity`](ErrorKind::Integrity): the copy differs from the source. The old name is
    ///   unchanged.
    /// - [`Conflict`](ErrorKind::Conflict): all versions were to be deleted, and the old name has a
    ///   newer version than the one that was copied. It is unchanged, and the copy exists.
    /// - [`Unauthorized`](ErrorKind::Unauthorized): the key lacks `listFiles`, `readFiles`,
    ///   `writeFiles` or `deleteFiles`, or a version of the old name is locked.
    /// - [`Credentials`](ErrorKind::Credentials), [`CapExceeded`](ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](ErrorKind::TooManyRequests), [`Unavailable`](ErrorKind::Unavailable),
    ///   [`Http`](ErrorKind::Http), [`Protocol`](ErrorKind::Protocol): a call failed after its
    ///   retries.
    ///
    /// [`Error::may_have_taken_effect`] is true if the copy exists or may exist.
    ///
    /// # Cancellation
    /// Dropping the future stops the rename. Both names may exist then, or an unfinished large file
    /// may remain as after a dropped [`copy`](Self::copy).
    #[doc(alias = "move")]
    pub async fn rename<N, M>(&self, from: N, to: M, scope: DeleteScope) -> Result<Renamed, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
        M: TryInto<FileName>,
        M::Error: Into<Error>,
    {
        let from = from.try_into().map_err(Into::into)?;
        let to = to.try_into().map_err(Into::into)?;
        self.renamed(from, to, scope).await
    }

    async fn renamed(
        &self,
        from: FileName,
        to: FileName,
        scope: DeleteScope,
    ) -> Result<Renamed, Error> {
        refuse_stage(&from)?;
        refuse_stage(&to)?;
        if from == to {
            return Err(Error::invalid("the old name and the new one are the same"));
        }
        let Some(source) = self.newest(&from).await? else {
            let error = Error::new(ErrorKind::NotFound, "the file doesn't exist, or is hidden");
            return Err(self.client().redacted(error.about(from.as_str())));
        };
        let file = self.copy(&source, to).await?.file;
        let deleted = async {
            check_copy(&source, &file)?;
            self.delete_copied(&from, source, scope).await
        };
        match deleted.await {
            Ok(deleted) => Ok(Renamed { file, deleted }),
            Err(error) => {
                let error = error.about(from.as_str()).with_effect(true);
                Err(self.client().redacted(error))
            }
        }
    }

    /// Deletes the version that was copied, and those beneath it if all are to be deleted.
    async fn delete_copied(
        &self,
        name: &FileName,
        copied: FileVersion,
        scope: DeleteScope,
    ) -> Result<Vec<FileVersion>, Error> {
        let mode = DeleteMode::Delete {
            concurrency: CONCURRENCY,
        };
        let call = RemovalCall::Delete { bypass: false };
        if scope == DeleteScope::NewestVersion {
            let one = stream::iter([Ok(copied)]);
            return Sweep::new(self, one, mode, call).finish().await;
        }
        let mut versions = self.about(name.as_str()).versions_of(name);
        let Some(newest) = versions.try_next().await? else {
            return Ok(Vec::new());
        };
        if newest.file_id != copied.file_id {
            let what = "the file was copied, but its old name has since got a newer version; \
                        nothing was deleted";
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        let all = stream::once(ready(Ok(newest))).chain(versions);
        Sweep::new(self, all, mode, call).finish().await
    }
}

/// Compares the copy with its source before the source is deleted.
fn check_copy(source: &FileVersion, copy: &FileVersion) -> Result<(), Error> {
    let differs = |what: String| Err(Error::new(ErrorKind::Integrity, what));
    if copy.content_length != source.content_length {
        let (has, copied) = (source.content_length, copy.content_length);
        return differs(format!(
            "the file has {has} bytes, but its copy has {copied}"
        ));
    }
    match (source.expected_sha1(), copy.expected_sha1()) {
        (Some(has), Some(copied)) if has != copied => differs(format!(
            "the file's SHA-1 is {has}, but that of its copy is {copied}"
        )),
        _ => Ok(()),
    }
}
