//! Executes a composition, in one call or in parts.

use std::future::IntoFuture;
use std::sync::Arc;

use b2kit_core::Body;
use futures_core::future::BoxFuture;
use futures_util::stream;

use super::builder::{Compose, Composed};
use super::plan::{ComposePlan, ComposedPart};
use super::sources::{Metadata, OpenSources};
use crate::api::{StartLargeFile, UploadFile};
use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::copy::copy_parts::PartCopier;
use crate::transfer::large_file::{FileOptions, PartOrigin, PartTask, UploadCounter};
use crate::transfer::progress::Stage;
use crate::transfer::source::Segment;
use crate::types::{FileName, FileVersion, PartNumber};

impl Compose {
    /// Plans the composition without executing it: what would be copied, uploaded and downloaded.
    /// No source is read, but local files have to exist.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the file name, the part size, or a source's range
    ///   or length is invalid.
    /// - [`Source`](crate::ErrorKind::Source): a local file can't be opened.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): the
    ///   client could not be authorized.
    pub async fn plan(self) -> Result<ComposePlan, Error> {
        self.name?;
        let sources = OpenSources::open(self.bucket.client(), self.sources).await?;
        sources.plan(self.content.part_size).await
    }

    async fn run(mut self) -> Result<Composed, Error> {
        let name = std::mem::replace(&mut self.name, Err(Error::invalid("")))?;
        let (called, client) = (name.clone(), self.bucket.client().clone());
        let composed = self.composed(name).await;
        composed.map_err(|error| client.redacted(error.about(called.as_str())))
    }

    async fn composed(self, name: FileName) -> Result<Composed, Error> {
        let options = self.options;
        let bucket = self.bucket.about(name.as_str());
        let _transfer = bucket.client().begin_transfer()?;
        let sources = OpenSources::open(bucket.client(), self.sources).await?;
        let plan = sources.plan(self.content.part_size).await?;
        sources.check_empty_streams().await?;
        options.progress.expect_bytes(sources.len());
        let metadata = (self.content.content_type, self.content.file_info);
        let file = match &plan.parts[..] {
            [] => {
                let nothing = Body::empty().into();
                send(&bucket, &options, name, metadata, nothing).await
            }
            [all] if all.copied => sources.copy(all, &bucket, &options, name, metadata).await,
            [all] => {
                let segment = sources.segment(all).await?;
                send(&bucket, &options, name, metadata, segment).await
            }
            _ => in_parts(sources, plan.clone(), &bucket, &options, name, metadata).await,
        }?;
        options.progress.enter(Stage::Done);
        Ok(Composed { file, plan })
    }
}

impl IntoFuture for Compose {
    type Output = Result<Composed, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Uploads the file in one call.
async fn send(
    bucket: &BucketHandle,
    options: &FileOptions,
    name: FileName,
    (content_type, info): Metadata,
    content: Segment,
) -> Result<FileVersion, Error> {
    options.progress.enter(Stage::Transferring);
    let counter = UploadCounter::new(&options.progress);
    let upload = UploadFile::new(bucket.id(), name, counter.count(&content.body))
        .hashed_by_source(content.digest)
        .content_type(content_type)
        .file_info(info);
    let file = bucket
        .client()
        .call(options.apply_to_upload(upload))
        .await?;
    counter.commit();
    Ok(file)
}

async fn in_parts(
    sources: OpenSources,
    plan: ComposePlan,
    bucket: &BucketHandle,
    options: &FileOptions,
    name: FileName,
    (content_type, info): Metadata,
) -> Result<FileVersion, Error> {
    let start = StartLargeFile::new(bucket.id(), name.clone())
        .content_type(content_type)
        .file_info(info);
    let file = options.start(bucket, &name, start).await?;
    let parts = Arc::new(PartBuilder {
        sources,
        parts: plan.parts,
        copier: PartCopier {
            large_file_id: file.file_id.clone(),
            key: file.customer_key.clone(),
        },
    });
    options.progress.expect_parts(parts.parts.len() as u32);
    let each = Arc::clone(&parts);
    let tasks = stream::try_unfold(1, move |number| {
        let parts = Arc::clone(&each);
        async move {
            let task = parts.task(number).await?;
            Ok(task.map(|task| (task, number + 1)))
        }
    });
    file.upload_parts(tasks, |number| parts.recreate(number))
        .await
}

/// Creates the parts of a composed large file.
struct PartBuilder {
    sources: OpenSources,
    parts: Vec<ComposedPart>,
    copier: PartCopier,
}

impl PartBuilder {
    /// The part with this number; `None` after the last.
    async fn task(&self, number: u64) -> Result<Option<PartTask>, Error> {
        let Some(part) = self.parts.get(number as usize - 1) else {
            return Ok(None);
        };
        let number = PartNumber::new(number)?;
        if part.copied {
            return Ok(Some(self.copied(part, number)));
        }
        let segment = self.sources.segment(part).await?;
        Ok(Some(upload_task(part, number, segment)))
    }

    /// The same part again for a retry, unless it contains a non-replayable stream.
    fn recreate(&self, number: PartNumber) -> Option<PartTask> {
        let part = self.parts.get(usize::from(number.as_u16()) - 1)?;
        if part.copied {
            return Some(self.copied(part, number));
        }
        Some(upload_task(
            part,
            number,
            self.sources.replay_segment(part)?,
        ))
    }

    fn copied(&self, part: &ComposedPart, number: PartNumber) -> PartTask {
        let (stored, range) = self.sources.stored_range(part);
        let key = stored.key.as_ref();
        self.copier.part(number, &stored.file_id, range, key)
    }
}

fn upload_task(part: &ComposedPart, number: PartNumber, segment: Segment) -> PartTask {
    PartTask {
        number,
        len: part.len(),
        origin: PartOrigin::Local(segment),
    }
}
