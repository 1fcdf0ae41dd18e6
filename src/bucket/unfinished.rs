//! Unfinished large files: [`unfinished`](BucketHandle::unfinished) and
//! [`cancel_unfinished`](BucketHandle::cancel_unfinished).

use std::future::ready;

use futures_core::Stream;
use futures_util::TryStreamExt as _;

use super::sweep::{DeleteMode, RemovalCall, Sweep};
use crate::api::ListUnfinishedLargeFiles;
use crate::client::BucketHandle;
use crate::error::Error;
use crate::types::{FileVersion, Timestamp};

impl BucketHandle {
    /// Lists the large files whose names begin with `prefix` and whose uploads were started but
    /// neither finished nor cancelled, the oldest first. This includes uploads in progress, by this
    /// or any other program, and stages of [`create`](Self::create).
    ///
    /// B2 charges for their parts until they are finished or cancelled.
    /// [`Client::unfinished`](crate::Client::unfinished) has only those that this client has
    /// started.
    ///
    /// Costs a `b2_list_unfinished_large_files` (class C) for each 100 files.
    ///
    /// # Errors
    /// The stream ends after an error:
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key lacks `listFiles`, or is restricted
    ///   to names that the prefix doesn't begin with.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the bucket was deleted.
    /// - [`Protocol`](crate::ErrorKind::Protocol): a page doesn't match the request.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): a page
    ///   failed after its retries.
    pub fn unfinished(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        let call = ListUnfinishedLargeFiles::new(self.id());
        // A key that is restricted to a name prefix has to specify one; other keys need not.
        self.client().paginate(match prefix {
            "" => call,
            prefix => call.name_prefix(prefix),
        })
    }

    /// Cancels the [unfinished](Self::unfinished) large files with this prefix that were started
    /// before `before`, and deletes their parts.
    ///
    /// An upload that is still in progress fails when its file is cancelled, so choose a time
    /// before which no upload in progress can have started. Yields each file with its outcome; a
    /// failure doesn't stop the others. [`DeleteMode::DryRun`] yields the same files and cancels
    /// none.
    ///
    /// Costs what [`unfinished`](Self::unfinished) costs, and a `b2_cancel_large_file` (class A,
    /// which is free) for each file. A file that was finished after it was listed stays as it is,
    /// and its outcome is [`Rejected`](crate::ErrorKind::Rejected).
    ///
    /// # Errors
    /// A failed listing is the last item, with the kinds of [`unfinished`](Self::unfinished). The
    /// outcome of a file is [`Unauthorized`](crate::ErrorKind::Unauthorized) without `writeFiles`,
    /// [`Rejected`](crate::ErrorKind::Rejected) if the file was finished in the meantime, or
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Http`](crate::ErrorKind::Http) if the
    /// call failed after its retries.
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls in progress. B2 may still carry out those that it has
    /// received.
    pub fn cancel_unfinished(
        &self,
        prefix: &str,
        before: Timestamp,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        let files = self.unfinished(prefix);
        let old = files.try_filter(move |file| ready(file.upload_timestamp < before));
        Sweep::new(self, old, mode, RemovalCall::Cancel)
    }
}
