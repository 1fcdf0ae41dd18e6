//! Into a file of the local disk: ranges side by side, the hash behind them, and the name only at the end.

use std::fs::File;
use std::future::{Future as _, poll_fn};
use std::io;
use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use b2kit_core::Bytes;
use blocking::Task;
use futures_core::Stream as _;
use futures_util::StreamExt as _;
use futures_util::future::try_join3;
use futures_util::stream::FuturesUnordered;

use super::digest::hashed;
use super::reader::{Reader, Version};
use super::spans::{Missing, Spans};
use super::verified::{must_be_verified, other_sha1, verification};
use super::{Begun, Downloaded, FileDownload};
use crate::api::{Download, DownloadedFile};
use crate::error::Error;
use crate::transfer::Stage;
use crate::transfer::disk::partial::{Left, Partial};
use crate::transfer::disk::place::{Place, is_kept};
use crate::transfer::disk::write::{Resumed, Temp, hash_at, on_pool, write_at};
use crate::types::{ByteRange, Sha1, Sha1Hasher, Timestamp};

/// So many bytes go to the disk at once, while as many are gathered.
const BATCH: u64 = 512 << 10;

/// So many chunks at most, however small a server makes them: each takes memory of its own.
const BATCH_CHUNKS: usize = 4_096;

/// More ranges than this are not fetched side by side.
const MAX_CONCURRENCY: usize = 1_000;

/// So many are read back at once for the hash.
const READ_BACK: u64 = 4 << 20;

/// So many more, and they are sent on from the system's memory to the disk.
const FLUSH: u64 = 64 << 20;

/// So many more, and what is there is written down.
const CHECKPOINT: u64 = 16 << 20;

/// The files that a download has open: the part of it that is there, the directory, and what it writes down.
const FILES: u64 = 3;

/// How often a file that arrives with another SHA-1 is fetched. Two that agree are the end of it.
const ROUNDS: u32 = 3;

