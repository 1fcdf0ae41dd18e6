//! Hashes a source before it is sent: computes the SHA-1 of the whole and of each part.
//!
//! The source is read once, and each chunk updates the hashes of all ranges that contain it.
//! Hashing runs on the thread pool, and only one chunk of the source is in memory at a time.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::ops::Range;
use std::sync::PoisonError;
use std::task::Poll;

use b2kit_core::Bytes;
#[cfg(feature = "fs")]
use blocking::unblock;
use futures_util::StreamExt as _;
use futures_util::future::join;

use crate::api::CatchPanics;
use crate::error::{Error, ErrorKind};
use crate::transfer::progress::{Progress, Stage};
use crate::transfer::source::RandomAccess;
use crate::transfer::source_error::{CHANGED_SINCE_HASHED, changed, unreadable};
use crate::types::{Sha1, Sha1Hasher};

/// The maximum number of bytes hashed in one job, so that dropping the future takes effect soon.
const MAX_JOB: u64 = 1 << 20;

/// Smaller chunks are hashed inline, since waking another thread would take longer.
const SMALL: usize = 64 << 10;

/// In-memory sources up to this size are hashed inline.
const SMALL_SOURCE: u64 = 32 << 20;

/// The task yields after this many bytes hashed inline.
const YIELD_AFTER: usize = 256 << 10;

/// The known SHA-1s of a source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digests {
    /// The SHA-1 of the whole source.
    pub(crate) whole: Option<Sha1>,
    /// The SHA-1 of each range, by its start and end.
    ranges: BTreeMap<(u64, u64), Sha1>,
}

impl Digests {
    /// The SHA-1 of this range, if it is known.
    pub(crate) fn get(&self, range: &Range<u64>) -> Option<Sha1> {
        self.ranges.get(&(range.start, range.end)).copied()
    }

    /// Computes the SHA-1 of these ranges, and of the whole if requested or already known. Reads
    /// nothing if all of them are known. Fails if the SHA-1 of the whole differs from the known
    /// one, since the source has changed.
    pub(crate) async fn compute(
        &mut self,
        source: &RandomAccess,
        ranges: impl IntoIterator<Item = Range<u64>>,
        whole: bool,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut wanted: Vec<_> = ranges
            .into_iter()
            .filter(|range| !range.is_empty() && self.get(range).is_none())
            .map(|range| (range.start, range.end))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let whole = whole || self.whole.is_some();
        if wanted.is_empty() && !(whole && self.whole.is_none()) {
            return Ok(());
        }
        progress.enter(Stage::Hashing);
        let runs = if whole {
            vec![(0, source.len)]
        } else {
            merged(&wanted)
        };
        let mut hashing = HashPass::new(wanted);
        hashing.is_inline = source.is_in_memory() && source.len <= SMALL_SOURCE;
        for run in runs {
            hashing.run(source, run, whole, progress).await?;
        }
        if self.whole.is_some() && self.whole != hashing.whole_sha1 {
            return Err(unreadable(
                "the source can't be used",
                changed(CHANGED_SINCE_HASHED),
            ));
        }
        self.whole = hashing.whole_sha1;
        self.ranges.extend(hashing.done);
        Ok(())
    }
}

/// Merges sorted ranges that touch or overlap.
fn merged(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &(start, end) in ranges {
        match runs.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => runs.push((start, end)),
        }
    }
    runs
}

/// One pass over the source.
struct HashPass {
    /// The ranges that have not started yet, the next one last.
    wanted: Vec<(u64, u64)>,
    /// The ranges that contain the next byte.
    open: Vec<(u64, u64, Sha1Hasher)>,
    /// The hasher of the whole source, unless the source computes it.
    whole: Option<Sha1Hasher>,
    whole_sha1: Option<Sha1>,
    done: Vec<((u64, u64), Sha1)>,
    /// Bytes hashed inline since the last yield.
    since_yield: usize,
    is_inline: bool,
}

impl HashPass {
    fn new(mut wanted: Vec<(u64, u64)>) -> Self {
        wanted.reverse();
        Self {
            wanted,
            open: Vec::new(),
            whole: None,
            whole_sha1: None,
            done: Vec::new(),
            since_yield: 0,
            is_inline: false,
        }
    }

