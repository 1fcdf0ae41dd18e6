//! Multipart uploads: `MultipartUpload`, and the functions behind `MultipartStore`.

use b2kit::types::{FileId, PartNumber, Sha1};
use futures_util::TryFutureExt as _;

use super::super::compat::put_result;
use super::super::object_store::multipart::PartId;
use super::super::object_store::{
    Attributes, MultipartId, MultipartUpload, PutPayload, PutResult, Result, TagSet, UploadPart,
};
use super::Path;
use super::attributes::metadata;
use super::error::into_error;
use crate::multipart::Multipart;
use crate::payload::Payload;
use crate::store::B2Store;
use crate::store_error::StoreError;

#[async_trait::async_trait]
impl MultipartUpload for Multipart {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        Box::pin(Self::put_part(self, data.into_iter().collect()).map_err(into_error))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let completed = Self::complete(self).await;
        completed.map(|id| put_result(&id)).map_err(into_error)
    }

    async fn abort(&mut self) -> Result<()> {
        Self::abort(self).await.map_err(into_error)
    }
}

pub(in super::super) async fn start_parts(
    store: &B2Store,
    path: &Path,
    tags: &TagSet,
    attributes: &Attributes,
) -> Result<MultipartId> {
    let metadata = metadata(tags, attributes).map_err(into_error)?;
    let started = store.start(path.as_ref(), &metadata).await;
    Ok(started.map_err(into_error)?.as_str().to_owned())
}

pub(in super::super) async fn send_part(
    store: &B2Store,
    path: &Path,
    id: &MultipartId,
    part_idx: usize,
    data: PutPayload,
) -> Result<PartId> {
    let path = path.as_ref();
    let payload: Payload = data.into_iter().collect();
    let number = PartNumber::new((part_idx as u64).saturating_add(1));
    let number = number.map_err(|error| into_error(StoreError::b2(path, error)))?;
    let sent = store
        .send_part(path, &id.as_str().into(), number, &payload)
        .await;
    let sha1 = sent.map_err(into_error)?;
    store
        .shared
        .first_parts
        .record(id, part_idx, sha1, &payload);
    Ok(PartId {
        content_id: sha1.to_string(),
    })
}

pub(in super::super) async fn complete_parts(
    store: &B2Store,
    path: &Path,
    id: &MultipartId,
    parts: Vec<PartId>,
) -> Result<PutResult> {
    let path = path.as_ref();
    let file_id = FileId::from(id.as_str());
    let digests = parts.iter().map(|part| part.content_id.parse::<Sha1>());
    let digests: Result<Vec<_>, _> = digests.collect();
    let digests = digests.map_err(|error| into_error(StoreError::b2(path, error)))?;
    let completed = match digests.as_slice() {
        [] => store.complete_small(path, &file_id, None).await,
        [only] => store.complete_small(path, &file_id, Some(only)).await,
        _ => store.finish(path, &file_id, digests).await,
    };
    let put = put_result(&completed.map_err(into_error)?);
    store.shared.first_parts.remove(id);
    Ok(put)
}

pub(in super::super) async fn abort_parts(
    store: &B2Store,
    path: &Path,
    id: &MultipartId,
) -> Result<()> {
    store.shared.first_parts.remove(id);
    store
        .cancel(path.as_ref(), &id.as_str().into())
        .await
        .map_err(into_error)
}
