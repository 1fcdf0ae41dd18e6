//! One download to a path: claims a partial file, downloads into it, verifies it, and renames it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::future::try_join3;

use super::shared_state::{ActiveDownload, SharedState, write_error};
use super::stream_plan::{RangeSize, StreamPlan};
use crate::api::{Download, DownloadedFile};
use crate::error::{Error, ErrorKind};
use crate::transfer::disk::{
    PartialDownload, ResumeOutcome, SavedState, TargetPath, TempFile, is_reserved_path, on_pool,
};
use crate::transfer::download::builder::{FileDownload, RANGE_SIZE};
use crate::transfer::download::first_response::FirstResponse;
use crate::transfer::download::reader::ResumingReader;
use crate::transfer::download::verify::{
    Downloaded, require_verification, sha1_mismatch, verification_of,
};
use crate::transfer::large_file::{MAX_PARTS, PartSizes};
use crate::transfer::progress::Stage;
use crate::transfer::range_set::RangeSet;
use crate::types::{ByteRange, Sha1, Timestamp};

/// The descriptors that a download uses: the partial file, its directory, and its state file.
const OPEN_FILES: u64 = 3;

/// The maximum number of downloads of a file whose SHA-1 doesn't match.
const MAX_FETCHES: u32 = 3;

/// Finds the directory of the target. It blocks.
pub(super) type FindTarget = Arc<dyn Fn() -> io::Result<TargetPath> + Send + Sync>;

impl FileDownload {
    pub(super) async fn write_to_path(
        &self,
        target: &Path,
        find: FindTarget,
    ) -> Result<Downloaded, Error> {
        self.selector.as_ref().map_err(Clone::clone)?;
        let _transfer = self.client.begin_transfer()?;
        if is_reserved_path(target) {
            return Err(Error::invalid(format!(
                "{target:?} has a name that is reserved for partial downloads"
            )));
        }
        let write_error = |error| write_error(target, error);
        let _files = self.client.reserve_files(OPEN_FILES).await;
        let open = || async {
            let find = Arc::clone(&find);
            let target = on_pool(move || find()).await?;
            self.open_temp_file(target).await
        };
        let (temp, saved) = self
            .client
            .retry_when_exhausted(open)
            .await
            .map_err(write_error)?;
        let outcome = self.fetch_verified(&temp, target, saved).await;
        if outcome.is_err() {
            // When this returns, no job works on the file.
            on_pool(move || temp.abandon()).await;
            return outcome;
        }
        let outcome = outcome?;
        self.progress.enter(Stage::Finishing);
        let modified = outcome.file.file_info.get("src_last_modified_millis");
        let modified = modified
            .filter(|_| self.path_options.modified_time)
            .and_then(|millis| millis.parse().ok().map(Timestamp::from_millis));
        let commit = &self.path_options.commit;
        let modified = commit.modification_time().or(modified);
        let modified = modified.and_then(Timestamp::to_system_time);
        let len = outcome.bytes;
        if let Err(error) = self.pass_barrier(&temp, len, modified).await {
            on_pool(move || temp.abandon()).await;
            return Err(write_error(error));
        }
        let put = || {
            let (temp, commit) = (Arc::clone(&temp), commit.clone());
            on_pool(move || temp.put_in_place(len, modified, &commit))
        };
        if let Err(error) = self.client.retry_when_exhausted(put).await {
            on_pool(move || temp.abandon()).await;
            return Err(write_error(error));
        }
        self.progress.enter(Stage::Done);
        Ok(outcome)
    }

    /// Waits until the complete file may be renamed.
    async fn pass_barrier(
        &self,
        temp: &Arc<TempFile>,
        len: u64,
        modified: Option<SystemTime>,
    ) -> io::Result<()> {
        let commit = &self.path_options.commit;
        if !commit.has_barrier() {
            return Ok(());
        }
        let file = Arc::clone(temp);
        on_pool(move || file.complete(len, modified)).await?;
        temp.noting_failure(commit.pass_barrier().await)
    }

