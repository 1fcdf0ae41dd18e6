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
    /// Lists the large files whose uploads were started and neither finished nor cancelled, and
    /// whose names begin with `prefix`, the oldest first. Uploads in progress are among them,
    /// whoever makes them; so are stages of [`create`](Self::create).
    ///
    /// B2 charges for their parts until they are finished or cancelled. What this client itself has
    /// begun, and not ended, is in [`Client::unfinished`](crate::Client::unfinished).
    ///
    /// Costs a `b2_list_unfinished_large_files` (class C) for each 100 files.
    ///
    /// # Errors
    /// The stream ends after an error:
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key lacks `listFiles`, or is restricted
    ///   to names that the prefix doesn't begin with.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the bucket was deleted.
    /// - [`Protocol`](crate::ErrorKind::Protocol): a page doesn't fit the request.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): a page
    ///   failed for good, after its retries.
    pub fn unfinished(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        let call = ListUnfinishedLargeFiles::new(self.id());
        // A key that is restricted to names has to say which; others need not.
        self.client().paginate(match prefix {
            "" => call,
            prefix => call.name_prefix(prefix),
        })
    }

    /// Cancels the [unfinished](Self::unfinished) large files with this prefix that were started
    /// before `before`, and deletes their parts.
    ///
    /// An upload that is still in progress fails when its file is cancelled, so leave uploads the
    /// time that they may take. Yields each file with the outcome; a failure doesn't stop the
    /// others. [`DeleteMode::DryRun`] yields the same files and cancels none.
    ///
    /// Costs what [`unfinished`](Self::unfinished) costs, and a `b2_cancel_large_file` (class A,
    /// which is free) for each file. One that was finished since it was listed stays as it is, and
    /// its outcome is [`Rejected`](crate::ErrorKind::Rejected).
    ///
    /// # Errors
    /// A failed listing is the last item, with the kinds of [`unfinished`](Self::unfinished). The
    /// outcome of a file is [`Unauthorized`](crate::ErrorKind::Unauthorized) without `writeFiles`,
    /// [`Rejected`](crate::ErrorKind::Rejected) if the file was finished since, or
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Http`](crate::ErrorKind::Http) if the
    /// call failed for good.
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
