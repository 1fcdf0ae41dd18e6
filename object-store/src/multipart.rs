//! Multipart uploads, as large files of B2.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use b2kit::api::{
    CancelLargeFile, FinishLargeFile, ListUnfinishedLargeFiles, StartLargeFile, UploadPart,
};
use b2kit::types::{FileId, FileInfo, PartNumber, Sha1};
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use tracing::warn;

use crate::first_parts::OnlyPart;
use crate::limit::Limit;
use crate::payload::Payload;
use crate::store::{B2Store, Metadata};
use crate::store_error::StoreError;

/// The file info key by which b2kit recognizes a large file after the response to its start was lost.
pub(crate) const UPLOAD_ID: &str = "b2kit-upload-id";

/// A multipart upload.
///
/// The large file is started at once, since B2 orders versions by their start. The first part is not sent until there
/// is a second one: B2 refuses large files of one part.
#[derive(Debug)]
pub(crate) struct Multipart {
    store: B2Store,
    path: String,
    metadata: Metadata,
    file_id: FileId,
    /// Minimum size of all parts except the last.
    min_part_size: u64,
    /// Until there is a second part.
    first_part: Option<Payload>,
    parts: u64,
    /// Length of the last part so far.
    last_len: u64,
    uploaded: Arc<Mutex<BTreeMap<u16, Sha1>>>,
    is_over: bool,
}

impl B2Store {
    /// Starts a large file.
    pub(crate) async fn start(
        &self,
        path: &str,
        metadata: &Metadata,
    ) -> Result<FileId, StoreError> {
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.open_bucket(path).await?;
        let failed = |error| StoreError::b2(path, error);
        let mut start = StartLargeFile::new(bucket.id(), name)
            .file_info(metadata.info.clone())
            .upload_id(unique_id())
            .map_err(failed)?;
        if let Some(content_type) = &metadata.content_type {
            start = start.content_type(content_type.clone());
        }
        Ok(bucket.client().call(start).await.map_err(failed)?.file_id)
    }

    pub(crate) async fn multipart(
        &self,
        path: &str,
        metadata: Metadata,
    ) -> Result<Multipart, StoreError> {
        let session = self.client().session().await;
        let session = session.map_err(|error| StoreError::b2(path, error))?;
        let file_id = self.start(path, &metadata).await?;
        Ok(Multipart {
            store: self.clone(),
            path: path.into(),
            metadata,
            file_id,
            min_part_size: session.absolute_minimum_part_size(),
            first_part: None,
            parts: 0,
            last_len: u64::MAX,
            uploaded: Arc::default(),
            is_over: false,
        })
    }

    /// Uploads a part. Returns its SHA-1.
    pub(crate) async fn send_part(
        &self,
        path: &str,
        file_id: &FileId,
        number: PartNumber,
        payload: &Payload,
    ) -> Result<Sha1, StoreError> {
        let upload = UploadPart::new(file_id, number, payload.body());
        let part = self.client().call(upload).await;
        let part = part.map_err(|error| StoreError::b2(path, error))?;
        let sha1 = part.content_sha1.sha1().copied();
        sha1.ok_or_else(|| StoreError::other(path, "B2's response lacks the part's SHA-1"))
    }

    pub(crate) async fn finish(
        &self,
        path: &str,
        file_id: &FileId,
        parts: Vec<Sha1>,
    ) -> Result<FileId, StoreError> {
        let finished = self
            .client()
            .call(FinishLargeFile::new(file_id, parts))
            .await;
        Ok(finished
            .map_err(|error| StoreError::b2(path, error))?
            .file_id)
    }

    pub(crate) async fn cancel(&self, path: &str, file_id: &FileId) -> Result<(), StoreError> {
        let cancelled = self.client().call(CancelLargeFile::new(file_id)).await;
        cancelled
            .map(drop)
            .map_err(|error| StoreError::b2(path, error))
    }

