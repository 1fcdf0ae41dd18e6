//! [`create`](BucketHandle::create): carried out by `transfer`.

use std::time::Duration;

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::bucket::BucketHandle;
use crate::transfer::{Create, CreateSlot, Source, discard_abandoned};
use crate::types::FileName;

impl BucketHandle {
    /// Creates a file if there is none of this name: what is also called put-if-absent.
    ///
    /// B2 has no conditional upload; [`Create`] says how this works all the same, what all writers
    /// have to observe, and what it costs: eight calls of class C. An invalid name is an error of
    /// the future, not of this method.
    #[doc(alias = "put_if_absent")]
    #[doc(alias = "if_none_match")]
    pub fn create<N>(&self, name: N, source: impl Into<Source>, slot: &CreateSlot) -> Create
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Create::new(self.clone(), name, source, slot)
    }

    /// Discards the stages that dropped or crashed [creates](Self::create) have left in this
    /// bucket: those whose upload began at least `minimum_age` ago, by B2's clock. Returns how
    /// many.
    ///
    /// This goes through the slot, so that no file is made of a stage that is being discarded;
    /// never delete stages otherwise. A writer whose stage is discarded begins again, so a minimum
    /// age that is too short costs time but never a file. Stages whose upload was not finished are
    /// left to [`cancel_unfinished`](Self::cancel_unfinished).
    ///
    /// # Errors
    /// The first error ends it; what was discarded stays so.
    /// [`Unavailable`](ErrorKind::Unavailable) if B2 hasn't said what time it is.
    pub async fn discard_abandoned_creates(
        &self,
        slot: &CreateSlot,
        minimum_age: Duration,
    ) -> Result<u64, Error> {
        discard_abandoned(self, slot, minimum_age).await
    }
}