    /// Downloads the file, again after a SHA-1 mismatch.
    async fn fetch_verified(
        &self,
        temp: &Arc<TempFile>,
        target: &Path,
        mut saved: Option<SavedState>,
    ) -> Result<Downloaded, Error> {
        let mut seen = None;
        for round in 1.. {
            let outcome = self.fetch(temp, target, saved.take()).await?;
            let Some((expected, arrived)) = outcome.mismatch else {
                return Ok(outcome.result);
            };
            self.reset(temp, target).await?;
            if round == MAX_FETCHES || seen == Some(arrived) {
                let name = &outcome.result.file.file_name;
                return Err(sha1_mismatch(expected, arrived, name.as_str()));
            }
            seen = Some(arrived);
            self.progress.start_over();
        }
        unreachable!("the last round returns")
    }

    /// The file to write to, and the saved state of an earlier download.
    async fn open_temp_file(
        &self,
        target: TargetPath,
    ) -> io::Result<(Arc<TempFile>, Option<SavedState>)> {
        let target = Arc::new(target);
        // A download that was just dropped may still be writing its last bytes.
        let tries = if self.path_options.resume { 10 } else { 0 };
        for again in 0..tries {
            let resumed = Arc::clone(&target);
            match on_pool(move || TempFile::resume(&resumed)).await? {
                ResumeOutcome::Ready(temp, saved) => return Ok((temp, saved)),
                ResumeOutcome::Unavailable => break,
                ResumeOutcome::Locked => {}
            }
            self.client.sleep(Duration::from_millis(10 * again)).await;
        }
        let temp = on_pool(move || TempFile::create(&target)).await?;
        Ok((Arc::new(temp), None))
    }

    async fn reset(&self, temp: &Arc<TempFile>, target: &Path) -> Result<(), Error> {
        let temp = Arc::clone(temp);
        on_pool(move || temp.reset())
            .await
            .map_err(|error| write_error(target, error))
    }

    /// Downloads all bytes to disk, and compares their SHA-1.
    async fn fetch(
        &self,
        temp: &Arc<TempFile>,
        target: &Path,
        saved: Option<SavedState>,
    ) -> Result<FetchOutcome, Error> {
        let (first, done) = self.first_response(temp, target, saved).await?;
        let Download { file, body } = first.download;
        let wanted = self.requested_range(&file);
        let (verified, sha1) = verification_of(&file, wanted == (0..file.content_length));
        if self.must_be_verified {
            require_verification(verified, file.file_name.as_str())?;
        }
        let resumed_bytes = done.total_bytes();
        let mut begun_or_done = done.clone();
        begun_or_done.insert(first.sent.clone());
        let plan = StreamPlan::new(
            self.size_of_ranges(file.content_length),
            self.path_options.concurrency,
            &first.sent,
            begun_or_done.missing(wanted.clone()),
            done.iter().count() as u64,
        );
        self.progress.expect_bytes(wanted.end - wanted.start);
        let missing = (wanted.end - wanted.start).saturating_sub(resumed_bytes);
        self.progress.expect_parts(plan.total_parts(missing));
        done.iter()
            .for_each(|range| self.progress.part_reused(range.end - range.start));
        self.progress.enter(Stage::Transferring);
        let active = ActiveDownload {
            temp,
            target,
            wanted: wanted.clone(),
            is_checked: sha1.is_some(),
            version: first.version,
            state: Mutex::new(SharedState::new(done, &wanted, self.client.now())),
        };
        let first = ResumingReader::from_response(Arc::clone(&active.version), first.sent, body);
        let moving = active.write_ranges(first, plan, &self.progress);
        let hashing = async {
            match sha1 {
                Some(expected) => {
                    let arrived = active.hash_in_order().await?;
                    Ok((arrived != expected).then_some((expected, arrived)))
                }
                None => Ok(None),
            }
        };
        let ((), mismatch, ()) = try_join3(moving, hashing, active.flush_periodically()).await?;
        Ok(FetchOutcome {
            result: Downloaded {
                file,
                verified,
                bytes: wanted.end - wanted.start,
                resumed_bytes,
            },
            mismatch,
        })
    }

