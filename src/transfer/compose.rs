//! [`Compose`]: a file put together of pieces: of stretches of files in B2, and of bytes from here.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::ops::Range;
use std::sync::Arc;

use b2kit_core::Body;
use futures_core::future::BoxFuture;
use futures_util::lock::Mutex;
use futures_util::stream;

use super::bucket::BucketHandle;
use super::compose_plan::{ComposePlan, ComposedPart, Limits, Stretch, plan};
use super::copy::{Stretches, byte_range};
use super::large_file::{From as Origin, PartWork};
use super::once::{Parts, held};
use super::options::{Options, options};
use super::pieces::{fetched, joined};
use super::plan::{MAX_PART, MAX_PARTS};
use super::progress::Stage;
use super::sent::Sent;
use super::source::{self, Anywhere, Opened, Source};
use super::upload::sizes;
use crate::api::{CopyFile, StartLargeFile, UPLOAD_ID, UploadFile};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::types::{
    ContentType, CustomerKey, EncryptionSetting, FileId, FileInfo, FileName, FileVersion,
    LARGE_FILE_SHA1, PartNumber,
};

/// A file that is about to be put together of pieces: await it.
///
/// What is in B2 already is copied there, and what is not is sent. So something is appended to a file, or changed in the
/// middle of it, without the rest being sent again:
///
/// ```
/// # use b2kit::{BucketHandle, Error, types::FileVersion, transfer::ComposeSource};
/// # async fn append(bucket: BucketHandle, log: &FileVersion) -> Result<(), Error> {
/// let pieces = [ComposeSource::file(log), ComposeSource::local("one line more\n")];
/// let composed = bucket.compose("log.txt", pieces).like(log).await?;
/// assert_eq!(composed.file.content_length, log.content_length + 14);
/// # Ok(()) }
/// ```
///
/// A part but the last has a least size, 5 MB at B2. So a piece that is smaller, or has a smaller one beside it, may have
/// to be downloaded and sent with others; [`plan`](Self::plan) says how much, and it is never more than needed.
///
/// The length of the file and of each part, and the SHA-1 of what is sent, are checked; of what is copied B2 alone knows a
/// SHA-1. The new file as a whole has none, unless its notes say one: `large_file_sha1`.
///
/// # Errors
/// [`Source`](ErrorKind::Source) where a piece can't be read, or downloaded, or hasn't as many bytes as was said;
/// [`Integrity`](ErrorKind::Integrity) where a file in B2 has fewer; [`Error::part`] says which part failed. A large file
/// is cancelled then, unless [`on_failure`](Self::on_failure) says otherwise. As the calls for the rest.
///
/// # Cancellation
/// As [`Upload`](super::Upload) and [`FileCopy`](super::FileCopy).
#[derive(Debug)]
#[must_use = "a composition begins when it is awaited"]
pub struct Compose {
    bucket: BucketHandle,
    name: Result<FileName, Error>,
    pieces: Vec<ComposeSource>,
    content_type: ContentType,
    file_info: FileInfo,
    part_size: Option<u64>,
    options: Options,
}

/// A piece of a file that is to be put together.
#[derive(Debug)]
pub struct ComposeSource(From);

#[derive(Debug)]
enum From {
    There(Stored),
    Here(Source),
}

/// A stretch of a file in B2.
#[derive(Debug, Clone)]
struct Stored {
    file_id: FileId,
    range: Range<u64>,
    key: Option<CustomerKey>,
}

/// What a composition has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// The new version.
    pub file: FileVersion,
    /// How it was made.
    pub plan: ComposePlan,
}

impl ComposeSource {
    /// These bytes of a file in B2, counted from its first, which is byte 0. It may be in any bucket of the account.
    pub fn copy(file_id: impl Into<FileId>, range: Range<u64>) -> Self {
        Self(From::There(Stored {
            file_id: file_id.into(),
            range,
            key: None,
        }))
    }

    /// All bytes of a file in B2.
    #[must_use]
    pub fn file(version: &FileVersion) -> Self {
        Self::copy(&version.file_id, 0..version.content_length)
    }

    /// The key that decrypts the file, where it is the customer's own. Of no use to bytes from here.
    #[must_use]
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        if let From::There(stored) = &mut self.0 {
            stored.key = Some(key);
        }
        self
    }

    /// Bytes that are not in B2. What comes once has to have a known length, as from [`Source::sized_stream`], and is held in
    /// memory part by part. Files of the disk are all opened at the beginning.
    pub fn local(source: impl Into<Source>) -> Self {
        Self(From::Here(source.into()))
    }
}

