//! Keeps or discards the state of a partial file whose download ends early.

use std::io;

use super::TempFile;
use crate::transfer::disk::state::{StateFile, StateStatus};

/// How many bytes to truncate so that the state fits on a full disk. At first only bytes that the
/// state doesn't cover.
const TRUNCATIONS: [u64; 4] = [0, 64 << 10, 1 << 20, 16 << 20];

impl TempFile {
    /// Saves the state if possible. Returns whether a state is on disk, so that the file can be
    /// resumed.
    pub(super) fn keep(&self, state: &StateFile, kept: &mut StateStatus, may_wait: bool) -> bool {
        let now = kept.now.take();
        if kept.is_doubtful {
            // Checkpoints of bytes without a SHA-1 are written after a sync.
            let is_synced = kept.is_on_disk && now.is_some_and(|now| !now.is_checked);
            if !is_synced {
                let _ = state.remove(&self.target);
            }
            return is_synced;
        }
        let Some(now) = now else {
            return kept.is_on_disk;
        };
        let is_sure = now.is_checked || (may_wait && self.file.sync_data().is_ok());
        if !is_sure || now.partial.done.total_bytes() == 0 {
            return kept.is_on_disk;
        }
        let mut partial = now.partial;
        let mut written = state.write(kept, &self.target, self.status, &partial);
        for bytes in TRUNCATIONS {
            match written {
                Err(error) if is_full(&error) => {}
                _ => break,
            }
            if bytes > 0 {
                partial = partial.without_last(bytes);
                // An older state may cover truncated bytes.
                if state.remove(&self.target).is_err() || partial.done.total_bytes() == 0 {
                    return false;
                }
                kept.is_on_disk = false;
            }
            let cut = self.file.set_len(partial.len_on_disk());
            written = cut.and_then(|()| state.write(kept, &self.target, self.status, &partial));
        }
        written.is_ok() || kept.is_on_disk
    }
}

/// Whether the disk is full.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    use crate::client::SigningKey;
    use crate::transfer::disk::{PartialDownload, ResumeOutcome, SavedState, TargetPath};
    use crate::transfer::range_set::RangeSet;
    use crate::types::Secret;

    fn resumed(directory: &Path) -> (Arc<TempFile>, Option<SavedState>) {
        let key = SigningKey::derived_from(&Secret::new("key"));
        let target = TargetPath::at(&directory.join("f"), key).unwrap();
        match TempFile::resume(&Arc::new(target)).unwrap() {
            ResumeOutcome::Ready(temp, saved) => (temp, saved),
            other => panic!("{other:?}"),
        }
    }

    fn partial() -> PartialDownload {
        let mut done = RangeSet::default();
        done.insert(0..4);
        PartialDownload {
            file_id: "f".into(),
            content_length: 8,
            wanted: 0..8,
            done,
        }
    }

    /// Whether a download is resumed that got four bytes, wrote a checkpoint, and was abandoned
    /// after this.
    fn is_resumed_after(is_checked: bool, end: impl FnOnce(&TempFile)) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let (temp, _) = resumed(directory.path());
        temp.file.set_len(4).unwrap();
        let saved = temp.write_checkpoint(partial(), !is_checked);
        futures::executor::block_on(saved).unwrap();
        temp.set_checkpoint(partial(), is_checked);
        end(&temp);
        temp.abandon();
        drop(temp);
        resumed(directory.path()).1.is_some()
    }

    #[test]
    fn a_file_is_not_resumed_after_a_failed_sync_unless_its_checkpoint_was_synced_before() {
        let failed_sync = |temp: &TempFile| {
            let error = io::Error::other("a write failed");
            assert!(temp.noting_failure(Err(error)).is_err());
        };
        for is_checked in [true, false] {
            assert!(is_resumed_after(is_checked, |_| ()), "{is_checked}");
        }
        assert!(!is_resumed_after(true, failed_sync));
        assert!(is_resumed_after(false, failed_sync));
    }
}