    /// Reads the source from `start` to `end`.
    async fn run(
        &mut self,
        source: &RandomAccess,
        (start, end): (u64, u64),
        whole: bool,
        progress: &Progress,
    ) -> Result<(), Error> {
        let failed = |error| unreadable("the source can't be read", error);
        let segment = if whole {
            source.segment(start..end)
        } else {
            source.unhashed(start..end).into()
        };
        self.whole = (whole && segment.digest.is_none()).then(Sha1Hasher::default);
        let mut stream = CatchPanics::open(&segment.body).map_err(failed)?;
        let mut at = start;
        while let Some(mut chunk) = stream.next().await.transpose().map_err(failed)? {
            if chunk.len() as u64 > end - at {
                return Err(wrong_length(format!(
                    "has more than the {} bytes it declared",
                    end
                )));
            }
            // Empty chunks count too, since a source may return them forever.
            self.yield_if_due(chunk.len().clamp(1 << 10, SMALL)).await;
            while !chunk.is_empty() {
                let len = self.next(at).min(chunk.len() as u64);
                let slice = chunk.split_to(usize::try_from(len).unwrap_or(usize::MAX));
                self.update(slice).await;
                at += len;
                self.close(at);
                progress.hashed(len);
                if self.is_inline {
                    self.yield_if_due(usize::try_from(len).unwrap_or(YIELD_AFTER))
                        .await;
                }
            }
        }
        if at < end {
            return Err(wrong_length(format!("ends {} bytes early", end - at)));
        }
        if whole {
            let by_source = segment
                .digest
                .and_then(|digest| *digest.lock().unwrap_or_else(PoisonError::into_inner));
            let here = self.whole.take().map(Sha1Hasher::finish);
            self.whole_sha1 = here.or(by_source);
        }
        Ok(())
    }

    /// Opens the ranges that start here. Returns the number of bytes up to the next start or end of
    /// a range.
    fn next(&mut self, at: u64) -> u64 {
        while let Some((start, end)) = self.wanted.pop_if(|(start, _)| *start <= at) {
            self.open.push((start, end, Sha1Hasher::default()));
        }
        let ends = self.open.iter().map(|(_, end, _)| *end);
        let begins = self.wanted.last().map(|(start, _)| *start);
        let border = ends.chain(begins).min().unwrap_or(u64::MAX);
        let slice = if self.is_inline {
            YIELD_AFTER as u64
        } else {
            MAX_JOB
        };
        (border - at).min(slice)
    }

    /// Finishes the ranges that end here.
    fn close(&mut self, at: u64) {
        let ended = self.open.extract_if(.., |(_, end, _)| *end == at);
        let ended = ended.map(|(start, end, hasher)| ((start, end), hasher.finish()));
        self.done.extend(ended);
    }

    async fn update(&mut self, slice: Bytes) {
        if slice.len() < SMALL || self.is_inline {
            update_all(&mut self.whole, &mut self.open, &slice);
            return;
        }
        // One thread for the whole, one for the parts.
        let (mut whole, mut open) = (self.whole.take(), mem::take(&mut self.open));
        if whole.is_none() {
            self.open = unblock(move || {
                update_all(&mut None, &mut open, &slice);
                open
            })
            .await;
            return;
        }
        let same = slice.clone();
        let of_whole = unblock(move || {
            update_all(&mut whole, &mut [], &same);
            whole
        });
        let of_parts = unblock(move || {
            update_all(&mut None, &mut open, &slice);
            open
        });
        (self.whole, self.open) = join(of_whole, of_parts).await;
    }