impl BucketHandle {
    /// Makes a file of these pieces, one after the other.
    ///
    /// The name is checked when the composition is awaited; a [`FileName`] is taken as it is.
    pub fn compose<N>(&self, name: N, pieces: impl IntoIterator<Item = ComposeSource>) -> Compose
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Compose {
            bucket: self.clone(),
            name: name.try_into().map_err(Into::into),
            pieces: pieces.into_iter().collect(),
            content_type: ContentType::auto(),
            file_info: FileInfo::new(),
            part_size: None,
            options: Options::default(),
        }
    }
}

options!(Compose);

impl Compose {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// Notes that go with the file. `large_file_sha1` is not added, since nobody has all its bytes: who knows the SHA-1 of
    /// the whole can note it here, and the file can be verified by it.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// The type and the notes of this version, but for those that speak of its bytes: `large_file_sha1` and
    /// `src_last_modified_millis`.
    pub fn like(mut self, version: &FileVersion) -> Self {
        let of_its_bytes = [LARGE_FILE_SHA1, "src_last_modified_millis", UPLOAD_ID];
        let notes = version.file_info.iter();
        self.file_info = FileInfo::unchecked(notes.filter(|(key, _)| !of_its_bytes.contains(key)));
        self.content_type = version.content_type.clone().unwrap_or_default();
        self
    }

    /// The size of the parts that are sent, in bytes. Defaults to what B2 recommends for the account, to 8 MB where
    /// something comes once. Larger where there would be more than 10,000 parts. What is copied has parts of up to 5 GB.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }

