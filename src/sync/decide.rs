//! Decides what to do with one path, given its state on both sides. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::action::{Action, Scan};
use super::compare::{Verdict, compare};
use super::entry::{Entry, History, RemoteFile, State};
use super::names::{Collisions, Parent, Parents, local_path};
use super::policy::{Extras, Links, SyncPolicy};
use super::reason::Reason;
use crate::transfer::is_create_stage;
use crate::types::{FileId, FileName, Sha1, Timestamp};

/// The state of a path on both sides.
#[derive(Debug)]
pub(super) enum Pair {
    Source(Entry),
    Destination(Entry),
    Both(Entry, Entry),
    Neither,
}

/// A line of a plan, or one that needs a look at a local file first.
#[derive(Debug)]
pub(super) enum Step {
    Ready(Action),
    /// The download of a new file. A walk doesn't show whether there is a directory of its name, or a file with a name
    /// that the file system doesn't distinguish.
    New(Action),
    Hash {
        path: Box<str>,
        /// The SHA-1 of the version.
        sha1: Sha1,
        source: State,
        destination: State,
    },
}

/// The direction of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
    Copy,
}

/// Decides path by path, in ascending order.
pub(super) struct Decider {
    pub(super) direction: Direction,
    pub(super) policy: Arc<SyncPolicy>,
    /// The prefixes of the names on both sides, for those that are buckets.
    pub(super) source_prefix: Option<String>,
    pub(super) destination_prefix: Option<String>,
    /// Whether to look up if something is in the way of a new file.
    pub(super) looks_up_obstacles: bool,
    /// Returns the current time, for [`Extras::KeepDays`].
    pub(super) now: Box<dyn Fn() -> Timestamp + Send>,
    pub(super) parents: Parents,
    pub(super) collisions: Collisions,
}

impl Decider {
    pub(super) fn decide(&mut self, pair: Pair, steps: &mut VecDeque<Step>) {
        let (path, source, destination, history) = match pair {
            Pair::Both(source, destination) => (
                source.path,
                Some(source.state),
                Some(destination.state),
                destination.history,
            ),
            Pair::Source(source) => (source.path, Some(source.state), None, None),
            Pair::Destination(entry) => (entry.path, None, Some(entry.state), entry.history),
            Pair::Neither => return,
        };
        let history = history.map(|history| (path.clone(), history));
        let is_visible = |state: &State| *state != State::Hidden;
        let (source, destination) = (source.filter(is_visible), destination.filter(is_visible));
        let parent = self.place(&path, source.as_ref(), destination.as_ref());
        let below_opaque = matches!(parent, Some((_, Parent::Opaque)));
        let step = match (source, destination) {
            (None, None) => None,
            (Some(source), there) => Some(self.wanted(path, parent, source, there)),
            (None, Some(there)) => Some(self.extra(path, parent, there)),
        };
        let old = match (self.policy.extras, history) {
            (Extras::KeepDays(days), Some((path, history))) => {
                let is_synced = match &step {
                    Some(step) => is_synced(step),
                    None => !below_opaque && self.not_at_source(&path).is_none(),
                };
                is_synced
                    .then(|| expired(path, &history, days, (self.now)()))
                    .flatten()
            }
            _ => None,
        };
        steps.extend(step);
        steps.extend(old.map(Step::Ready));
    }

    /// The step for a source that was read completely and turned out to be empty.
    pub(super) fn source_empty(&self, scan: Scan) -> Option<Step> {
        let refuse = scan.source_files == 0 && !self.policy.allow_empty_source;
        refuse.then(|| Step::Ready(refused("", Reason::SourceEmpty)))
    }

    /// The parent of the path. Records what the path is, for the paths below it.
    fn place(
        &mut self,
        path: &str,
        source: Option<&State>,
        destination: Option<&State>,
    ) -> Option<(Box<str>, Parent)> {
        let parent = self.parents.of(path);
        let parent = parent.map(|(path, what)| (Box::from(path), what));
        let is_opaque = |state: Option<&State>| matches!(state, Some(State::Opaque(_)));
        let is_down = self.direction == Direction::Down;
        let what = if is_opaque(source) || is_down && is_opaque(destination) {
            Some(Parent::Opaque)
        } else if !is_down {
            None
        } else if source.is_some() {
            Some(Parent::File)
        } else if destination.is_some() {
            Some(match self.policy.extras {
                Extras::Delete => Parent::Leaving,
                _ => Parent::File,
            })
        } else {
            None
        };
        let is_marker = path.is_empty() || path.ends_with('/');
        if let Some(what) = what.filter(|what| *what == Parent::Opaque || !is_marker) {
            self.parents.push(path, what);
        }
        parent
    }

