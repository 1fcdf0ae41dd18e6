//! Compares two files with the same path.

use std::time::Duration;

use super::entry::{LocalFile, RemoteFile, State};
use super::policy::{Compare, Newer, SyncPolicy};
use crate::types::{Sha1, Timestamp};

/// The first time that every file system has, in seconds since 1970: FAT begins in 1980, in local time.
const FIRST_SECOND: i64 = 315_619_200;

/// The last time that every file system has: some have 31 bits.
const LAST_SECOND: i64 = i32::MAX as i64;

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    SameSha1,
    Different,
    /// They differ, and the destination is newer, so it is refused or skipped.
    Newer {
        refuse: bool,
    },
    /// The local file has to be hashed: it is the same if this is its SHA-1.
    Hash(Sha1),
}

/// The known properties of a file on either side.
#[derive(Debug, Clone, Copy)]
struct Known {
    bytes: u64,
    modified: Timestamp,
    sha1: Option<Sha1>,
    is_local: bool,
    /// When it was uploaded, if no other time is known.
    uploaded_only: Option<Timestamp>,
}

impl From<&LocalFile> for Known {
    fn from(file: &LocalFile) -> Self {
        Self {
            bytes: file.bytes,
            modified: file.modified,
            sha1: None,
            is_local: true,
            uploaded_only: None,
        }
    }
}

impl From<&RemoteFile> for Known {
    fn from(file: &RemoteFile) -> Self {
        Self {
            bytes: file.bytes,
            modified: file.modified(),
            sha1: file.sha1,
            is_local: false,
            uploaded_only: file.source_modified.is_none().then_some(file.uploaded),
        }
    }
}

impl Known {
    /// Whether a local copy can have its modification time: that is known, and every file system has it.
    fn has_comparable_time(&self) -> bool {
        let seconds = self.modified.as_millis().div_euclid(1_000);
        self.uploaded_only.is_none() && (FIRST_SECOND..=LAST_SECOND).contains(&seconds)
    }
}

fn known(state: &State) -> Option<Known> {
    match state {
        State::Local(file) => Some(file.into()),
        State::Remote(file) => Some((&**file).into()),
        State::Hidden | State::Opaque(_) => None,
    }
}

/// Compares two files. Anything that is not a file differs from all files.
pub(super) fn compare(policy: &SyncPolicy, source: &State, destination: &State) -> Verdict {
    let (Some(source), Some(destination)) = (known(source), known(destination)) else {
        return Verdict::Different;
    };
    match policy.compare {
        Compare::Existence => Verdict::Same,
        Compare::Size if source.bytes == destination.bytes => Verdict::Same,
        Compare::Size => Verdict::Different,
        Compare::ModifiedTime => by_time(policy, source, destination),
        Compare::Always => different(policy, source, destination),
        Compare::Sha1 | Compare::Sha1Always => by_sha1(policy, source, destination),
    }
}

fn by_time(policy: &SyncPolicy, source: Known, destination: Known) -> Verdict {
    let are_of_one_size = source.bytes == destination.bytes;
    if are_of_one_size && are_of_one_time(policy, source, destination) {
        return Verdict::Same;
    }
    let is_between_buckets = !source.is_local && !destination.is_local;
    if are_of_one_size && is_between_buckets {
        let sha1s = source.sha1.zip(destination.sha1);
        if sha1s.is_some_and(|(one, other)| one == other) {
            return Verdict::SameSha1;
        }
        // A copy has the time of its own upload then.
        if sha1s.is_none()
            && source.uploaded_only.is_some()
            && destination.uploaded_only >= source.uploaded_only
        {
            return Verdict::Same;
        }
    }
    let otherwise = different(policy, source, destination);
    let at_b2 = if source.is_local { destination } else { source };
    match at_b2.sha1 {
        Some(sha1)
            if are_of_one_size
                && !is_between_buckets
                && !at_b2.has_comparable_time()
                // It is skipped in any case.
                && otherwise != (Verdict::Newer { refuse: false }) =>
        {
            Verdict::Hash(sha1)
        }
        _ => otherwise,
    }
}