    /// Yields to other tasks periodically.
    async fn yield_if_due(&mut self, bytes: usize) {
        self.since_yield += bytes;
        if self.since_yield < YIELD_AFTER {
            return;
        }
        self.since_yield = 0;
        let mut had = false;
        poll_fn(|cx| {
            if mem::replace(&mut had, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

fn update_all(whole: &mut Option<Sha1Hasher>, open: &mut [(u64, u64, Sha1Hasher)], slice: &[u8]) {
    if let Some(whole) = whole {
        whole.update(slice);
    }
    for (_, _, hasher) in open {
        hasher.update(slice);
    }
}

fn wrong_length(what: String) -> Error {
    Error::new(ErrorKind::Source, format!("the source {what}"))
}

/// Runs the job inline: without the feature `fs` there is no thread pool.
#[cfg(not(feature = "fs"))]
async fn unblock<T>(job: impl FnOnce() -> T + Send) -> T {
    job()
}

#[cfg(all(test, feature = "fs"))]
mod tests {
    use std::future::Future as _;
    use std::io;
    use std::iter::once;
    use std::task::Context;

    use futures::executor::block_on;

    use b2kit_core::{HttpError, HttpErrorKind, Phase};

    use super::*;
    use crate::api::{ApiVersion, Session};
    use crate::client::Client;
    use crate::transfer::source::{Opened, Source};
    use crate::types::Secret;

    fn random_access(source: Source) -> RandomAccess {
        let nobody = |_| async { Err(HttpError::new(HttpErrorKind::Other, Phase::NotSent)) };
        let session = Session::new(
            ApiVersion::V4,
            "a",
            Secret::new("t"),
            "https://a.test",
            "https://a.test",
        );
        let client = Client::builder()
            .endpoint("https://a.test")
            .session(session)
            .backend(nobody);
        let client = client.build().expect("it needs no more");
        match block_on(source.open(&client)).expect("it can be opened") {
            Opened::RandomAccess(source) => source,
            Opened::Sequential(..) => unreachable!("it can be read anywhere"),
        }
    }

    fn content(len: usize) -> Bytes {
        let mut chance = fastrand::Rng::with_seed(len as u64);
        (0..len).map(|_| chance.u8(..)).collect()
    }

    /// Chunks around the sizes at which something else is done.
    fn in_chunks(mut rest: Bytes) -> Vec<io::Result<Bytes>> {
        let mut chance = fastrand::Rng::with_seed(7);
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let len = [0, 1, 1_000, SMALL - 1, SMALL, 3 << 20][chance.usize(..6)];
            chunks.push(Ok(rest.split_to(len.min(rest.len()))));
        }
        chunks
    }

    #[test]
    fn one_pass_computes_the_sha1_of_overlapping_ranges_and_the_whole() {
        let bytes = content(5_000_000);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), &bytes).unwrap();
        let source = bytes.clone();
        let ranges = Source::ranges(bytes.len() as u64, move |range| {
            let bytes = source.slice(range.start as usize..range.end as usize);
            Ok(futures_util::stream::iter(in_chunks(bytes)))
        });
        for source in [
            Source::bytes(bytes.clone()),
            ranges,
            Source::path(dir.path().join("f")),
        ] {
            let source = random_access(source);
            for (seed, whole) in [(1, true), (2, false), (3, true), (4, false)] {
                let mut chance = fastrand::Rng::with_seed(seed);
                let mut wanted = vec![0..5_000_000, 7..7, 4_999_999..5_000_000];
                for _ in 0..20 {
                    let start = chance.u64(..5_000_000);
                    wanted.push(start..chance.u64(start..=5_000_000));
                }
                let wanted = wanted.split_off(usize::from(!whole));
                let (mut digests, progress) = (Digests::default(), Progress::new());
                let learning = digests.compute(&source, wanted.clone(), whole, &progress);
                block_on(learning).unwrap();
                for range in wanted.iter().filter(|range| !range.is_empty()) {
                    let segment = &bytes[range.start as usize..range.end as usize];
                    assert_eq!(digests.get(range), Some(Sha1::of(segment)), "{range:?}");
                }
                assert_eq!(digests.whole, whole.then(|| Sha1::of(&bytes)));
                let read = progress.now().hashed_bytes;
                assert!(read <= 5_000_000 && (read == 5_000_000 || !whole));
                // Known ranges are not read again.
                block_on(digests.compute(&source, wanted, whole, &progress)).unwrap();
                assert_eq!(progress.now().hashed_bytes, read);
            }
        }
    }

    #[test]
    fn a_source_of_another_length_fails_and_an_empty_one_has_the_empty_sha1() {
        for (promised, has, fails) in [(10, 9, true), (10, 11, true), (0, 0, false)] {
            let source = Source::ranges(promised, move |_| {
                Ok(futures_util::stream::iter([Ok(content(has))]))
            });
            let mut digests = Digests::default();
            let source = random_access(source);
            let progress = Progress::new();
            let learned = block_on(digests.compute(&source, once(0..promised), true, &progress));
            assert_eq!(learned.is_err(), fails, "{promised} {has}");
            assert_eq!(digests.whole.is_none(), fails);
        }
    }

    /// A source that is always ready with empty chunks must not starve other tasks.
    #[test]
    fn an_endless_source_yields_to_other_tasks() {
        let endless = Source::ranges(10, |_| {
            Ok(futures_util::stream::repeat_with(|| Ok(Bytes::new())))
        });
        let (source, progress) = (random_access(endless), Progress::new());
        let mut digests = Digests::default();
        let mut learning = Box::pin(digests.compute(&source, once(0..10), true, &progress));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..3 {
            assert!(learning.as_mut().poll(&mut cx).is_pending());
        }
    }
}
