//! [`prune_versions`](BucketHandle::prune_versions): deletes old versions and keeps what is
//! visible.

use std::future::ready;

use futures_core::Stream;
use futures_util::TryStreamExt as _;

use super::delete_order::Row;
use super::sweep::{DeleteMode, RemovalCall, Sweep};
use crate::client::BucketHandle;
use crate::error::Error;
use crate::types::{Action, ContentSha1, FileVersion, Timestamp};

/// Which old versions [`BucketHandle::prune_versions`] deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneRule {
    /// Keeps this many of the newest versions of each name. Hide markers don't count. At least 1.
    KeepNewest(usize),
    /// Deletes the versions that were hidden before this time, by a newer version or by a hide
    /// marker. A file that was hidden by a marker before this time is deleted for good, with the
    /// marker.
    ///
    /// B2 reports when a large file was started, not when it was finished and hid the version beneath
    /// it. So that version is deleted only if the version above the large file is from before this
    /// time, too: a large file is taken to be finished before the next upload is started.
    ///
    /// The lifecycle rule `daysFromHidingToDeleting` does the same every day.
    HiddenBefore(Timestamp),
}

impl BucketHandle {
    /// Deletes old versions of the files whose names begin with `prefix`, according to the rule;
    /// `""` matches all files.
    ///
    /// It never deletes the newest version of a visible file, nor a marker while the rule keeps a
    /// version beneath it. So no file appears, disappears or changes.
    ///
    /// [`DeleteMode::DryRun`] yields the same versions and deletes nothing. Each version comes with
    /// its outcome, and a failure doesn't stop the others. Unfinished uploads and the
    /// [stages](crate::transfer::CREATE_STAGES) of [`create`](Self::create) are left alone. To have
    /// B2 do this every day, set [lifecycle rules](crate::types::LifecycleRules) with
    /// [`update`](Self::update).
    ///
    /// Costs a `b2_list_file_versions` (class C) for each 1,000 versions listed, and a
    /// `b2_delete_file_version` (class A, which is free) for each version deleted.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use b2kit::{DeleteMode, PruneRule};
    /// # use futures::TryStreamExt;
    /// # async fn prune(bucket: BucketHandle) -> Result<(), Error> {
    /// let mode = DeleteMode::Delete { concurrency: 10 };
    /// let mut old = bucket.prune_versions("backups/", PruneRule::KeepNewest(3), mode);
    /// while let Some((version, outcome)) = old.try_next().await? {
    ///     if let Err(error) = outcome {
    ///         eprintln!("{}: {error}", version.file_name);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An error of the whole operation is the last item: [`Invalid`](crate::ErrorKind::Invalid) for
    /// [`KeepNewest(0)`](PruneRule::KeepNewest), [`Unauthorized`](crate::ErrorKind::Unauthorized)
    /// without `listFiles`, [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted, or
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the listing failed after its retries. The
    /// outcome of a version is [`Unauthorized`](crate::ErrorKind::Unauthorized) without
    /// `deleteFiles`, and with B2's code `access_denied` if a retention or a legal hold protects
    /// it.
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls in progress. B2 may still carry out those that it has
    /// received.
    pub fn prune_versions(
        &self,
        prefix: &str,
        rule: PruneRule,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        if rule == PruneRule::KeepNewest(0) {
            let error = Error::invalid(
                "at least 1 version has to be kept; delete_prefix deletes \
                 all",
            );
            return Sweep::refused(self, error);
        }
        let mut pruning = Pruning::new(rule);
        let rows = self.versions(prefix).and_then(move |version| {
            let delete = pruning.deletes(&version);
            ready(Ok(Row { version, delete }))
        });
        Sweep::of_rows(self, rows, mode, RemovalCall::Delete { bypass: false })
    }
}

/// Applies the rule to a listing of versions, sorted by name, the newest first.
#[derive(Debug)]
struct Pruning {
    rule: PruneRule,
    name: Box<str>,
    /// The versions of the name seen so far, without markers.
    seen: usize,
    /// Whether no version of the name was seen yet.
    on_top: bool,
    /// The time of the version above.
    above: Option<Timestamp>,
    /// The time by which a newer version has hidden this one.
    hidden_at: Option<Timestamp>,
}

impl Pruning {
    fn new(rule: PruneRule) -> Self {
        Self {
            rule,
            name: "".into(),
            seen: 0,
            on_top: true,
            above: None,
            hidden_at: None,
        }
    }