fn by_sha1(policy: &SyncPolicy, source: Known, destination: Known) -> Verdict {
    if source.bytes != destination.bytes {
        return different(policy, source, destination);
    }
    let always = policy.compare == Compare::Sha1Always;
    if !always && are_of_one_time(policy, source, destination) {
        return Verdict::Same;
    }
    match (source.sha1, destination.sha1) {
        (Some(one), Some(other)) if one == other => Verdict::SameSha1,
        (Some(_), Some(_)) => different(policy, source, destination),
        (Some(sha1), None) if destination.is_local => Verdict::Hash(sha1),
        (None, Some(sha1)) if source.is_local => Verdict::Hash(sha1),
        _ => by_time(policy, source, destination),
    }
}

/// The verdict if the local file turns out to have another SHA-1.
pub(super) fn after_other_sha1(
    policy: &SyncPolicy,
    source: &State,
    destination: &State,
) -> Verdict {
    match (known(source), known(destination)) {
        (Some(source), Some(destination)) => different(policy, source, destination),
        _ => Verdict::Different,
    }
}

/// The verdict for files that differ: which one is newer.
fn different(policy: &SyncPolicy, source: Known, destination: Known) -> Verdict {
    let is_newer =
        destination.modified > source.modified && !are_of_one_time(policy, source, destination);
    match policy.newer {
        Newer::Refuse if is_newer => Verdict::Newer { refuse: true },
        Newer::Skip if is_newer => Verdict::Newer { refuse: false },
        _ => Verdict::Different,
    }
}

fn are_of_one_time(policy: &SyncPolicy, one: Known, other: Known) -> bool {
    let apart = one
        .modified
        .as_millis()
        .abs_diff(other.modified.as_millis());
    Duration::from_millis(apart) <= policy.tolerance
}

#[cfg(test)]
mod tests {
    use super::super::entry::RequestTime;
    use super::*;
    use crate::types::FileId;

    fn local(bytes: u64, modified: i64) -> State {
        State::Local(LocalFile::new(bytes, Timestamp::from_millis(modified)))
    }

    fn remote(bytes: u64, modified: Option<i64>, uploaded: i64, sha1: Option<&[u8]>) -> State {
        State::Remote(Box::new(RemoteFile {
            file_id: FileId::from("4_z1"),
            bytes,
            sha1: sha1.map(Sha1::of),
            source_modified: modified.map(Timestamp::from_millis),
            uploaded: Timestamp::from_millis(uploaded),
            requested: RequestTime::default(),
        }))
    }

    #[test]
    fn existence_and_size_look_at_nothing_else() {
        let (old, new) = (local(1, 10), remote(2, Some(20), 20, None));
        let compare_by = |by| compare(&SyncPolicy::new().compare(by), &old, &new);
        assert_eq!(compare_by(Compare::Existence), Verdict::Same);
        assert_eq!(compare_by(Compare::Size), Verdict::Different);
        let same_size = remote(1, Some(20), 20, None);
        let by_size = SyncPolicy::new().compare(Compare::Size);
        assert_eq!(compare(&by_size, &old, &same_size), Verdict::Same);
    }

    #[test]
    fn equal_files_differ_where_all_do_and_a_newer_one_is_still_the_newer_one() {
        let always = SyncPolicy::new().compare(Compare::Always);
        let compare = |source, there| compare(&always, &local(1, source), &there);
        let there = remote(1, Some(10), 10, None);
        assert_eq!(compare(10, there.clone()), Verdict::Different);
        assert_eq!(compare(5, there), Verdict::Newer { refuse: true });
    }

    #[test]
    fn a_modification_time_within_the_tolerance_is_the_same_one() {
        let policy = SyncPolicy::new().tolerance(Duration::from_millis(5));
        for (source, destination, verdict) in [
            (10, 10, Verdict::Same),
            (10, 5, Verdict::Same),
            (5, 10, Verdict::Same),
            (11, 5, Verdict::Different),
            (5, 11, Verdict::Newer { refuse: true }),
        ] {
            let there = remote(1, Some(destination), 99, None);
            assert_eq!(compare(&policy, &local(1, source), &there), verdict);
        }
    }

