//! Discards the stages that creates left behind.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::driver::run;
use super::protocol::Intent;
use super::slot::CreateSlot;
use super::stage::{CREATE_STAGES, NONCE, Stage, is_stage_name};
use crate::api::ListFileVersions;
#[cfg(doc)]
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transfer::bucket::BucketHandle;
use crate::types::Action;

impl BucketHandle {
    /// Deletes the stages in this bucket that are older than `minimum_age`, by B2's clock, counted
    /// from the start of their upload. Returns how many.
    ///
    /// It goes through the slot, so no file is made of a stage that is being deleted; never delete
    /// stages in another way. A writer whose stage is deleted too early starts over, so a minimum
    /// age that is too short costs time and never a file. Large stages whose upload was not
    /// finished are left to [`Client::cancel_unfinished_large_files`].
    ///
    /// # Errors
    /// The first error ends it; what was deleted stays deleted.
    /// - [`Unavailable`](ErrorKind::Unavailable): B2's time is unknown, or B2 does not answer.
    /// - [`Unauthorized`](ErrorKind::Unauthorized): the key may not list, read or delete files, or
    ///   update the slot's bucket.
    /// - [`Protocol`](ErrorKind::Protocol): the slot holds an entry that this version of the crate
    ///   doesn't know.
    /// - [`NotFound`](ErrorKind::NotFound): one of the buckets is gone.
    /// - [`Credentials`](ErrorKind::Credentials), [`TooManyRequests`](ErrorKind::TooManyRequests),
    ///   [`Rejected`](ErrorKind::Rejected), [`Http`](ErrorKind::Http),
    ///   [`ShutDown`](ErrorKind::ShutDown): the call that failed for good.
    ///
    /// # Cancellation
    /// Dropping the future may leave an intent in the slot, which its next user carries out.
    pub async fn discard_abandoned_creates(
        &self,
        slot: &CreateSlot,
        minimum_age: Duration,
    ) -> Result<u64, Error> {
        let mut gone = 0;
        let list = ListFileVersions::new(self.id()).prefix(CREATE_STAGES);
        let mut rows = self.client().paginate(list);
        while let Some(row) = rows.try_next().await? {
            let Some(version) = row.into_version() else {
                continue;
            };
            let now = self
                .client()
                .server_time()
                .ok_or_else(|| Error::new(ErrorKind::Unavailable, "B2's time is unknown"))?;
            let age = now
                .as_millis()
                .saturating_sub(version.upload_timestamp.as_millis());
            // B2 tells its time to the second, so a new stage may seem to be from the future.
            let is_old = u128::try_from(age.max(0)).is_ok_and(|age| age >= minimum_age.as_millis());
            let nonce = version.file_info.get(NONCE).unwrap_or_default();
            let is_file = matches!(version.action, Action::Upload | Action::Copy);
            if !is_old || !is_file || !is_stage_name(&version.file_name, nonce) {
                continue;
            }
            let stage = Stage {
                file_id: version.file_id.clone(),
                file_name: version.file_name.clone(),
                nonce: nonce.into(),
                bucket_id: self.id().clone(),
                target: None,
            };
            run(self, slot, Intent::Discard(stage)).await?;
            gone += 1;
        }
        Ok(gone)
    }
}