    /// What would be copied, sent and downloaded. No piece is read; but the files of the disk have to be there.
    ///
    /// # Errors
    /// As the composition.
    pub async fn plan(self) -> Result<ComposePlan, Error> {
        self.name?;
        let pieces = Pieces::open(self.bucket.client(), self.pieces).await?;
        pieces.plan(self.part_size).await
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
        bucket.client().check_open()?;
        let pieces = Pieces::open(bucket.client(), self.pieces).await?;
        let plan = pieces.plan(self.part_size).await?;
        pieces.empty_ones_are_empty().await?;
        options.progress.expect_bytes(pieces.len());
        let metadata = (self.content_type, self.file_info);
        let file = match &plan.parts[..] {
            [] => {
                let nothing = Body::empty().into();
                send(&bucket, &options, name, metadata, nothing).await
            }
            [all] if all.copied => pieces.copy(all, &bucket, &options, name, metadata).await,
            [all] => {
                let stretch = pieces.stretch(all).await?;
                send(&bucket, &options, name, metadata, stretch).await
            }
            _ => in_parts(pieces, plan.clone(), &bucket, &options, name, metadata).await,
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

type Metadata = (ContentType, FileInfo);

/// Sends it in one piece.
async fn send(
    bucket: &BucketHandle,
    options: &Options,
    name: FileName,
    (content_type, info): Metadata,
    content: source::Stretch,
) -> Result<FileVersion, Error> {
    options.progress.enter(Stage::Transferring);
    let sent = Sent::new(&options.progress);
    let upload = UploadFile::new(bucket.id(), name, sent.watch(&content.body))
        .hashed_by_source(content.digest)
        .content_type(content_type)
        .file_info(info);
    let file = bucket.client().call(options.of_upload(upload)).await?;
    sent.keep();
    Ok(file)
}

async fn in_parts(
    pieces: Pieces,
    plan: ComposePlan,
    bucket: &BucketHandle,
    options: &Options,
    name: FileName,
    (content_type, info): Metadata,
) -> Result<FileVersion, Error> {
    let start = StartLargeFile::new(bucket.id(), name.clone())
        .content_type(content_type)
        .file_info(info);
    let file = options.start(bucket, &name, start).await?;
    let parts = Arc::new(InParts {
        pieces,
        parts: plan.parts,
        stretches: Stretches {
            large_file_id: file.file_id.clone(),
            key: file.customer_key.clone(),
        },
    });
    options.progress.expect_parts(parts.parts.len() as u32);
    let each = Arc::clone(&parts);
    let works = stream::try_unfold(1, move |number| {
        let parts = Arc::clone(&each);
        async move {
            let work = parts.work(number).await?;
            Ok(work.map(|work| (work, number + 1)))
        }
    });
    file.carry(works, |number| parts.again(number)).await
}

/// A large file of pieces.
struct InParts {
    pieces: Pieces,
    parts: Vec<ComposedPart>,
    stretches: Stretches,
}

impl InParts {
    /// The part with this number, if there is one.
    async fn work(&self, number: u64) -> Result<Option<PartWork>, Error> {
        let Some(part) = self.parts.get(number as usize - 1) else {
            return Ok(None);
        };
        let number = PartNumber::new(number)?;
        if part.copied {
            return Ok(Some(self.copied(part, number)));
        }
        let stretch = self.pieces.stretch(part).await?;
        Ok(Some(sent(part, number, stretch)))
    }

    /// The same once more, unless some of it comes once.
    fn again(&self, number: PartNumber) -> Option<PartWork> {
        let part = self.parts.get(usize::from(number.as_u16()) - 1)?;
        if part.copied {
            return Some(self.copied(part, number));
        }
        Some(sent(part, number, self.pieces.stretch_again(part)?))
    }

    fn copied(&self, part: &ComposedPart, number: PartNumber) -> PartWork {
        let (stored, range) = self.pieces.source(part);
        let key = stored.key.as_ref();
        self.stretches.part(number, &stored.file_id, range, key)
    }
}

fn sent(part: &ComposedPart, number: PartNumber, stretch: source::Stretch) -> PartWork {
    PartWork {
        number,
        len: part.len(),
        from: Origin::Here(stretch),
    }
}

/// Pieces whose lengths are known.
struct Pieces {
    client: Client,
    pieces: Vec<OpenPiece>,
}

struct OpenPiece {
    /// The stretch of the new file that it is.
    range: Range<u64>,
    from: OpenFrom,
}

enum OpenFrom {
    There(Stored),
    Here(Anywhere),
    Once(Mutex<Parts>),
}

impl Pieces {
    async fn open(client: &Client, pieces: Vec<ComposeSource>) -> Result<Self, Error> {
        let (mut open, mut at) = (Vec::with_capacity(pieces.len()), 0_u64);
        for (number, piece) in (1..).zip(pieces) {
            let (len, from) = match piece.0 {
                From::There(stored) => (length(&stored.range, number)?, OpenFrom::There(stored)),
                From::Here(source) => match source.open(client).await? {
                    Opened::Anywhere(source) => (source.len, OpenFrom::Here(source)),
                    Opened::Once(Some(len), stream) => {
                        let parts = Parts::new(client.clone(), stream, Some(len));
                        (len, OpenFrom::Once(Mutex::new(parts)))
                    }
                    Opened::Once(None, _) => {
                        return Err(Error::invalid(format!(
                            "piece {number} comes once, and nobody knows its length"
                        )));
                    }
                },
            };
            let end = at.checked_add(len).ok_or_else(|| {
                Error::invalid("the pieces have more bytes together than can be counted")
            })?;
            open.push(OpenPiece {
                range: at..end,
                from,
            });
            at = end;
        }
        Ok(Self {
            client: client.clone(),
            pieces: open,
        })
    }

    fn len(&self) -> u64 {
        self.pieces.last().map_or(0, |last| last.range.end)
    }

    async fn plan(&self, part_size: Option<u64>) -> Result<ComposePlan, Error> {
        let sizes = sizes(&self.client).await?;
        // To hear what is wrong with the size.
        sizes.cut(0, part_size)?;
        let once = |piece: &OpenPiece| matches!(piece.from, OpenFrom::Once(_));
        let sent = match part_size {
            Some(size) => size,
            None if self.pieces.iter().any(once) => sizes.of_unknown(PartNumber::FIRST, None),
            None => sizes.recommended,
        };
        let mut files = HashMap::new();
        let stretches: Vec<_> = self
            .pieces
            .iter()
            .map(|piece| Stretch {
                len: piece.len(),
                there: piece.stored().map(|stored| {
                    let next = files.len();
                    let number = *files.entry(&stored.file_id).or_insert(next);
                    (number, stored.range.start)
                }),
            })
            .collect();
        let limits = Limits {
            minimum: sizes.minimum,
            maximum: MAX_PART,
            sent,
            parts: MAX_PARTS as usize,
        };
        plan(&stretches, limits)
    }

    /// The pieces that this part touches, and the stretch of each.
    fn within(&self, part: &ComposedPart) -> impl Iterator<Item = (&OpenPiece, Range<u64>)> {
        let range = part.range.clone();
        let first = self
            .pieces
            .partition_point(|piece| piece.range.end <= range.start);
        let touched = self.pieces[first..]
            .iter()
            .take_while(move |piece| piece.range.start < part.range.end);
        touched.filter(|piece| piece.len() > 0).map(move |piece| {
            let [start, end] = [range.start, range.end]
                .map(|at| at.clamp(piece.range.start, piece.range.end) - piece.range.start);
            (piece, start..end)
        })
    }

    /// The file in B2 that a copied part is a stretch of, and which stretch.
    fn source(&self, part: &ComposedPart) -> (&Stored, Range<u64>) {
        let mut touched = self.within(part);
        let first = touched
            .find_map(|(piece, range)| piece.stored().zip(Some(range)))
            .expect("a copied part lies in one file");
        let start = first.0.range.start + first.1.start;
        (first.0, start..start + part.len())
    }

    /// Copies all of it in one call.
    async fn copy(
        &self,
        all: &ComposedPart,
        bucket: &BucketHandle,
        options: &Options,
        name: FileName,
        (content_type, info): Metadata,
    ) -> Result<FileVersion, Error> {
        options.progress.enter(Stage::Transferring);
        let (stored, range) = self.source(all);
        let mut copy = CopyFile::new(&stored.file_id, name)
            .destination_bucket_id(bucket.id())
            .range(byte_range(range))
            .replace_metadata(content_type, info);
        if let Some(key) = &stored.key {
            copy = copy.source_server_side_encryption(EncryptionSetting::SseC(key.clone()));
        }
        let file = self.client.call(options.of_copy(copy)).await?;
        let (len, has) = (all.len(), file.content_length);
        if has != len {
            let what = format!("{len} bytes were to be copied, and the copy has {has}");
            return Err(Error::new(ErrorKind::Integrity, what).with_effect(true));
        }
        options.progress.add(len);
        Ok(file)
    }

    /// The bytes of a part that is sent. What comes once has to be asked for in order.
    async fn stretch(&self, part: &ComposedPart) -> Result<source::Stretch, Error> {
        let once = self
            .within(part)
            .filter(|(piece, _)| matches!(piece.from, OpenFrom::Once(_)));
        let once: u64 = once.map(|(_, range)| range.end - range.start).sum();
        // For all of it at once: who has room for one half and waits for the other may wait for its like.
        let room = match once {
            0 => None,
            bytes => self.client.reserve_memory(bytes).await,
        };
        let mut stretches = Vec::new();
        for (piece, range) in self.within(part) {
            let stretch = match &piece.from {
                OpenFrom::Once(parts) => {
                    let mut parts = parts.lock().await;
                    let body = parts.next_with_room(range.end - range.start).await?;
                    if range.end == piece.len() {
                        // Only to hear whether there is more.
                        parts.is_over().await?;
                    }
                    body.into()
                }
                _ => self.again(piece, range).expect("it does not come once"),
            };
            stretches.push(stretch);
        }
        let mut joined = joined(stretches);
        joined.body = held(joined.body, room);
        Ok(joined)
    }

    /// The same once more, unless some of it comes once.
    fn stretch_again(&self, part: &ComposedPart) -> Option<source::Stretch> {
        let stretches = self
            .within(part)
            .map(|(piece, range)| self.again(piece, range));
        stretches.collect::<Option<Vec<_>>>().map(joined)
    }

    fn again(&self, piece: &OpenPiece, range: Range<u64>) -> Option<source::Stretch> {
        match &piece.from {
            OpenFrom::Here(source) => Some(source.stretch(range)),
            OpenFrom::There(stored) => {
                let at = stored.range.start;
                let range = at + range.start..at + range.end;
                let key = stored.key.as_ref();
                Some(fetched(&self.client, &stored.file_id, range, key).into())
            }
            OpenFrom::Once(_) => None,
        }
    }

    /// What comes once and was said to be empty may not be.
    async fn empty_ones_are_empty(&self) -> Result<(), Error> {
        for piece in self.pieces.iter().filter(|piece| piece.len() == 0) {
            if let OpenFrom::Once(parts) = &piece.from {
                parts.lock().await.is_over().await?;
            }
        }
        Ok(())
    }
}

impl OpenPiece {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    const fn stored(&self) -> Option<&Stored> {
        match &self.from {
            OpenFrom::There(stored) => Some(stored),
            OpenFrom::Here(_) | OpenFrom::Once(_) => None,
        }
    }
}

fn length(range: &Range<u64>, number: usize) -> Result<u64, Error> {
    range.end.checked_sub(range.start).ok_or_else(|| {
        let (start, end) = (range.start, range.end);
        Error::invalid(format!(
            "the range {start}..{end} of piece {number} ends before it begins"
        ))
    })
}