    #[test]
    fn equal_times_with_different_sizes_differ() {
        let there = remote(2, Some(10), 99, None);
        let policy = SyncPolicy::new();
        assert_eq!(compare(&policy, &local(1, 10), &there), Verdict::Different);
    }

    #[test]
    fn a_newer_destination_is_refused_skipped_or_replaced() {
        for (newer, verdict) in [
            (Newer::Refuse, Verdict::Newer { refuse: true }),
            (Newer::Skip, Verdict::Newer { refuse: false }),
            (Newer::Replace, Verdict::Different),
        ] {
            let policy = SyncPolicy::new().newer(newer);
            let there = remote(1, Some(20), 20, None);
            assert_eq!(compare(&policy, &local(1, 10), &there), verdict);
        }
    }

    #[test]
    fn a_file_is_hashed_only_where_size_agrees_and_time_does_not_or_always() {
        let there = remote(1, Some(10), 99, Some(b"x"));
        let sha1 = Sha1::of(b"x");
        for (by, here, verdict) in [
            (Compare::Sha1, local(1, 10), Verdict::Same),
            (Compare::Sha1, local(1, 11), Verdict::Hash(sha1)),
            (Compare::Sha1, local(2, 11), Verdict::Different),
            (Compare::Sha1Always, local(1, 10), Verdict::Hash(sha1)),
            (Compare::Sha1Always, local(2, 10), Verdict::Different),
        ] {
            let policy = SyncPolicy::new().compare(by);
            assert_eq!(compare(&policy, &here, &there), verdict, "{by:?}");
        }
        let unknown = remote(1, Some(10), 99, None);
        let policy = SyncPolicy::new().compare(Compare::Sha1Always);
        assert_eq!(compare(&policy, &local(1, 10), &unknown), Verdict::Same);
        assert_eq!(
            compare(&policy, &local(1, 11), &unknown),
            Verdict::Different
        );
    }

    #[test]
    fn the_sha1_decides_if_the_time_at_b2_is_unknown_or_no_local_file_may_have_it() {
        fn compare(source: &State, destination: &State) -> Verdict {
            super::compare(&SyncPolicy::new(), source, destination)
        }
        let sha1 = Sha1::of(b"x");
        let (first, last) = (FIRST_SECOND * 1_000, LAST_SECOND * 1_000 + 999);
        let times = [
            None,
            Some(first - 1),
            Some(last + 1),
            Some(first),
            Some(last),
        ];
        for (modified, is_hashed) in times.into_iter().zip([true, true, true, false, false]) {
            let (here, there) = (local(1, 10), remote(1, modified, 99, Some(b"x")));
            for verdict in [compare(&here, &there), compare(&there, &here)] {
                assert_eq!(verdict == Verdict::Hash(sha1), is_hashed, "{modified:?}");
            }
            // A newer destination that is skipped needs no hash.
            let skips = SyncPolicy::new().newer(Newer::Skip);
            let verdict = super::compare(&skips, &local(1, 10), &there);
            assert_eq!(verdict, Verdict::Newer { refuse: false });
            let others = [
                remote(2, modified, 99, Some(b"x")),
                remote(1, modified, 99, None),
            ];
            for other in others {
                assert!(
                    !matches!(compare(&here, &other), Verdict::Hash(_)),
                    "{other:?}"
                );
            }
        }
    }

    #[test]
    fn between_buckets_a_copy_is_the_same_although_it_is_newer() {
        let policy = SyncPolicy::new();
        let one = |sha1: Option<&[u8]>, uploaded| remote(1, None, uploaded, sha1);
        for (source, destination, verdict) in [
            (one(Some(b"x"), 1), one(Some(b"x"), 9), Verdict::SameSha1),
            (one(None, 1), one(None, 9), Verdict::Same),
            (one(None, 9), one(None, 1), Verdict::Different),
            (
                one(Some(b"x"), 1),
                one(Some(b"y"), 9),
                Verdict::Newer { refuse: true },
            ),
        ] {
            assert_eq!(compare(&policy, &source, &destination), verdict);
        }
    }
}
