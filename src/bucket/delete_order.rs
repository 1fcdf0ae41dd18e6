//! [`DeleteOrder`]: deletes the newest version of each name last, so that no older one becomes
//! visible in between.
//!
//! A listing gives a name's versions one after the other, the newest first. Deleting in that order
//! would bring each older version back for a moment, and for good if the rest fails: a hidden file
//! would be visible again. So the newest is held until all others of its name are gone. If one of
//! them can't be deleted, the newest stays too.

use std::collections::HashMap;
use std::mem;

use crate::error::Error;
use crate::types::{Action, FileVersion};

/// A row of a listing, and whether it is to be deleted.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) version: FileVersion,
    pub(super) delete: bool,
}

/// The decision about a version.
#[derive(Debug)]
pub(super) enum DeleteStep {
    /// It can be deleted. The number goes to [`DeleteOrder::deleted`].
    Delete(u64, FileVersion),
    /// It is kept, because an older version could not be deleted.
    Skip(FileVersion, Error),
}

/// Decides when each version may be deleted. Holds one version of each name with deletions in progress.
#[derive(Debug, Default)]
pub(super) struct DeleteOrder {
    names: HashMap<u64, Versions>,
    /// The number of the name that the listing is at.
    current: u64,
    current_name: Box<str>,
}

/// The state of one name.
#[derive(Debug, Default)]
struct Versions {
    top: Newest,
    /// The number of versions being deleted.
    running: usize,
    /// Whether the listing has passed the name.
    is_complete: bool,
    /// Whether an older version is kept on purpose.
    keeps_one: bool,
    /// Why an older version could not be deleted.
    failure: Option<Error>,
}

/// The newest version, which decides whether the file is visible.
#[derive(Debug, Default)]
enum Newest {
    /// Not listed yet.
    #[default]
    Unseen,
    /// To be deleted after the others.
    Held(Box<FileVersion>),
    /// Kept, or being deleted.
    Passed,
}

impl DeleteOrder {
    /// Takes the listing's next row. Returns the steps that can be taken now: for this row, and for
    /// the newest version of the previous name.
    pub(super) fn listed(&mut self, row: Row) -> [Option<DeleteStep>; 2] {
        let passed = if *self.current_name == *row.version.file_name.as_str() {
            None
        } else {
            let passed = self.ended();
            self.current += 1;
            self.current_name = row.version.file_name.as_str().into();
            passed
        };
        [passed, self.placed(row)]
    }

    fn placed(&mut self, Row { version, delete }: Row) -> Option<DeleteStep> {
        let number = self.current;
        let versions = self.names.entry(number).or_default();
        // An unfinished upload neither shows nor hides the file.
        let is_unfinished = version.action == Action::Start;
        if matches!(versions.top, Newest::Unseen) && !is_unfinished {
            versions.top = if delete {
                Newest::Held(Box::new(version))
            } else {
                Newest::Passed
            };
            return None;
        }
        if !delete {
            versions.keeps_one |= !is_unfinished;
            return None;
        }
        versions.running += 1;
        Some(DeleteStep::Delete(number, version))
    }

    /// Records that the listing has ended, or reached the next name.
    pub(super) fn ended(&mut self) -> Option<DeleteStep> {
        self.names.get_mut(&self.current)?.is_complete = true;
        self.released(self.current)
    }

    /// Records that a version was deleted, or could not be.
    pub(super) fn deleted(
        &mut self,
        number: u64,
        outcome: &Result<(), Error>,
    ) -> Option<DeleteStep> {
        let versions = self.names.get_mut(&number)?;
        versions.running = versions.running.saturating_sub(1);
        if let Err(error) = outcome {
            versions.failure.get_or_insert_with(|| error.clone());
        }
        self.released(number)
    }

    /// The step for the newest version, once all others of its name are done.
    fn released(&mut self, number: u64) -> Option<DeleteStep> {
        let versions = self.names.get_mut(&number)?;
        if !versions.is_complete || versions.running > 0 {
            return None;
        }
        let Newest::Held(top) = mem::replace(&mut versions.top, Newest::Passed) else {
            self.names.remove(&number);
            return None;
        };
        if versions.keeps_one {
            self.names.remove(&number);
            return None;
        }
        if let Some(failure) = versions.failure.take() {
            self.names.remove(&number);
            return Some(DeleteStep::Skip(*top, stays(failure)));
        }
        versions.running = 1;
        Some(DeleteStep::Delete(number, *top))
    }
}

