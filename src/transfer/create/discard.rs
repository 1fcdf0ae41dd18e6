//! Discards the stages that creates left behind.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::driver::run;
use super::protocol::Intent;
use super::slot::CreateSlot;
use super::stage::{CREATE_STAGES, NONCE, Stage, fits};
use crate::api::ListFileVersions;
#[cfg(doc)]
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transfer::bucket::BucketHandle;
use crate::types::Action;

impl BucketHandle {
    /// Discards the stages in this bucket that writers have left behind: those that are older than this, by B2's clock, counted
    /// from when their upload began. Gives how many are gone.
    ///
    /// It goes through the slot, so that no file is made of a stage that is being discarded; never delete stages otherwise. A writer
    /// whose stage is discarded before it is taken begins again, so a minimum age that is too short costs time and
    /// never a file. Large stages whose upload was not finished are left to
    /// [`Client::cancel_unfinished_large_files`].
    ///
    /// # Errors
    /// The first error ends it; what was discarded stays so. [`Unavailable`](ErrorKind::Unavailable) where B2's time is
    /// not known.
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
            let now = self.client().server_time().ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "B2 doesn't say what time it is")
            })?;
            let age = now
                .as_millis()
                .saturating_sub(version.upload_timestamp.as_millis());
            // B2's answers tell the time to the second, so what is new may seem to be of the future.
            let is_old = u128::try_from(age.max(0)).is_ok_and(|age| age >= minimum_age.as_millis());
            let nonce = version.file_info.get(NONCE).unwrap_or_default();
            let is_file = matches!(version.action, Action::Upload | Action::Copy);
            if !is_old || !is_file || !fits(&version.file_name, nonce) {
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
