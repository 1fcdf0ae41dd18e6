//! Code that is specific to `object_store` 0.13.

use std::ops::Range;

use b2kit::types::FileId;

use super::adapter::{abort_parts, complete_parts, send_part, start_parts};
use super::object_store::multipart::{MultipartStore, PartId};
use super::object_store::path::Path;
use super::object_store::{
    Attributes, GetResult, GetResultPayload, ListResult, MultipartId, ObjectMeta, PutPayload,
    PutResult, Result,
};
use crate::store::B2Store;

pub(super) fn put_result(id: &FileId) -> PutResult {
    let id = Some(id.as_str().to_owned());
    PutResult {
        e_tag: id.clone(),
        version: id,
    }
}

pub(super) fn get_result(
    payload: GetResultPayload,
    meta: ObjectMeta,
    range: Range<u64>,
    attributes: Attributes,
) -> GetResult {
    GetResult {
        payload,
        meta,
        range,
        attributes,
    }
}

pub(super) fn list_result(common_prefixes: Vec<Path>, objects: Vec<ObjectMeta>) -> ListResult {
    ListResult {
        common_prefixes,
        objects,
    }
}

#[async_trait::async_trait]
impl MultipartStore for B2Store {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        start_parts(self, path, &Default::default(), &Default::default()).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        send_part(self, path, id, part_idx, data).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        complete_parts(self, path, id, parts).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        abort_parts(self, path, id).await
    }
}