    /// Decides about a path that the source has.
    fn wanted(
        &mut self,
        path: Box<str>,
        parent: Option<(Box<str>, Parent)>,
        source: State,
        destination: Option<State>,
    ) -> Step {
        if let State::Opaque(reason) = source {
            let refuse = self.policy.links == Links::Refuse && reason == Reason::Symlink
                || reason.hides_files();
            return Step::Ready(match refuse {
                true => refused(path, reason),
                false => skipped(path, reason),
            });
        }
        if self.direction == Direction::Down && is_folder_marker(&path, &source) {
            return Step::Ready(skipped(path, Reason::FolderMarker));
        }
        let mut after_removals = false;
        if let Some((parent, what)) = parent {
            match what {
                Parent::Leaving => after_removals = true,
                Parent::Opaque => return Step::Ready(refused(path, Reason::BelowSkipped)),
                Parent::File => {
                    return Step::Ready(refused(path, Reason::ParentIsFile(parent.into())));
                }
            }
        }
        if let Some(action) = self.bad_name(&path, &source) {
            return Step::Ready(action);
        }
        let Some(destination) = destination else {
            let transfer = transfer(self.direction, path, source, None, after_removals);
            return match self.looks_up_obstacles && !after_removals {
                true => Step::New(transfer),
                false => Step::Ready(transfer),
            };
        };
        match destination {
            State::Opaque(reason @ Reason::UnknownAction(_)) => {
                return Step::Ready(refused(path, reason));
            }
            State::Opaque(_) => return Step::Ready(refused(path, Reason::DestinationNotAFile)),
            _ => {}
        }
        let verdict = compare(&self.policy, &source, &destination);
        conclude(self.direction, verdict, path, source, destination)
    }

    /// Why the destination can't have this name.
    fn bad_name(&mut self, path: &str, source: &State) -> Option<Action> {
        if let Some(prefix) = &self.destination_prefix {
            let reason = no_name(prefix, path)?;
            // A marker of the source's prefix itself, for a whole bucket as the destination.
            return Some(match path.is_empty() && is_folder_marker(path, source) {
                true => skipped(path, Reason::FolderMarker),
                false => refused(path, reason),
            });
        }
        if let Some(reason) = self.no_local_path(path) {
            return Some(refused(path, reason));
        }
        let other = match self.policy.refuse_collisions {
            true => self.collisions.with(path),
            false => None,
        };
        other.map(|other| refused(path, Reason::Collision(other)))
    }

    /// Why the source can't have this path, so that it doesn't count as missing there.
    fn not_at_source(&self, path: &str) -> Option<Reason> {
        match &self.source_prefix {
            Some(prefix) => no_name(prefix, path),
            None => self.no_local_path(path),
        }
    }

    fn no_local_path(&self, path: &str) -> Option<Reason> {
        let unsafe_name = local_path(path, self.policy.portable_names).err()?;
        Some(Reason::NotAPath(unsafe_name.why().to_owned()))
    }

    /// Decides about a path that only the destination has.
    fn extra(&self, path: Box<str>, parent: Option<(Box<str>, Parent)>, current: State) -> Step {
        if let State::Opaque(reason) = current {
            // With `Extras::Keep` nothing is deleted, even if it wrongly seems to be missing at the
            // source.
            let refuse = reason.hides_files() && self.policy.extras != Extras::Keep;
            return Step::Ready(match refuse {
                true => refused(path, reason),
                false => skipped(path, reason),
            });
        }
        if matches!(parent, Some((_, Parent::Opaque))) {
            return Step::Ready(skipped(path, Reason::BelowSkipped));
        }
        if let Some(why) = self.not_at_source(&path) {
            return Step::Ready(skipped(path, why));
        }
        Step::Ready(match (self.policy.extras, current) {
            (Extras::Delete, State::Local(file)) => Action::DeleteLocal { path, file },
            (Extras::Delete, State::Remote(current)) => Action::Delete { path, current },
            (Extras::Hide | Extras::KeepDays(_), State::Remote(current)) => {
                Action::Hide { path, current }
            }
            _ => skipped(path, Reason::Extra),
        })
    }
}

fn is_folder_marker(path: &str, source: &State) -> bool {
    let is_folder = path.is_empty() || path.ends_with('/');
    is_folder && matches!(source, State::Remote(file) if file.bytes == 0)
}

/// Why no file in a bucket can have this path below this prefix.
fn no_name(prefix: &str, path: &str) -> Option<Reason> {
    let name = [prefix, path].concat();
    if is_create_stage(&name) {
        let why = "its prefix is reserved for files that are being created";
        return Some(Reason::NotAName(why.to_owned()));
    }
    let error = FileName::new(name).err()?;
    Some(Reason::NotAName(error.to_string()))
}

/// The step after a comparison.
pub(super) fn conclude(
    direction: Direction,
    verdict: Verdict,
    path: Box<str>,
    source: State,
    destination: State,
) -> Step {
    Step::Ready(match verdict {
        Verdict::Same => skipped(path, Reason::Same),
        Verdict::SameSha1 => skipped(path, Reason::SameSha1),
        Verdict::Different => transfer(direction, path, source, Some(destination), false),
        Verdict::Newer { refuse: true } => refused(path, Reason::DestinationNewer),
        Verdict::Newer { refuse: false } => skipped(path, Reason::DestinationNewer),
        Verdict::Hash(sha1) => {
            return Step::Hash {
                path,
                sha1,
                source,
                destination,
            };
        }
    })
}

