//! Looks for the version that a call with a lost response may have created.

use super::call::{CallExecutor, LostResponse, Reconciliation};
use super::list_file_versions::ListFileVersions;
use crate::types::{Action, BucketId, FileName, FileVersion, ListedFile, Timestamp};

/// The newest versions of a name, up to one page.
pub(super) struct Newest {
    /// Newest first, without unfinished large files.
    versions: Vec<FileVersion>,
    /// Whether the name has more versions than the page.
    cut_off: bool,
}

impl Newest {
    /// Lists the versions; `None` if they can't be listed, for example because the key may not
    /// list.
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

    /// Reconciles a call that hides the name. Only the newest version is accepted as its marker. One
    /// beneath may be another hide's, and then the file is visible; sending the call again could
    /// hide another writer's version.
    pub(super) fn hidden(self, lost: &LostResponse) -> Reconciliation<FileVersion> {
        let is_recent = |version: &FileVersion| lost.covers(version.upload_timestamp);
        let is_marker =
            |version: &FileVersion| version.action == Action::Hide && is_recent(version);
        let may_continue = self.cut_off && self.versions.last().is_some_and(is_recent);
        let mut versions = self.versions.into_iter();
        match versions.next() {
            Some(top) if is_marker(&top) => Reconciliation::Done(top),
            _ if may_continue || versions.any(|version| is_marker(&version)) => {
                Reconciliation::Unknown
            }
            _ => Reconciliation::NotDone,
        }
    }

    /// Reconciles a call that creates the newest version. `looks` recognizes that version. Only the
    /// newest one is accepted: reporting an older one as created by this call would leave another
    /// version as the current one.
    pub(super) fn made(
        self,
        lost: &LostResponse,
        looks: impl Fn(&FileVersion) -> bool,
    ) -> Reconciliation<FileVersion> {
        let ours = |version: &FileVersion| lost.covers(version.upload_timestamp) && looks(version);
        let mut versions = self.versions.into_iter();
        match versions.next() {
            Some(top) if ours(&top) => Reconciliation::Done(top),
            // No version is as new as the call.
            Some(top) if !lost.covers(top.upload_timestamp) => lost.absent(),
            // Another writer's version is the newest, and ours may be below it.
            _ if self.cut_off || versions.any(|version| ours(&version)) => Reconciliation::Unclear,
            _ => lost.absent(),
        }
    }

    /// Like `made`, for a version with a custom upload timestamp, which determines its position.
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
