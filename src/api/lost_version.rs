//! Looks for the version that a lost call may have made.

use super::call::{CallExecutor, LostResponse, Reconciliation};
use super::list_file_versions::ListFileVersions;
use crate::types::{Action, BucketId, FileName, FileVersion, ListedFile, Timestamp};

/// The newest versions of a name, as far as one page goes.
pub(super) struct Newest {
    /// The newest first, without large files that are not finished.
    versions: Vec<FileVersion>,
    /// Whether the name has more versions than the page.
    cut_off: bool,
}

impl Newest {
    /// `None` if they can't be listed: a key that may not list can't tell.
    pub(super) async fn of(
        executor: &impl CallExecutor,
        bucket_id: &BucketId,
        file_name: &FileName,
    ) -> Option<Self> {
        let name = file_name.as_str();
        let list = ListFileVersions::new(bucket_id)
            .start_file_name(name)
            .prefix(name)
            .max_file_count(100);
        let page = executor.execute(list).await.ok()?;
        let rows = page.files.into_iter().filter_map(ListedFile::into_version);
        Some(Self {
            versions: rows
                .filter(|version| version.file_name == *name && version.action != Action::Start)
                .collect(),
            cut_off: page.next_file_name.is_some_and(|next| next == name),
        })
    }

    /// The one that hides or shows the name.
    pub(super) fn into_top(self) -> Option<FileVersion> {
        self.versions.into_iter().next()
    }

    /// What became of a call that makes a version at the top, known by its looks. Only what lies at
    /// the top is taken for it: one beneath may be older than the call, and to say that the call
    /// has made it would leave another at the top.
    pub(super) fn made(
        self,
        lost: &LostResponse,
        looks: impl Fn(&FileVersion) -> bool,
    ) -> Reconciliation<FileVersion> {
        let ours = |version: &FileVersion| lost.covers(version.upload_timestamp) && looks(version);
        let mut versions = self.versions.into_iter();
        match versions.next() {
            Some(top) if ours(&top) => Reconciliation::Done(top),
            // Nothing is as new as the call.
            Some(top) if !lost.covers(top.upload_timestamp) => lost.absent(),
            // Somebody else's lies at the top, and perhaps ours beneath.
            _ if self.cut_off || versions.any(|version| ours(&version)) => Reconciliation::Unclear,
            _ => lost.absent(),
        }
    }

    /// The same for a version with a time of its own, which lies where that puts it.
    pub(super) fn made_at(
        self,
        time: Timestamp,
        lost: &LostResponse,
        looks: impl Fn(&FileVersion) -> bool,
    ) -> Reconciliation<FileVersion> {
        let mut versions = self.versions.into_iter();
        match versions.find(|version| version.upload_timestamp == time && looks(version)) {
            Some(ours) => Reconciliation::Done(ours),
            None if self.cut_off => Reconciliation::Unclear,
            None => lost.absent(),
        }
    }
}
