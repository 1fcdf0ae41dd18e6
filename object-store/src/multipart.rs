//! Writing in parts.

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

use crate::failure::Failure;
use crate::payload::Payload;
use crate::store::{B2Store, Metadata};

/// The entry of a file's info by which b2kit knows a large file again whose start was not answered.
pub(crate) const UPLOAD_ID: &str = "b2kit-upload-id";

/// An upload in parts that is under way.
///
/// The large file is started at once, since B2 orders versions by when they were started. The first part is held back
/// until there is a second: B2 refuses large files of one part.
#[derive(Debug)]
pub(crate) struct Multipart {
    store: B2Store,
    path: String,
    metadata: Metadata,
    file_id: FileId,
    /// The least size of all parts but the last.
    minimum: u64,
    held: Option<Payload>,
    parts: u64,
    /// The size of the part that was handed over last.
    last_len: u64,
    sent: Arc<Mutex<BTreeMap<u16, Sha1>>>,
    is_over: bool,
}

impl B2Store {
    /// Starts a large file.
    pub(crate) async fn start(&self, path: &str, metadata: &Metadata) -> Result<FileId, Failure> {
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.opened(path).await?;
        let failed = |error| Failure::b2(path, error);
        let mut start = StartLargeFile::new(bucket.id(), name)
            .file_info(metadata.info.clone())
            .upload_id(unique())
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
    ) -> Result<Multipart, Failure> {
        let session = self.client().session().await;
        let session = session.map_err(|error| Failure::b2(path, error))?;
        let file_id = self.start(path, &metadata).await?;
        Ok(Multipart {
            store: self.clone(),
            path: path.into(),
            metadata,
            file_id,
            minimum: session.absolute_minimum_part_size(),
            held: None,
            parts: 0,
            last_len: u64::MAX,
            sent: Arc::default(),
            is_over: false,
        })
    }

    /// Sends a part. Gives the SHA-1 that B2 has of it.
    pub(crate) async fn send_part(
        &self,
        path: &str,
        file_id: &FileId,
        number: PartNumber,
        payload: &Payload,
    ) -> Result<Sha1, Failure> {
        let upload = UploadPart::new(file_id, number, payload.body());
        let part = self.client().call(upload).await;
        let part = part.map_err(|error| Failure::b2(path, error))?;
        let sha1 = part.content_sha1.sha1().copied();
        sha1.ok_or_else(|| Failure::other(path, "B2 doesn't tell the part's SHA-1"))
    }

    pub(crate) async fn finish(
        &self,
        path: &str,
        file_id: &FileId,
        parts: Vec<Sha1>,
    ) -> Result<FileId, Failure> {
        let finished = self
            .client()
            .call(FinishLargeFile::new(file_id, parts))
            .await;
        Ok(finished.map_err(|error| Failure::b2(path, error))?.file_id)
    }

    pub(crate) async fn cancel(&self, path: &str, file_id: &FileId) -> Result<(), Failure> {
        let cancelled = self.client().call(CancelLargeFile::new(file_id)).await;
        cancelled
            .map(drop)
            .map_err(|error| Failure::b2(path, error))
    }

    /// Puts a small file where a large one was started. That one is cancelled then; if it can't be, the object is
    /// there all the same.
    pub(crate) async fn put_instead(
        &self,
        path: &str,
        file_id: &FileId,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, Failure> {
        let put = self.put(path, payload, metadata).await?;
        if let Err(failure) = self.cancel(path, file_id).await {
            warn!(%file_id, ?failure, "a large file without a second part could not be cancelled");
        }
        Ok(put)
    }

    /// What a large file that is not finished was started with.
    pub(crate) async fn started_with(
        &self,
        path: &str,
        file_id: &FileId,
    ) -> Result<Metadata, Failure> {
        let bucket = self.opened(path).await?;
        let list = ListUnfinishedLargeFiles::new(bucket.id())
            .start_file_id(file_id)
            .max_file_count(1);
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| Failure::b2(path, error))?;
        let file = page.files.into_iter().find(|file| file.file_id == *file_id);
        let file =
            file.ok_or_else(|| Failure::other(path, format!("there is no upload {file_id}")))?;
        let info = file.file_info.iter().filter(|(key, _)| *key != UPLOAD_ID);
        Ok(Metadata {
            content_type: file.content_type,
            info: FileInfo::unchecked(info),
        })
    }
}

impl Multipart {
    /// Takes the next part. It is sent while the future is polled; the first one is sent with the second.
    pub(crate) fn put_part(&mut self, payload: Payload) -> BoxFuture<'static, Result<(), Failure>> {
        if self.is_over {
            return self.refused("the upload is over");
        }
        if payload.len() == 0 {
            return future::ready(Ok(())).boxed();
        }
        // Counted even if it is refused: an upload without it can't be completed.
        self.parts += 1;
        if self.last_len < self.minimum {
            return self.refused(&format!(
                "part {} has {} bytes, and only the last part may have fewer than {}",
                self.parts - 1,
                self.last_len,
                self.minimum
            ));
        }
        self.last_len = payload.len();
        let Ok(number) = PartNumber::new(self.parts) else {
            return self.refused("a large file has 10,000 parts at most");
        };
        if number == PartNumber::FIRST {
            self.held = Some(payload);
            return future::ready(Ok(())).boxed();
        }
        let this = self.send(number, payload);
        match self.held.take() {
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
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let (store, path, file_id) = (self.store.clone(), self.path.clone(), self.file_id.clone());
        let sent = Arc::clone(&self.sent);
        async move {
            let sha1 = store.send_part(&path, &file_id, number, &payload).await?;
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.insert(number.as_u16(), sha1);
            Ok(())
        }
        .boxed()
    }

    fn refused(&self, what: &str) -> BoxFuture<'static, Result<(), Failure>> {
        future::ready(Err(Failure::other(&self.path, what))).boxed()
    }

    pub(crate) async fn complete(&mut self) -> Result<FileId, Failure> {
        if self.is_over {
            return Err(Failure::other(&self.path, "the upload is over"));
        }
        let (path, file_id) = (self.path.as_str(), &self.file_id);
        let completed = if self.parts <= 1 {
            let payload = self
                .held
                .clone()
                .unwrap_or_else(|| std::iter::empty().collect());
            let metadata = self.metadata.clone();
            self.store
                .put_instead(path, file_id, &payload, metadata)
                .await?
        } else {
            let parts = self.digests()?;
            self.store.finish(path, file_id, parts).await?
        };
        self.is_over = true;
        self.held = None;
        Ok(completed)
    }

    /// The SHA-1s of all parts.
    fn digests(&self) -> Result<Vec<Sha1>, Failure> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = 1..=self.parts;
        let digests = numbers.map(|number| {
            let digest = u16::try_from(number)
                .ok()
                .and_then(|number| sent.get(&number));
            let missing = || Failure::other(&self.path, format!("part {number} was not uploaded"));
            digest.copied().ok_or_else(missing)
        });
        digests.collect()
    }

    pub(crate) async fn abort(&mut self) -> Result<(), Failure> {
        if self.is_over {
            return Ok(());
        }
        self.store.cancel(&self.path, &self.file_id).await?;
        self.is_over = true;
        self.held = None;
        Ok(())
    }
}

/// What no other upload has. Two machines that were copied from one image differ in it.
fn unique() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}