    /// Uploads a small file in place of a large one, then cancels the large one. If only the cancellation fails, that
    /// is logged.
    pub(crate) async fn put_small_file(
        &self,
        path: &str,
        file_id: &FileId,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, StoreError> {
        let put = self.put(path, payload, metadata).await?;
        if let Err(error) = self.cancel(path, file_id).await {
            warn!(%file_id, ?error, "a large file without a second part could not be cancelled");
        }
        Ok(put)
    }

    /// Completes an upload of at most one part, as a small file.
    pub(crate) async fn complete_small(
        &self,
        path: &str,
        file_id: &FileId,
        part: Option<&Sha1>,
    ) -> Result<FileId, StoreError> {
        let only = part.map(|sha1| (self.shared.first_parts).only_part(file_id.as_str(), sha1));
        let payload = match only {
            None => std::iter::empty().collect(),
            Some(OnlyPart::Kept(payload)) => payload,
            Some(OnlyPart::Evicted) => {
                let what = "the bytes of its only part were dropped, since newer uploads needed \
                            the memory; upload the part again";
                return Err(StoreError::limit(path, Limit::SinglePartsInMemory, what));
            }
            Some(OnlyPart::Unknown) => {
                let what = "B2 rejects large files of one part, and this store did not upload that \
                            part, so it can't upload it as a small file";
                return Err(StoreError::limit(
                    path,
                    Limit::SinglePartStaysWithItsStore,
                    what,
                ));
            }
        };
        let metadata = self.start_metadata(path, file_id).await?;
        self.put_small_file(path, file_id, &payload, metadata).await
    }

    /// The metadata with which an unfinished large file was started.
    async fn start_metadata(&self, path: &str, file_id: &FileId) -> Result<Metadata, StoreError> {
        let bucket = self.open_bucket(path).await?;
        let list = ListUnfinishedLargeFiles::new(bucket.id())
            .name_prefix(self.shared.prefix.file_name(path)?.as_str())
            .start_file_id(file_id)
            .max_file_count(1);
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| StoreError::b2(path, error))?;
        let file = page.files.into_iter().find(|file| file.file_id == *file_id);
        let file =
            file.ok_or_else(|| StoreError::other(path, format!("there is no upload {file_id}")))?;
        let info = file.file_info.iter().filter(|(key, _)| *key != UPLOAD_ID);
        Ok(Metadata {
            content_type: file.content_type,
            info: FileInfo::unchecked(info),
        })
    }
}

impl Multipart {
    /// Adds the next part. The returned future uploads it; the first part is uploaded with the second.
    pub(crate) fn put_part(
        &mut self,
        payload: Payload,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        if self.is_over {
            return self.refuse("the upload was completed or aborted");
        }
        if payload.len() == 0 {
            return future::ready(Ok(())).boxed();
        }
        // Refused parts count too, so that the upload can't be completed without them.
        self.parts += 1;
        if self.last_len < self.min_part_size {
            return self.refuse(&format!(
                "part {} has {} bytes, and only the last part may have fewer than {}",
                self.parts - 1,
                self.last_len,
                self.min_part_size
            ));
        }
        self.last_len = payload.len();
        let Ok(number) = PartNumber::new(self.parts) else {
            return self.refuse("a large file has at most 10,000 parts");
        };
        if number == PartNumber::FIRST {
            self.first_part = Some(payload);
            return future::ready(Ok(())).boxed();
        }
        let this = self.send(number, payload);
        match self.first_part.take() {
            Some(first) => {
                let first = self.send(PartNumber::FIRST, first);
                async move { future::try_join(first, this).await.map(drop) }.boxed()
            }
            None => this,
        }
    }

    fn send(
        &self,
        number: PartNumber,
        payload: Payload,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (store, path, file_id) = (self.store.clone(), self.path.clone(), self.file_id.clone());
        let sent = Arc::clone(&self.uploaded);
        async move {
            let sha1 = store.send_part(&path, &file_id, number, &payload).await?;
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.insert(number.as_u16(), sha1);
            Ok(())
        }
        .boxed()
    }

    fn refuse(&self, what: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        future::ready(Err(StoreError::other(&self.path, what))).boxed()
    }

    pub(crate) async fn complete(&mut self) -> Result<FileId, StoreError> {
        if self.is_over {
            return Err(StoreError::other(
                &self.path,
                "the upload was completed or aborted",
            ));
        }
        let (path, file_id) = (self.path.as_str(), &self.file_id);
        let completed = if self.parts <= 1 {
            let payload = self
                .first_part
                .clone()
                .unwrap_or_else(|| std::iter::empty().collect());
            let metadata = self.metadata.clone();
            self.store
                .put_small_file(path, file_id, &payload, metadata)
                .await?
        } else {
            let parts = self.digests()?;
            self.store.finish(path, file_id, parts).await?
        };
        self.is_over = true;
        self.first_part = None;
        Ok(completed)
    }

    /// The SHA-1s of all parts.
    fn digests(&self) -> Result<Vec<Sha1>, StoreError> {
        let sent = self.uploaded.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = 1..=self.parts;
        let digests = numbers.map(|number| {
            let digest = u16::try_from(number)
                .ok()
                .and_then(|number| sent.get(&number));
            let missing =
                || StoreError::other(&self.path, format!("part {number} was not uploaded"));
            digest.copied().ok_or_else(missing)
        });
        digests.collect()
    }

    pub(crate) async fn abort(&mut self) -> Result<(), StoreError> {
        if self.is_over {
            return Ok(());
        }
        self.store.cancel(&self.path, &self.file_id).await?;
        self.is_over = true;
        self.first_part = None;
        Ok(())
    }
}

/// A random id. `RandomState` is seeded by the operating system, so clones of a virtual machine get different ids.
fn unique_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}