fn stays(failure: Error) -> Error {
    let what =
        "not deleted, because an older version could not be deleted and would become visible";
    Error::new(failure.kind(), what).with_source(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, id: &str, action: &str, delete: bool) -> Row {
        let json = format!(
            r#"{{"action":"{action}","bucketId":"b","fileId":"{id}","fileName":"{name}"}}"#
        );
        Row {
            version: serde_json::from_str(&json).unwrap(),
            delete,
        }
    }

    /// The ids that may be deleted now; one that stays has an exclamation mark.
    fn ids(next: impl IntoIterator<Item = Option<DeleteStep>>) -> Vec<String> {
        let next = next.into_iter().flatten();
        next.map(|next| match next {
            DeleteStep::Delete(_, version) => version.file_id.to_string(),
            DeleteStep::Skip(version, _) => format!("{}!", version.file_id),
        })
        .collect()
    }

    fn failed() -> Result<(), Error> {
        Err(Error::new(crate::error::ErrorKind::Unauthorized, "locked"))
    }

    #[test]
    fn the_newest_version_is_released_once_all_older_ones_are_gone() {
        let mut order = DeleteOrder::default();
        assert!(ids(order.listed(row("a", "3", "hide", true))).is_empty());
        assert_eq!(ids(order.listed(row("a", "2", "upload", true))), ["2"]);
        assert_eq!(ids(order.listed(row("a", "1", "upload", true))), ["1"]);
        assert!(ids([order.deleted(1, &Ok(()))]).is_empty());
        // The listing may have more.
        assert!(ids([order.deleted(1, &Ok(()))]).is_empty());
        assert_eq!(ids(order.listed(row("b", "9", "upload", true))), ["3"]);
        assert!(ids([order.deleted(1, &Ok(()))]).is_empty());
        assert_eq!(ids([order.ended()]), ["9"]);
        assert!(ids([order.deleted(2, &Ok(()))]).is_empty());
        assert!(order.names.is_empty());
    }

    #[test]
    fn the_newest_version_stays_where_an_older_one_could_not_be_deleted() {
        let mut order = DeleteOrder::default();
        for (id, action) in [("3", "hide"), ("2", "upload"), ("1", "upload")] {
            order.listed(row("a", id, action, true));
        }
        assert!(order.ended().is_none());
        assert!(order.deleted(1, &failed()).is_none());
        assert_eq!(ids([order.deleted(1, &Ok(()))]), ["3!"]);
        assert!(order.names.is_empty());
    }

    #[test]
    fn a_marker_stays_where_a_version_beneath_it_is_kept() {
        let mut order = DeleteOrder::default();
        order.listed(row("a", "3", "hide", true));
        order.listed(row("a", "2", "upload", false));
        assert_eq!(ids(order.listed(row("a", "1", "upload", true))), ["1"]);
        assert!(order.ended().is_none());
        assert!(order.deleted(1, &Ok(())).is_none());
        assert!(order.names.is_empty());
    }

    #[test]
    fn an_unfinished_upload_is_not_taken_for_the_newest_version() {
        let mut order = DeleteOrder::default();
        assert_eq!(ids(order.listed(row("a", "4", "start", true))), ["4"]);
        assert!(ids(order.listed(row("a", "3", "upload", true))).is_empty());
        assert!(ids(order.listed(row("a", "2", "start", false))).is_empty());
        assert!(ids([order.ended()]).is_empty());
        assert_eq!(ids([order.deleted(1, &Ok(()))]), ["3"]);
    }

    #[test]
    fn nothing_is_held_of_a_name_whose_newest_version_is_kept() {
        let mut order = DeleteOrder::default();
        order.listed(row("a", "2", "upload", false));
        assert_eq!(ids(order.listed(row("a", "1", "upload", true))), ["1"]);
        assert!(ids(order.listed(row("b", "9", "upload", false))).is_empty());
        assert!(order.deleted(1, &failed()).is_none());
        assert!(order.ended().is_none());
        assert!(order.names.is_empty());
    }
}
