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
    store.shared.first_parts.record(id, part_idx, &payload);
    let sent = store
        .send_part(path, &id.as_str().into(), number, &payload)
        .await;
    let content_id = sent.map_err(into_error)?.to_string();
    Ok(PartId { content_id })
}

pub(in super::super) async fn complete_parts(
    store: &B2Store,
    path: &Path,
    id: &MultipartId,
    parts: Vec<PartId>,
) -> Result<PutResult> {
    let path = path.as_ref();
    let file_id = FileId::from(id.as_str());
    let completed = if parts.len() > 1 {
        let digests = parts.iter().map(|part| part.content_id.parse::<Sha1>());
        let digests: Result<Vec<_>, _> = digests.collect();
        let digests = digests.map_err(|error| into_error(StoreError::b2(path, error)))?;
        store.finish(path, &file_id, digests).await
    } else {
        complete_small(store, path, &file_id, parts.first()).await
    };
    let put = put_result(&completed.map_err(into_error)?);
    store.shared.first_parts.take(id);
    Ok(put)
}

/// Completes an upload of at most one part, as a small file.
async fn complete_small(
    store: &B2Store,
    path: &str,
    file_id: &FileId,
    part: Option<&PartId>,
) -> Result<FileId, StoreError> {
    let payload = match part {
        None => std::iter::empty().collect(),
        Some(_) => {
            let kept = store.shared.first_parts.take(file_id.as_str());
            kept.ok_or_else(|| {
                let what =
                    "B2 rejects large files of one part, and this store did not upload that part, \
                     so it can't upload it as a small file";
                StoreError::other(path, what)
            })?
        }
    };
    let metadata = store.start_metadata(path, file_id).await;
    let put = match metadata {
        Ok(metadata) => {
            store
                .put_small_file(path, file_id, &payload, metadata)
                .await
        }
        Err(error) => Err(error),
    };
    if put.is_err() && part.is_some() {
        store
            .shared
            .first_parts
            .record(file_id.as_str(), 0, &payload); // for another attempt
    }
    put
}

pub(in super::super) async fn abort_parts(
    store: &B2Store,
    path: &Path,
    id: &MultipartId,
) -> Result<()> {
    store.shared.first_parts.take(id);
    store
        .cancel(path.as_ref(), &id.as_str().into())
        .await
        .map_err(into_error)
}
