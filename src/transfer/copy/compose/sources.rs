//! [`OpenSources`]: the sources of a composition with their lengths, and the bytes of each part.

use std::collections::HashMap;
use std::ops::Range;

use futures_util::lock::Mutex;

use super::bodies::{concatenated, downloaded_body};
use super::compose_source::{ComposeOrigin, ComposeSource, StoredRange};
use super::extents::InputRange;
use super::plan::{ComposePlan, ComposedPart};
use super::planner::{PartLimits, plan};
use crate::api::CopyFile;
use crate::client::BucketHandle;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transfer::copy::copy_parts::byte_range;
use crate::transfer::large_file::{FileOptions, MAX_PART, MAX_PARTS, account_part_sizes};
use crate::transfer::progress::Stage;
use crate::transfer::source::{Opened, RandomAccess, Segment};
use crate::transfer::upload::{SequentialParts, with_memory};
use crate::types::{ContentType, EncryptionSetting, FileInfo, FileName, FileVersion, PartNumber};

/// The content type and file info of the new file.
pub(super) type Metadata = (ContentType, FileInfo);

/// The open sources, in order.
pub(super) struct OpenSources {
    pub(super) client: Client,
    pub(super) sources: Vec<OpenSource>,
}

pub(super) struct OpenSource {
    /// Its byte range in the new file.
    pub(super) range: Range<u64>,
    pub(super) kind: OpenKind,
}

pub(super) enum OpenKind {
    Stored(StoredRange),
    RandomAccess(RandomAccess),
    Sequential(Mutex<SequentialParts>),
}