impl FileDownload {
    /// How many ranges are fetched side by side into a path. Defaults to 4; with 1 the file comes in one stream, and more
    /// than 1,000 are taken as 1,000. Each holds 1 MiB of memory at most, or twice what the backend reads at once.
    pub fn concurrency(mut self, ranges: usize) -> Self {
        self.to_disk.concurrency = ranges.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// How many bytes such a range has. Defaults to 64 MiB; a file that is not larger takes one call.
    pub fn range_size(mut self, bytes: u64) -> Self {
        self.to_disk.range_size = bytes.max(1);
        self
    }

    /// Goes on with what an earlier download to the same path has left, and leaves what there is if it does not come to its
    /// end: by an error, a drop, or the end of the process.
    ///
    /// What is left is a hidden file beside the path and a small one that says which bytes of which version are in it;
    /// there is no secret in that. They are used only if it is still that version that is downloaded, and checked by its
    /// SHA-1 with the rest. Where there is no SHA-1, they are used only if what they say is signed with a key that is derived
    /// from the application key, about that very file on this disk; else all is fetched again. So another application key
    /// begins anew. While one download has them, another to the same path works apart.
    pub const fn resume(mut self) -> Self {
        self.to_disk.resume = true;
        self
    }

    /// Gives the file the time at which its uploader says that it was last modified. A time that the system can't express
    /// is passed over.
    pub const fn modified_time(mut self) -> Self {
        self.to_disk.modified_time = true;
        self
    }

    /// Writes the file to this path, which has the old file, or none, until the new one is whole, verified and on the
    /// disk.
    ///
    /// The bytes go to a hidden file in the same directory, which on Unix is only for its owner (mode 600) until it is whole.
    /// Then it gets the mode of the file that it replaces, or the one that the umask leaves to a new file. A link is replaced,
    /// not followed; those on the way to the directory are followed, see [`to_path_below`](Self::to_path_below). A directory,
    /// a pipe or a device is not replaced.
    ///
    /// What killed downloads to the same path have left there without [`resume`](Self::resume) is removed.
    ///
    /// A file that arrives with another SHA-1 than it should have is fetched again, at most twice, and not again if it
    /// arrives the same twice.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such file or it is hidden,
    /// [`Destination`](crate::ErrorKind::Destination) for what the disk says,
    /// [`Invalid`](crate::ErrorKind::Invalid) for a path whose name begins with a dot and has `.b2part` in it, as those of
    /// files that are not finished, [`Integrity`](crate::ErrorKind::Integrity) if what arrives is not what was stored, and as
    /// any call.
    ///
    /// # Cancellation
    /// Dropping the future closes the connections and removes what was written, or keeps it where it may be
    /// [gone on with](Self::resume). What a thread does at that moment it does to its end: that may be putting a file
    /// that is whole and verified in its place.
    pub async fn to_path<P: Into<PathBuf> + Send>(self, path: P) -> Result<Downloaded, Error> {
        let (path, key) = (path.into(), self.client.signing_key());
        let target = path.clone();
        let find = move || Place::at(&path, key.clone());
        let landed = self.land(&target, find).await;
        landed.map_err(|error| self.named(error))
    }

    /// Downloads to a path below `root` whose names come from elsewhere, as those that
    /// [`safe_local_path`](crate::transfer::safe_local_path) returns: like [`to_path`](Self::to_path), but no link below `root` is
    /// followed, so none can lead the download out of it. Missing directories below `root` are created.
    ///
    /// ```no_run
    /// # use b2kit::{BucketHandle, Error, transfer::safe_local_path};
    /// # async fn download(bucket: BucketHandle, name: &str) -> Result<(), Error> {
    /// let path = safe_local_path(name)?;
    /// bucket.download(name).to_path_below("/srv/restored", path).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`to_path`](Self::to_path); [`Destination`](crate::ErrorKind::Destination) too if a directory on the way is a link,
    /// and if `path` does not stay below `root`.
    ///
    /// # Cancellation
    /// As [`to_path`](Self::to_path). Directories stay.
    pub async fn to_path_below<R, P>(self, root: R, path: P) -> Result<Downloaded, Error>
    where
        R: Into<PathBuf> + Send,
        P: Into<PathBuf> + Send,
    {
        let (root, path, key) = (root.into(), path.into(), self.client.signing_key());
        let target = root.join(&path);
        let find = move || Place::below(&root, &path, key.clone());
        let landed = self.land(&target, find).await;
        landed.map_err(|error| self.named(error))
    }

    async fn land(
        &self,
        target: &Path,
        find: impl Fn() -> io::Result<Place> + Send + Sync + 'static,
    ) -> Result<Downloaded, Error> {
        self.what.as_ref().map_err(Clone::clone)?;
        if is_kept(target) {
            return Err(Error::invalid(format!(
                "{target:?} has a name that only a download which is not finished may have"
            )));
        }
        let refused = |error| refused(target, error);
        let _files = self.client.reserve_files(FILES).await;
        let find = Arc::new(find);
        let open = || async {
            let find = Arc::clone(&find);
            let place = on_pool(move || find()).await?;
            self.temp(place).await
        };
        let (temp, left) = self.client.retry_when_exhausted(open).await.map_err(refused)?;
        let landed = self.verified(&temp, target, left).await;
        if landed.is_err() {
            // Nothing goes on when this has ended.
            on_pool(move || temp.give_up()).await;
            return landed;
        }
        let landed = landed?;
        self.progress.enter(Stage::Finishing);
        let modified = landed.file.file_info.get("src_last_modified_millis");
        let modified = modified
            .filter(|_| self.to_disk.modified_time)
            .and_then(|millis| Timestamp::from_millis(millis.parse().ok()?).to_system_time());
        let len = landed.bytes;
        let put = || {
            let temp = Arc::clone(&temp);
            on_pool(move || temp.put_in_place(len, modified))
        };
        if let Err(error) = self.client.retry_when_exhausted(put).await {
            on_pool(move || temp.give_up()).await;
            return Err(refused(error));
        }
        self.progress.enter(Stage::Done);
        Ok(landed)
    }

    /// Fetches the file, and again where its SHA-1 is another one.
    async fn verified(
        &self,
        temp: &Arc<Temp>,
        target: &Path,
        mut left: Option<Left>,
    ) -> Result<Downloaded, Error> {
        let mut seen = None;
        for round in 1.. {
            let landed = self.fetch(temp, target, left.take()).await?;
            let Some((expected, arrived)) = landed.mismatch else {
                return Ok(landed.result);
            };
            self.reset(temp, target).await?;
            if round == ROUNDS || seen == Some(arrived) {
                let name = &landed.result.file.file_name;
                return Err(other_sha1(expected, arrived, name));
            }
            seen = Some(arrived);
            self.progress.start_over();
        }
        unreachable!("the last round returns")
    }

    /// A file to write to, and what is in it.
    async fn temp(&self, place: Place) -> io::Result<(Arc<Temp>, Option<Left>)> {
        let place = Arc::new(place);
        // A download that was dropped a moment ago may still be writing its last bytes.
        let tries = if self.to_disk.resume { 10 } else { 0 };
        for again in 0..tries {
            let there = Arc::clone(&place);
            match on_pool(move || Temp::resume(&there)).await? {
                Resumed::Ready(temp, left) => return Ok((temp, left)),
                Resumed::Foreign => break,
                Resumed::Busy => {}
            }
            self.client.sleep(Duration::from_millis(10 * again)).await;
        }
        let temp = on_pool(move || Temp::create(&place)).await?;
        Ok((Arc::new(temp), None))
    }

    async fn reset(&self, temp: &Arc<Temp>, target: &Path) -> Result<(), Error> {
        let temp = Arc::clone(temp);
        on_pool(move || temp.reset())
            .await
            .map_err(|error| refused(target, error))
    }

    /// Brings all bytes to the disk, and tells whether they are the right ones.
    async fn fetch(
        &self,
        temp: &Arc<Temp>,
        target: &Path,
        left: Option<Left>,
    ) -> Result<Landed, Error> {
        let (begun, done) = self.first(temp, target, left).await?;
        let Download { file, body } = begun.download;
        let wanted = self.wanted(&file);
        let (verified, sha1) = verification(&file, wanted == (0..file.content_length));
        if self.must_be_verified {
            must_be_verified(verified, &file.file_name)?;
        }
        let resumed_bytes = done.bytes();
        let mut begun_or_done = done.clone();
        begun_or_done.insert(begun.sent.clone());
        let ahead = begun_or_done.missing(wanted.clone(), self.piece_size());
        self.progress.expect_bytes(wanted.end - wanted.start);
        let pieces = ahead.pieces();
        let in_pieces = pieces > 0 || resumed_bytes > 0;
        if in_pieces {
            let parts = pieces + 1 + done.iter().count() as u64;
            let parts = u32::try_from(parts).unwrap_or(u32::MAX);
            self.progress.expect_parts(parts);
        }
        done.iter()
            .for_each(|span| self.progress.part_reused(span.end - span.start));
        self.progress.enter(Stage::Transferring);
        let landing = Landing {
            temp,
            target,
            wanted: wanted.clone(),
            is_checked: sha1.is_some(),
            version: begun.version,
            tail: Mutex::new(Tail::new(done, wanted.start)),
        };
        let first = Reader::begun(Arc::clone(&landing.version), begun.sent, body);
        let moving = self.all_pieces(&landing, first, ahead, in_pieces);
        let hashing = async {
            match sha1 {
                Some(expected) => {
                    let arrived = landing.hash_behind().await?;
                    Ok((arrived != expected).then_some((expected, arrived)))
                }
                None => Ok(None),
            }
        };
        let ((), mismatch, ()) = try_join3(moving, hashing, landing.flush_behind()).await?;
        Ok(Landed {
            result: Downloaded {
                file,
                verified,
                bytes: wanted.end - wanted.start,
                resumed_bytes,
            },
            mismatch,
        })
    }

    /// The first answer, and the bytes that need not be fetched.
    async fn first(
        &self,
        temp: &Arc<Temp>,
        target: &Path,
        left: Option<Left>,
    ) -> Result<(Begun, Spans), Error> {
        if let Some(Left { partial, is_proven }) = left {
            let mut missing = partial
                .done
                .missing(partial.wanted.clone(), self.piece_size());
            let range = missing
                .next()
                .map(|span| ByteRange::inclusive(span.start, span.end - 1))
                .transpose()?;
            match self.begin(range, range.is_none()).await {
                Ok(begun)
                    if self.is_of(&partial, &begun) && (is_proven || self.is_checkable(&begun)) =>
                {
                    return Ok((begun, partial.done));
                }
                // It is another version now, and perhaps a shorter one; or nothing would tell whether these are its bytes.
                Ok(_) => {}
                Err(error) if is_past_the_end(&error) => {}
                Err(error) => return Err(error),
            }
            self.reset(temp, target).await?;
        }
        let mut range = self.range;
        if self.to_disk.concurrency > 1 {
            let all = ByteRange::from_offset(0);
            range = Some(range.unwrap_or(all).first(self.to_disk.range_size));
        }
        let begun = match self.begin(range, false).await {
            // No range of an empty file can be asked for.
            Err(error) if self.range.is_none() && is_past_the_end(&error) => {
                self.begin(None, false).await
            }
            begun => begun,
        };
        Ok((begun?, Spans::default()))
    }

    fn is_of(&self, partial: &Partial, begun: &Begun) -> bool {
        let file = &begun.download.file;
        file.file_id == partial.file_id
            && file.content_length == partial.content_length
            && self.wanted(file) == partial.wanted
    }

    /// Whether there is a SHA-1 of the bytes that were asked for.
    fn is_checkable(&self, begun: &Begun) -> bool {
        let file = &begun.download.file;
        let is_whole = self.wanted(file) == (0..file.content_length);
        verification(file, is_whole).1.is_some()
    }

    /// The bytes of the file that were asked for.
    fn wanted(&self, file: &DownloadedFile) -> Range<u64> {
        match self.range.map(|range| range.within(file.content_length)) {
            None => 0..file.content_length,
            Some(None) => 0..0,
            Some(Some((first, last))) => first..last + 1,
        }
    }

    const fn piece_size(&self) -> u64 {
        if self.to_disk.concurrency == 1 {
            u64::MAX
        } else {
            self.to_disk.range_size
        }
    }

    async fn all_pieces(
        &self,
        landing: &Landing<'_>,
        first: Reader,
        mut ahead: Missing,
        in_pieces: bool,
    ) -> Result<(), Error> {
        let mut under_way = FuturesUnordered::new();
        under_way.push(landing.piece(first));
        loop {
            let room = self.to_disk.concurrency - under_way.len();
            for span in ahead.by_ref().take(room) {
                let reader = Reader::ahead(Arc::clone(&landing.version), span);
                under_way.push(landing.piece(reader));
            }
            match under_way.next().await {
                Some(piece) => piece?,
                None => return Ok(()),
            }
            if in_pieces {
                self.progress.part_done();
            }
        }
    }
}

/// All bytes are on the disk.
struct Landed {
    result: Downloaded,
    /// The SHA-1 that they should have, and the one that they have.
    mismatch: Option<(Sha1, Sha1)>,
}

/// A file that comes down.
struct Landing<'a> {
    temp: &'a Arc<Temp>,
    target: &'a Path,
    version: Arc<Version>,
    wanted: Range<u64>,
    is_checked: bool,
    tail: Mutex<Tail>,
}