    /// Whether the rule deletes the listing's next version.
    ///
    /// A marker on top is deleted once it is old enough itself, unless a version beneath it is
    /// kept, which [`DeleteOrder`](super::delete_order::DeleteOrder) ensures.
    fn deletes(&mut self, version: &FileVersion) -> bool {
        if *self.name != *version.file_name.as_str() {
            *self = Self::new(self.rule);
            self.name = version.file_name.as_str().into();
        }
        let is_marker = version.action == Action::Hide;
        let (on_top, newer, hidden_at) = (self.on_top, self.seen, self.hidden_at);
        self.on_top = false;
        self.seen += usize::from(!is_marker);
        let may_be_large = !is_marker && version.content_sha1 == ContentSha1::None;
        let above = self.above.replace(version.upload_timestamp);
        self.hidden_at = match may_be_large {
            true => above,
            false => Some(version.upload_timestamp),
        };
        match self.rule {
            PruneRule::KeepNewest(kept) => !on_top && newer >= kept,
            PruneRule::HiddenBefore(time) if on_top => is_marker && version.upload_timestamp < time,
            PruneRule::HiddenBefore(time) => hidden_at.is_some_and(|hidden| hidden < time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these versions of one name, each an action and a time, the rule deletes.
    fn deleted(rule: PruneRule, versions: &[(&str, i64)]) -> Vec<i64> {
        let mut pruning = Pruning::new(rule);
        let times = versions.iter().filter(|(action, time)| {
            let (action, sha1) = match *action {
                "large" => ("upload", "none".to_owned()),
                action => (action, "0".repeat(40)),
            };
            let json = format!(
                r#"{{"action":"{action}","bucketId":"b","fileId":"i","fileName":"a",
                "contentSha1":"{sha1}","uploadTimestamp":{time}}}"#
            );
            pruning.deletes(&serde_json::from_str(&json).unwrap())
        });
        times.map(|(_, time)| *time).collect()
    }

    #[test]
    fn the_newest_versions_are_kept_and_markers_do_not_count() {
        let visible = [
            ("upload", 5),
            ("hide", 4),
            ("upload", 3),
            ("upload", 2),
            ("hide", 1),
        ];
        assert_eq!(deleted(PruneRule::KeepNewest(1), &visible), [4, 3, 2, 1]);
        assert_eq!(deleted(PruneRule::KeepNewest(2), &visible), [2, 1]);
        assert_eq!(deleted(PruneRule::KeepNewest(3), &visible), [1]);
        let hidden = [("hide", 5), ("upload", 4), ("upload", 3)];
        assert_eq!(deleted(PruneRule::KeepNewest(1), &hidden), [3]);
        assert!(deleted(PruneRule::KeepNewest(2), &hidden).is_empty());
        assert!(deleted(PruneRule::KeepNewest(1), &[("hide", 5)]).is_empty());
    }

    #[test]
    fn a_version_is_deleted_by_the_time_it_was_hidden_not_uploaded() {
        let before = |time| PruneRule::HiddenBefore(Timestamp::from_millis(time));
        let visible = [("upload", 50), ("upload", 30), ("upload", 10)];
        assert!(deleted(before(30), &visible).is_empty());
        assert_eq!(deleted(before(31), &visible), [10]);
        assert_eq!(deleted(before(51), &visible), [30, 10]);
        assert_eq!(deleted(before(i64::MAX), &visible), [30, 10]);
        let hidden = [("hide", 50), ("upload", 30)];
        assert!(deleted(before(50), &hidden).is_empty());
        assert_eq!(deleted(before(51), &hidden), [50, 30]);
    }

    #[test]
    fn what_a_large_file_hides_is_hidden_by_the_time_of_the_version_above_it() {
        let before = |time| PruneRule::HiddenBefore(Timestamp::from_millis(time));
        let on_top = [("large", 50), ("upload", 10)];
        assert!(deleted(before(i64::MAX), &on_top).is_empty());
        assert_eq!(deleted(PruneRule::KeepNewest(1), &on_top), [10]);
        let beneath = [("upload", 60), ("large", 50), ("upload", 10)];
        assert!(deleted(before(60), &beneath).is_empty());
        assert_eq!(deleted(before(61), &beneath), [50, 10]);
        let dumps = [("large", 70), ("large", 60), ("large", 50)];
        assert!(deleted(before(70), &dumps).is_empty());
        assert_eq!(deleted(before(71), &dumps), [50]);
        let marked = [("large", 50), ("hide", 10), ("upload", 5)];
        assert_eq!(deleted(before(11), &marked), [5]);
    }
}
