//! Discards abandoned stages of creates.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::driver::run;
use super::protocol::Intent;
use super::slot::CreateSlot;
use super::stage::{CREATE_STAGES, NONCE, Stage, is_stage_name};
use crate::api::ListFileVersions;
use crate::client::{BucketHandle, MAX_VERSIONS, at_most};
use crate::error::{Error, ErrorKind};
use crate::types::Action;

/// Discards the stages in this bucket older than `minimum_age`. Returns their number.
pub(crate) async fn discard_abandoned(
    bucket: &BucketHandle,
    slot: &CreateSlot,
    minimum_age: Duration,
) -> Result<u64, Error> {
    let mut gone = 0;
    let list = ListFileVersions::new(bucket.id()).prefix(CREATE_STAGES);
    let mut rows = at_most(MAX_VERSIONS, bucket.client().paginate(list));
    while let Some(row) = rows.try_next().await? {
        let Some(version) = row.into_version() else {
            continue;
        };
        let now = bucket
            .client()
            .server_time()
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, "B2's time is unknown"))?;
        let age = now
            .as_millis()
            .saturating_sub(version.upload_timestamp.as_millis());
        // B2's time has a resolution of one second, so a new stage may seem to be from the future.
        let is_old = u128::try_from(age.max(0)).is_ok_and(|age| age >= minimum_age.as_millis());
        let nonce = version.file_info.get(NONCE).unwrap_or_default();
        let is_file = matches!(version.action, Action::Upload | Action::Copy);
        if !is_old || !is_file || !is_stage_name(version.file_name.as_str(), nonce) {
            continue;
        }
        let stage = Stage {
            file_id: version.file_id.clone(),
            file_name: version.file_name.as_str().into(),
            nonce: nonce.into(),
            bucket_id: bucket.id().clone(),
            target: None,
        };
        run(bucket, slot, Intent::Discard(stage)).await?;
        gone += 1;
    }
    Ok(gone)
}
