//! Decides what happens to blobs that no record needs when an account is opened.
//!
//! A blob is deleted only if the journal proves it superseded (a record once referred to it, none
//! does any more, and nothing of the journal is missing), or if its upload was never completed.
//! Everything else is moved to `DIR/lost` and reported.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::directory::make;
use super::reader::NAME;
use crate::storage::blobs::disk::{DiskStore, FoundBlobs, number_of};

/// Directory for what could not be accounted for.
pub(super) const LOST: &str = "lost";

/// What the journal says about blobs.
pub(super) struct JournaledBlobs {
    /// Whether it contains everything that was answered.
    pub(super) is_whole: bool,
    /// Blobs that any record refers to.
    pub(super) known: BTreeSet<u64>,
    /// Blobs that are needed, and complete.
    pub(super) needed: BTreeSet<u64>,
    /// Blobs that would be needed, if all of them were there and complete.
    pub(super) wanted: BTreeSet<u64>,
}

/// What happens to each blob.
#[derive(Debug, Default, PartialEq, Eq)]
struct Disposition {
    /// Needed, but with the file name of an incomplete one.
    complete: Vec<u64>,
    superseded: Vec<u64>,
    /// Incomplete uploads that were never answered.
    discard: Vec<u64>,
    set_aside: Vec<u64>,
}

impl JournaledBlobs {
    fn classify(
        &self,
        blobs: impl Iterator<Item = u64>,
        unfinished: &BTreeSet<u64>,
    ) -> Disposition {
        let mut disposition = Disposition::default();
        for number in blobs {
            let is_unfinished = unfinished.contains(&number);
            if self.needed.contains(&number) {
                if is_unfinished {
                    disposition.complete.push(number);
                }
                continue;
            }
            let is_lost = self.wanted.contains(&number) || !self.is_whole;
            match (is_lost, is_unfinished, self.known.contains(&number)) {
                (false, true, _) => disposition.discard.push(number),
                (false, false, true) => disposition.superseded.push(number),
                _ => disposition.set_aside.push(number),
            }
        }
        disposition
    }
}

/// Completes, deletes or moves the blobs that were found, and reports what was moved. Returns the
/// superseded ones, which the caller deletes.
pub(super) fn salvage(
    directory: &Path,
    store: &DiskStore,
    found: &FoundBlobs,
    journaled: &JournaledBlobs,
    recovery_warnings: &mut Vec<String>,
) -> io::Result<Vec<u64>> {
    let disposition = journaled.classify(found.numbers(), &found.unfinished);
    for number in disposition.complete {
        store.complete(number)?;
    }
    for number in disposition.discard {
        store.discard(number);
    }
    let set_aside = disposition.set_aside.iter().map(|number| {
        let is_whole = !found.unfinished.contains(number);
        let len = found.get(*number).map_or(0, |blob| blob.len());
        (*number, is_whole, len)
    });
    let stray_parts = found.stray_parts.iter();
    let stray_parts = stray_parts.map(|(number, len)| (*number, false, *len));
    let set_aside: Vec<_> = set_aside.chain(stray_parts).collect();
    if !set_aside.is_empty() {
        let lost = directory.join(LOST);
        make(&lost)?;
        let mut bytes = 0;
        for (number, is_whole, len) in &set_aside {
            store.set_aside(*number, *is_whole, &lost)?;
            bytes += len;
        }
        recovery_warnings.push(format!(
            "{} blobs of {bytes} bytes, which the journal doesn't account for, are now in {}",
            set_aside.len(),
            lost.display()
        ));
    }
    Ok(disposition.superseded)
}

/// Preserves the journal as it was found, since it is about to be rewritten with less.
pub(super) fn preserve_journal(
    directory: &Path,
    recovery_warnings: &mut Vec<String>,
) -> io::Result<()> {
    let lost = directory.join(LOST);
    make(&lost)?;
    let from = directory.join(NAME);
    for attempt in 1_u32.. {
        let to = lost.join(format!("{}.{attempt}", NAME));
        if !to.try_exists()? {
            if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to)?;
            }
            recovery_warnings.push(format!(
                "the journal as it was found is now {}",
                to.display()
            ));
            break;
        }
    }
    Ok(())
}

/// Makes sure that the numbers of moved blobs are not used again.
pub(super) fn skip_numbers(directory: &Path, store: &DiskStore) -> io::Result<()> {
    let entries = match fs::read_dir(directory.join(LOST)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.get(..16));
        if let Some((number, _)) = name.and_then(number_of) {
            store.skip(number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_deleted_only_if_a_complete_journal_proves_it_superseded() {
        let journaled = |is_whole| JournaledBlobs {
            is_whole,
            known: [1, 2, 3, 4].into(),
            needed: [1, 4].into(),
            wanted: [1, 3, 4].into(),
        };
        let sort = |is_whole| journaled(is_whole).classify(1..=6, &[4, 6].into());
        // 1 is needed, 2 superseded, 3 too short for its record, 5 unknown, 4 and 6 unfinished
        let whole = Disposition {
            complete: vec![4],
            superseded: vec![2],
            discard: vec![6],
            set_aside: vec![3, 5],
        };
        assert_eq!(sort(true), whole);
        let cut = Disposition {
            complete: vec![4],
            set_aside: vec![2, 3, 5, 6],
            ..Disposition::default()
        };
        assert_eq!(sort(false), cut);
    }
}
