//! [`create`](BucketHandle::create): carried out by `transfer`.

use std::time::Duration;

use crate::client::BucketHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::{Create, CreateSlot, Source, discard_abandoned};
use crate::types::{FileName, FileVersion};

impl BucketHandle {
    /// Creates a file unless one with this name exists (put-if-absent).
    ///
    /// B2 has no conditional upload; [`Create`] says how this works without one, which rules all
    /// writers have to follow, and what it costs: eight calls of class C. An invalid name is
    /// reported when the future is awaited.
    #[doc(alias = "put_if_absent")]
    #[doc(alias = "if_none_match")]
    pub fn create<N>(&self, name: N, source: impl Into<Source>, slot: &CreateSlot) -> Create
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Create::new(self.clone(), name, source, slot)
    }

    /// Copies a version within B2 unless a file with this name exists in this bucket: a
    /// [`create`](Self::create) of content that B2 already has, with its content type and file
    /// info. The version may be in any bucket of the account.
    ///
    /// The stage is a copy: one more `b2_copy_file`, of class C, instead of an upload. The settings
    /// for parts have no effect.
    #[doc(alias = "copy_if_not_exists")]
    pub fn create_copy<N>(&self, version: &FileVersion, name: N, slot: &CreateSlot) -> Create
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Create::copy_of(self.clone(), version, name, slot)
    }

    /// Deletes the stages that dropped or crashed [creates](Self::create) have left in this bucket,
    /// if they are older than `minimum_age` by B2's clock, counted from the start of their upload.
    /// Returns their number.
    ///
    /// Each deletion goes through the slot, so a stage that is being deleted can't become a file;
    /// never delete stages in another way. A writer whose stage is deleted too early starts over,
    /// so a minimum age that is too short costs time and never a file. Large stages whose upload
    /// was not finished are left to [`cancel_unfinished`](Self::cancel_unfinished).
    ///
    /// # Errors
    /// The first error ends the cleanup; stages deleted before it stay deleted.
    /// - [`Unavailable`](ErrorKind::Unavailable): B2's time is unknown, or B2 does not respond.
    /// - [`Unauthorized`](ErrorKind::Unauthorized): the key may not list, read or delete files, or
    ///   update the slot's bucket.
    /// - [`Protocol`](ErrorKind::Protocol): the slot holds an entry that this version of the crate
    ///   doesn't know.
    /// - [`NotFound`](ErrorKind::NotFound): one of the buckets is gone.
    /// - [`Credentials`](ErrorKind::Credentials), [`TooManyRequests`](ErrorKind::TooManyRequests),
    ///   [`Rejected`](ErrorKind::Rejected), [`Http`](ErrorKind::Http),
    ///   [`ShutDown`](ErrorKind::ShutDown): a call failed after its retries.
    ///
    /// # Cancellation
    /// Dropping the future may leave an intent in the slot, which the slot's next user carries out.
    pub async fn discard_abandoned_creates(
        &self,
        slot: &CreateSlot,
        minimum_age: Duration,
    ) -> Result<u64, Error> {
        discard_abandoned(self, slot, minimum_age).await
    }
}