impl OpenSources {
    pub(super) async fn open(client: &Client, sources: Vec<ComposeSource>) -> Result<Self, Error> {
        let (mut open, mut at) = (Vec::with_capacity(sources.len()), 0_u64);
        for (number, source) in (1..).zip(sources) {
            let (len, kind) = match source.0 {
                ComposeOrigin::Stored(stored) => {
                    (range_len(&stored.range, number)?, OpenKind::Stored(stored))
                }
                ComposeOrigin::Local(source) => match source.open(client).await? {
                    Opened::RandomAccess(opened) => (opened.len, OpenKind::RandomAccess(opened)),
                    Opened::Sequential(Some(len), stream) => {
                        let parts = SequentialParts::new(client.clone(), stream, Some(len));
                        (len, OpenKind::Sequential(Mutex::new(parts)))
                    }
                    Opened::Sequential(None, _) => {
                        return Err(Error::invalid(format!(
                            "source {number} is a stream of unknown length"
                        )));
                    }
                },
            };
            let end = at
                .checked_add(len)
                .ok_or_else(|| Error::invalid("the sources have too many bytes in total"))?;
            open.push(OpenSource {
                range: at..end,
                kind,
            });
            at = end;
        }
        Ok(Self {
            client: client.clone(),
            sources: open,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.sources.last().map_or(0, |last| last.range.end)
    }

    pub(super) async fn plan(&self, part_size: Option<u64>) -> Result<ComposePlan, Error> {
        let sizes = account_part_sizes(&self.client).await?;
        // Fails early on a wrong part size.
        sizes.layout(0, part_size)?;
        let is_sequential = |source: &OpenSource| matches!(source.kind, OpenKind::Sequential(_));
        let preferred = match part_size {
            Some(size) => size,
            None if self.sources.iter().any(is_sequential) => {
                sizes.for_unknown_length(PartNumber::FIRST, None)
            }
            None => sizes.recommended,
        };
        let mut files = HashMap::new();
        let inputs: Vec<_> = self
            .sources
            .iter()
            .map(|source| InputRange {
                len: source.len(),
                stored: source.stored().map(|stored| {
                    let next = files.len();
                    let number = *files.entry(&stored.file_id).or_insert(next);
                    (number, stored.range.start)
                }),
            })
            .collect();
        let limits = PartLimits {
            minimum: sizes.minimum,
            maximum: MAX_PART,
            preferred,
            parts: MAX_PARTS as usize,
        };
        plan(&inputs, limits)
    }

    /// The sources that a part overlaps, with the byte range in each.
    pub(super) fn overlapping(
        &self,
        part: &ComposedPart,
    ) -> impl Iterator<Item = (&OpenSource, Range<u64>)> {
        let range = part.range.clone();
        let first = self
            .sources
            .partition_point(|source| source.range.end <= range.start);
        let touched = self.sources[first..]
            .iter()
            .take_while(move |source| source.range.start < part.range.end);
        touched
            .filter(|source| source.len() > 0)
            .map(move |source| {
                let [start, end] = [range.start, range.end]
                    .map(|at| at.clamp(source.range.start, source.range.end) - source.range.start);
                (source, start..end)
            })
    }

    /// The source of a copied part: the file in B2, and the byte range in it.
    pub(super) fn stored_range(&self, part: &ComposedPart) -> (&StoredRange, Range<u64>) {
        let mut touched = self.overlapping(part);
        let first = touched
            .find_map(|(source, range)| source.stored().zip(Some(range)))
            .expect("a copied part lies in one file");
        let start = first.0.range.start + first.1.start;
        (first.0, start..start + part.len())
    }

    /// Copies the whole file in one call.
    pub(super) async fn copy(
        &self,
        all: &ComposedPart,
        bucket: &BucketHandle,
        options: &FileOptions,
        name: FileName,
        (content_type, info): Metadata,
    ) -> Result<FileVersion, Error> {
        options.progress.enter(Stage::Transferring);
        let (stored, range) = self.stored_range(all);
        let mut copy = CopyFile::new(&stored.file_id, name)
            .destination_bucket_id(bucket.id())
            .range(byte_range(range))
            .replace_metadata(content_type, info);
        if let Some(key) = &stored.key {
            copy = copy.source_server_side_encryption(EncryptionSetting::SseC(key.clone()));
        }
        let file = self.client.call(options.apply_to_copy(copy)).await?;
        let (len, has) = (all.len(), file.content_length);
        if has != len {
            let what = format!("{len} bytes should have been copied, but the copy has {has}");
            return Err(Error::new(ErrorKind::Integrity, what).with_effect(true));
        }
        options.progress.add(len);
        Ok(file)
    }

    /// The content of an uploaded part. Parts with non-replayable streams have to be requested in
    /// order.
    pub(super) async fn segment(&self, part: &ComposedPart) -> Result<Segment, Error> {
        let sequential = self
            .overlapping(part)
            .filter(|(source, _)| matches!(source.kind, OpenKind::Sequential(_)));
        let sequential: u64 = sequential.map(|(_, range)| range.end - range.start).sum();
        // Reserve all memory at once: two parts that each hold half and wait for the rest would
        // deadlock.
        let reservation = match sequential {
            0 => None,
            bytes => self.client.reserve_memory(bytes).await,
        };
        let mut segments = Vec::new();
        for (source, range) in self.overlapping(part) {
            let segment = match &source.kind {
                OpenKind::Sequential(parts) => {
                    let mut parts = parts.lock().await;
                    let body = parts.next_with_memory(range.end - range.start).await?;
                    if range.end == source.len() {
                        // Fails if the stream has more bytes.
                        parts.is_over().await?;
                    }
                    body.into()
                }
                _ => self
                    .replayable(source, range)
                    .expect("only a sequential source is not replayable"),
            };
            segments.push(segment);
        }
        let mut joined = concatenated(segments);
        joined.body = with_memory(joined.body, reservation);
        Ok(joined)
    }

    /// The same content again for a retry; `None` if it contains a non-replayable stream.
    pub(super) fn replay_segment(&self, part: &ComposedPart) -> Option<Segment> {
        let segments = self
            .overlapping(part)
            .map(|(source, range)| self.replayable(source, range));
        segments.collect::<Option<Vec<_>>>().map(concatenated)
    }

    pub(super) fn replayable(&self, source: &OpenSource, range: Range<u64>) -> Option<Segment> {
        match &source.kind {
            OpenKind::RandomAccess(random_access) => Some(random_access.segment(range)),
            OpenKind::Stored(stored) => {
                let at = stored.range.start;
                let range = at + range.start..at + range.end;
                let key = stored.key.as_ref();
                Some(downloaded_body(&self.client, &stored.file_id, range, key).into())
            }
            OpenKind::Sequential(_) => None,
        }
    }

    /// Fails if a stream declared as empty is not.
    pub(super) async fn check_empty_streams(&self) -> Result<(), Error> {
        for source in self.sources.iter().filter(|source| source.len() == 0) {
            if let OpenKind::Sequential(parts) = &source.kind {
                parts.lock().await.is_over().await?;
            }
        }
        Ok(())
    }
}

impl OpenSource {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    const fn stored(&self) -> Option<&StoredRange> {
        match &self.kind {
            OpenKind::Stored(stored) => Some(stored),
            OpenKind::RandomAccess(_) | OpenKind::Sequential(_) => None,
        }
    }
}

fn range_len(range: &Range<u64>, number: usize) -> Result<u64, Error> {
    range.end.checked_sub(range.start).ok_or_else(|| {
        let (start, end) = (range.start, range.end);
        Error::invalid(format!(
            "the range {start}..{end} of source {number} ends before it begins"
        ))
    })
}
