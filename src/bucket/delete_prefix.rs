//! [`delete_prefix`](BucketHandle::delete_prefix) and
//! [`delete_all_files`](BucketHandle::delete_all_files).

use futures_core::Stream;

use super::stage_refused;
use super::sweep::{DeleteMode, RemovalCall, Sweep};
use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::is_create_stage;
use crate::types::FileVersion;

const DELETE: RemovalCall = RemovalCall::Delete { bypass: false };

impl BucketHandle {
    /// Deletes all versions of all files whose names begin with `prefix`, hide markers too. A
    /// prefix is not a folder: `photos` also matches `photos-old/1.jpg`, `photos/` doesn't.
    ///
    /// [`DeleteMode::DryRun`] yields the same versions and deletes nothing. Each version comes with
    /// its outcome, and a failure doesn't stop the others. The newest version of each name is
    /// deleted last, and stays if an older one could not be deleted, so no older version ever
    /// becomes visible, even if the deletion is interrupted.
    ///
    /// An empty prefix is an error: [`delete_all_files`](Self::delete_all_files) empties a bucket.
    /// Unfinished uploads ([`cancel_unfinished`](Self::cancel_unfinished)) and the
    /// [stages](crate::transfer::CREATE_STAGES) of [`create`](Self::create) are left alone.
    ///
    /// Costs a `b2_list_file_versions` (class C) for each 1,000 versions, and a
    /// `b2_delete_file_version` (class A, which is free) for each version.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use b2kit::DeleteMode;
    /// # use futures::TryStreamExt;
    /// # async fn delete(bucket: BucketHandle) -> Result<(), Error> {
    /// let mut versions = bucket.delete_prefix("logs/2025/", DeleteMode::DryRun);
    /// while let Some((version, _)) = versions.try_next().await? {
    ///     println!("would delete {} of {}", version.file_name, version.upload_timestamp);
    /// }
    /// let mode = DeleteMode::Delete { concurrency: 10 };
    /// let mut versions = bucket.delete_prefix("logs/2025/", mode);
    /// while let Some((version, outcome)) = versions.try_next().await? {
    ///     if let Err(error) = outcome {
    ///         eprintln!("{}: {error}", version.file_name);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An error of the whole operation is the last item: [`Invalid`](crate::ErrorKind::Invalid) for
    /// an empty prefix or that of stages, [`Unauthorized`](crate::ErrorKind::Unauthorized) without
    /// `listFiles`, [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted, or
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the listing failed after its retries. The
    /// outcome of a version is [`Unauthorized`](crate::ErrorKind::Unauthorized) without
    /// `deleteFiles`, and with B2's code `access_denied` if a retention or a legal hold protects
    /// it.
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls in progress. B2 may still carry out those that it has
    /// received.
    #[doc(alias = "delete_dir")]
    pub fn delete_prefix(
        &self,
        prefix: &str,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        if prefix.is_empty() {
            let error = "an empty prefix matches every file of the bucket; call \
                         delete_all_files to delete them all";
            return Sweep::refused(self, Error::invalid(error));
        }
        if is_create_stage(prefix) {
            return Sweep::refused(self, stage_refused(prefix));
        }
        Sweep::new(self, self.versions(prefix), mode, DELETE)
    }

    /// Empties the bucket, so that it can be [deleted](Self::delete_bucket): deletes all versions
    /// of all files, hide markers, unfinished uploads, and the
    /// [stages](crate::transfer::CREATE_STAGES) of [`create`](Self::create). Uploads and creates in
    /// progress fail.
    ///
    /// Dry run, outcomes, order and cost are those of [`delete_prefix`](Self::delete_prefix): a
    /// `b2_list_file_versions` (class C) for each 1,000 versions, and a `b2_delete_file_version`
    /// (class A, which is free) for each version.
    ///
    /// # Errors
    /// An error of the whole operation is the last item:
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) without `listFiles`,
    /// [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted, or
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the listing failed after its retries. The
    /// outcome of a version is [`Unauthorized`](crate::ErrorKind::Unauthorized) without
    /// `deleteFiles`, and with B2's code `access_denied` if a retention or a legal hold protects
    /// it.
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls in progress. B2 may still carry out those that it has
    /// received.
    pub fn delete_all_files(
        &self,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        Sweep::new(self, self.all_versions(""), mode, DELETE)
    }
}