fn transfer(
    direction: Direction,
    path: Box<str>,
    source: State,
    replaces: Option<State>,
    after_removals: bool,
) -> Action {
    let remote = |state: Option<State>| -> Option<Box<RemoteFile>> {
        match state {
            Some(State::Remote(file)) => Some(file),
            _ => None,
        }
    };
    match source {
        State::Local(source) => Action::Upload {
            path,
            source,
            replaces: remote(replaces),
        },
        State::Remote(source) if direction == Direction::Copy => Action::Copy {
            path,
            source,
            replaces: remote(replaces),
        },
        State::Remote(source) => Action::Download {
            path,
            source,
            replaces: match replaces {
                Some(State::Local(file)) => Some(file),
                _ => None,
            },
            after_removals,
        },
        State::Opaque(reason) => skipped(path, reason),
        State::Hidden => skipped(path, Reason::Extra),
    }
}

fn skipped(path: impl Into<Box<str>>, reason: Reason) -> Action {
    Action::Skip {
        path: path.into(),
        reason,
    }
}

fn refused(path: impl Into<Box<str>>, reason: Reason) -> Action {
    Action::Refuse {
        path: path.into(),
        reason,
    }
}

/// Whether both sides can have the path, so that the policy applies to its old versions.
const fn is_synced(step: &Step) -> bool {
    match step {
        Step::Ready(Action::Refuse { .. }) => false,
        Step::Ready(Action::Skip { reason, .. }) => matches!(
            reason,
            Reason::Same | Reason::SameSha1 | Reason::DestinationNewer
        ),
        _ => true,
    }
}

/// Deletes the versions that have been invisible for this many days: the newest such version and
/// all older ones.
fn expired(path: Box<str>, history: &History, days: u32, now: Timestamp) -> Option<Action> {
    if history.has_unknown_actions {
        return None;
    }
    const DAY: i64 = 86_400_000;
    let limit = now
        .as_millis()
        .saturating_sub(i64::from(days).saturating_mul(DAY));
    let mut versions: Vec<FileId> = Vec::new();
    let (mut was_replaced_by_then, mut was_begun_by_then) = (false, false);
    for version in &history.versions {
        let is_old = version.uploaded.as_millis() < limit;
        // A hide marker has no content, so it is deleted with the versions that it hides.
        was_replaced_by_then |= is_old && version.is_hide_marker;
        if was_replaced_by_then {
            versions.push(version.file_id.clone());
        }
        // When a large file was finished is unknown, but it was before the version above it was begun.
        was_replaced_by_then |= is_old && (was_begun_by_then || !version.may_be_large);
        was_begun_by_then |= is_old;
    }
    versions.reverse();
    let newest = history.versions.first()?.file_id.clone();
    (!versions.is_empty()).then_some(Action::DeleteVersions {
        path,
        newest,
        versions,
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::OldVersion;
    use super::*;

    /// The versions that 10 days do not keep, by their ages in days; a hide marker has a negative one.
    fn not_kept(ages: &[i64], large: &[i64]) -> Vec<i64> {
        const DAY: i64 = 86_400_000;
        let now = 1_000 * DAY;
        let versions = ages.iter().map(|age| OldVersion {
            file_id: FileId::from(age.to_string()),
            uploaded: Timestamp::from_millis(now - age.abs() * DAY),
            is_hide_marker: *age < 0,
            may_be_large: large.contains(age),
        });
        let history = History {
            versions: versions.collect(),
            has_unknown_actions: false,
        };
        match expired("a".into(), &history, 10, Timestamp::from_millis(now)) {
            Some(Action::DeleteVersions { versions, .. }) => versions
                .iter()
                .map(|id| id.as_str().parse().unwrap())
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_version_is_kept_if_it_could_be_seen_within_the_days() {
        let table: [(&[i64], &[i64]); 12] = [
            (&[], &[]),
            (&[5], &[]),
            (&[15], &[]),
            (&[5, 15, 25], &[25]),
            (&[15, 20], &[20]),
            (&[15, 20, 25], &[25, 20]),
            (&[10, 20], &[]),
            (&[-5, 15, 25], &[25]),
            (&[-5, 15], &[]),
            (&[-15, 20], &[20, -15]),
            (&[5, -15, 20], &[20, -15]),
            (&[5, -8, 20], &[]),
        ];
        for (ages, gone) in table {
            assert_eq!(not_kept(ages, &[]), gone, "{ages:?}");
        }
    }

    /// Its upload may have taken until now.
    #[test]
    fn what_a_large_file_replaced_is_kept_until_the_next_version_is_old_enough() {
        for (ages, gone) in [
            (&[15, 20][..], &[][..]),
            (&[5, 15, 20], &[]),
            (&[12, 15, 20], &[20, 15]),
            (&[15, 16, 20, 25], &[25, 20]),
            (&[-12, 15, 20], &[20, 15, -12]),
            (&[15, -20, 25], &[25, -20]),
        ] {
            assert_eq!(not_kept(ages, &[15, 16]), gone, "{ages:?}");
        }
    }
}