    /// The first response, and the ranges that are already on disk.
    async fn first_response(
        &self,
        temp: &Arc<TempFile>,
        target: &Path,
        saved: Option<SavedState>,
    ) -> Result<(FirstResponse, RangeSet), Error> {
        let is_resumed = saved.is_some();
        if let Some(SavedState {
            partial,
            is_authenticated,
        }) = saved
        {
            let mut missing = partial.done.missing(partial.wanted.clone());
            let range = missing
                .take(self.path_options.first_range_size())
                .map(|range| ByteRange::inclusive(range.start, range.end - 1))
                .transpose()?;
            match self.request_first(range, range.is_none()).await {
                Ok(first)
                    if self.matches(&partial, &first)
                        && (is_authenticated || self.is_checkable(&first)) =>
                {
                    return Ok((first, partial.done));
                }
                // It is another version, perhaps a shorter one; or the bytes on disk can't be
                // verified.
                Ok(_) => {}
                // It has no such range, or the server ignores ranges.
                Err(error) if is_past_the_end(&error) || error.kind() == ErrorKind::Integrity => {}
                Err(error) => return Err(error),
            }
        }
        let mut range = self.range;
        if self.path_options.concurrency > 1
            && let Some(size) = self.path_options.range_size
        {
            let all = ByteRange::from_offset(0);
            range = Some(range.unwrap_or(all).first(size));
        }
        let first = match self.request_first(range, false).await {
            // An empty file has no satisfiable range.
            Err(error) if self.range.is_none() && is_past_the_end(&error) => {
                self.request_first(None, false).await
            }
            first => first,
        }?;
        if is_resumed {
            // Not earlier: if the server fails, the bytes on disk are kept.
            self.reset(temp, target).await?;
        }
        Ok((first, RangeSet::default()))
    }

    /// How a file of this length is divided into ranges: if the caller chose no size, by the
    /// account's recommended part size.
    fn size_of_ranges(&self, len: u64) -> RangeSize {
        let adaptive = self.client.current_session().map_or(RANGE_SIZE, |session| {
            let minimum = session.absolute_minimum_part_size();
            let sizes = PartSizes::new(minimum, session.recommended_part_size());
            // At most as many ranges as an upload may have parts.
            sizes.recommended.max(len.div_ceil(MAX_PARTS))
        });
        let is_limited = self.client.has_bandwidth_limit();
        RangeSize::new(&self.path_options, is_limited, adaptive)
    }

    fn matches(&self, partial: &PartialDownload, first: &FirstResponse) -> bool {
        let file = &first.download.file;
        file.file_id == partial.file_id
            && file.content_length == partial.content_length
            && self.requested_range(file) == partial.wanted
    }

    /// Whether the requested bytes can be verified with a SHA-1.
    fn is_checkable(&self, first: &FirstResponse) -> bool {
        let file = &first.download.file;
        let is_whole = self.requested_range(file) == (0..file.content_length);
        verification_of(file, is_whole).1.is_some()
    }

    /// The byte range of the file that was requested.
    fn requested_range(&self, file: &DownloadedFile) -> Range<u64> {
        match self.range.map(|range| range.within(file.content_length)) {
            None => 0..file.content_length,
            Some(None) => 0..0,
            Some(Some((first, last))) => first..last + 1,
        }
    }
}

/// The outcome of a download whose bytes are all on disk.
struct FetchOutcome {
    result: Downloaded,
    /// The expected and the actual SHA-1, if they differ.
    mismatch: Option<(Sha1, Sha1)>,
}

/// Whether the requested range is past the end of the file, as B2 or a proxy with a cache says.
fn is_past_the_end(error: &Error) -> bool {
    error.status() == Some(416)
}