/// What the pieces and the hash tell each other.
struct Tail {
    /// What is on the disk.
    done: Spans,
    /// Up to here the hash has the bytes, or is getting them.
    hashed: u64,
    /// The bytes that the hash gets next, where they need not be read back.
    next: Option<Vec<Bytes>>,
    hash: Option<Waker>,
    piece: Option<Waker>,
    flush: Option<Waker>,
    unflushed: u64,
    unsaved: u64,
    is_saving: bool,
}

/// What the hash gets next.
enum Next {
    Bytes(Vec<Bytes>),
    ReadBack(Range<u64>),
    End,
}

/// A piece of the file on its way to the disk.
struct ComposeSource {
    reader: Reader,
    /// Where the gathered bytes begin.
    start: u64,
    gathered: Vec<Bytes>,
    writing: Option<(Range<u64>, Task<io::Result<()>>)>,
}

impl Landing<'_> {
    /// Brings a piece to the disk: while some bytes are written, the next are gathered.
    async fn piece(&self, reader: Reader) -> Result<(), Error> {
        let mut piece = ComposeSource {
            start: reader.at(),
            reader,
            gathered: Vec::new(),
            writing: None,
        };
        loop {
            let gathered = poll_fn(|cx| self.poll_gather(&mut piece, cx)).await?;
            self.save_if_due().await?;
            if gathered.is_empty() {
                return Ok(());
            }
            let span = mem::replace(&mut piece.start, piece.reader.at())..piece.reader.at();
            let at = span.start - self.wanted.start;
            let mut next = self.is_checked.then(|| gathered.clone());
            let job = self.temp.job(move |file| write_at(file, &gathered, at));
            piece.writing = Some((span.clone(), job));
            poll_fn(|cx| self.poll_offer(&span, &mut next, cx)).await;
        }
    }

    /// The next bytes, once those before are on the disk; none at the end.
    fn poll_gather(
        &self,
        piece: &mut ComposeSource,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Bytes>, Error>> {
        if let Some((span, job)) = &mut piece.writing
            && let Poll::Ready(written) = Pin::new(job).poll(cx)
        {
            written.map_err(|error| refused(self.target, error))?;
            self.is_on_disk(span.clone());
            piece.writing = None;
        }
        let mut is_over = false;
        while !is_over
            && piece.reader.at() - piece.start < BATCH
            && piece.gathered.len() < BATCH_CHUNKS
        {
            match Pin::new(&mut piece.reader).poll_next(cx)? {
                Poll::Ready(Some(bytes)) => piece.gathered.push(bytes),
                Poll::Ready(None) => is_over = true,
                Poll::Pending => break,
            }
        }
        if piece.writing.is_some() || (piece.gathered.is_empty() && !is_over) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(mem::take(&mut piece.gathered)))
    }

    /// Gives the hash the bytes that come next in the file, and waits until it has taken those before. It reads back what
    /// comes too early.
    fn poll_offer(
        &self,
        span: &Range<u64>,
        bytes: &mut Option<Vec<Bytes>>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut tail = self.tail();
        if bytes.is_none() || tail.hashed != span.start {
            return Poll::Ready(());
        }
        if tail.next.is_some() {
            tail.piece = Some(cx.waker().clone());
            return Poll::Pending;
        }
        tail.next = bytes.take();
        tail.hashed = span.end;
        wake([tail.hash.take()], tail);
        Poll::Ready(())
    }

    fn is_on_disk(&self, span: Range<u64>) {
        let mut tail = self.tail();
        tail.unsaved += span.end - span.start;
        tail.unflushed += span.end - span.start;
        tail.done.insert(span);
        if self.temp.is_resumable() {
            self.temp.note(self.partial(&tail), self.is_checked);
        }
        let flush = if self.is_flush_due(&tail) {
            tail.flush.take()
        } else {
            None
        };
        wake([tail.hash.take(), flush], tail);
    }

    fn partial(&self, tail: &Tail) -> Partial {
        Partial {
            file_id: self.version.file_id.clone(),
            content_length: self.version.content_length,
            wanted: self.wanted.clone(),
            done: tail.done.clone(),
        }
    }

    async fn save_if_due(&self) -> Result<(), Error> {
        let partial = {
            let mut tail = self.tail();
            if !self.temp.is_resumable() || tail.is_saving || tail.unsaved < CHECKPOINT {
                return Ok(());
            }
            tail.is_saving = true;
            tail.unsaved = 0;
            self.partial(&tail)
        };
        let saved = self.temp.save(partial, !self.is_checked).await;
        self.tail().is_saving = false;
        saved.map_err(|error| refused(self.target, error))
    }

    /// Hashes the file from its first byte to its last, as soon as they are there.
    async fn hash_behind(&self) -> Result<Sha1, Error> {
        let mut hasher = Sha1Hasher::default();
        loop {
            hasher = match poll_fn(|cx| self.poll_next_to_hash(cx)).await {
                Next::Bytes(bytes) => hashed(hasher, bytes).await,
                Next::ReadBack(span) => {
                    let (at, len) = (span.start - self.wanted.start, span.end - span.start);
                    let read_back = move |file: &File| {
                        hash_at(file, at, len, &mut hasher)?;
                        Ok(hasher)
                    };
                    self.temp
                        .job(read_back)
                        .await
                        .map_err(|error| refused(self.target, error))?
                }
                Next::End => return Ok(hasher.finish()),
            };
        }
    }

    fn poll_next_to_hash(&self, cx: &Context<'_>) -> Poll<Next> {
        let mut tail = self.tail();
        if let Some(bytes) = tail.next.take() {
            wake([tail.piece.take()], tail);
            return Poll::Ready(Next::Bytes(bytes));
        }
        let at = tail.hashed;
        if at == self.wanted.end {
            return Poll::Ready(Next::End);
        }
        let end = tail.done.reach(at).min(at.saturating_add(READ_BACK));
        if end > at {
            tail.hashed = end;
            return Poll::Ready(Next::ReadBack(at..end));
        }
        tail.hash = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Has the disk take the bytes while others still arrive. Left alone, they would all wait in the system's memory, and
    /// the end of the download for them.
    async fn flush_behind(&self) -> Result<(), Error> {
        if !self.is_checked && self.temp.is_resumable() {
            // A checkpoint brings the bytes to the disk before it says that they are there. A disk tells of a failure once:
            // whoever asks beside it could be the one who is told.
            return Ok(());
        }
        while poll_fn(|cx| self.poll_flush(cx)).await {
            self.temp
                .job(File::sync_data)
                .await
                .map_err(|error| refused(self.target, error))?;
        }
        Ok(())
    }

    /// Whether to flush; not any more when all bytes are there.
    fn poll_flush(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut tail = self.tail();
        if !self.is_flush_due(&tail) {
            tail.flush = Some(cx.waker().clone());
            return Poll::Pending;
        }
        tail.unflushed = 0;
        Poll::Ready(!self.is_all_there(&tail))
    }

    fn is_flush_due(&self, tail: &Tail) -> bool {
        tail.unflushed >= FLUSH || self.is_all_there(tail)
    }

    fn is_all_there(&self, tail: &Tail) -> bool {
        tail.done.reach(self.wanted.start) >= self.wanted.end
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    const fn new(done: Spans, start: u64) -> Self {
        Self {
            done,
            hashed: start,
            next: None,
            hash: None,
            piece: None,
            flush: None,
            unflushed: 0,
            unsaved: 0,
            is_saving: false,
        }
    }
}

/// Wakes them when the lock is free.
fn wake<const N: usize>(wakers: [Option<Waker>; N], tail: MutexGuard<'_, Tail>) {
    drop(tail);
    wakers.into_iter().flatten().for_each(Waker::wake);
}

fn is_past_the_end(error: &Error) -> bool {
    error.b2().is_some_and(|b2| b2.status == 416)
}

fn refused(target: &Path, error: io::Error) -> Error {
    Error::destination(format!("{target:?} could not be written"), error)
}
