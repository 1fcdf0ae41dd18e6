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

/// How a version compares with the one that a call makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    /// As far as the key may see.
    Unclear,
    Different,
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
    /// hide another writer's version. Without a time to compare with, any marker may be this call's.
    pub(super) fn hidden(self, lost: &LostResponse) -> Reconciliation<FileVersion> {
        let is_marker = |version: &FileVersion| version.action == Action::Hide;
        let is_recent = |version: &FileVersion| lost.covers(version.upload_timestamp);
        let may_be_recent = |version: &FileVersion| lost.since.is_none() || is_recent(version);
        let may_continue = self.cut_off && self.versions.last().is_none_or(may_be_recent);
        let mut versions = self.versions.into_iter();
        match versions.next() {
            Some(top) if is_marker(&top) && is_recent(&top) => Reconciliation::Done(top),
            _ if may_continue || versions.any(|it| is_marker(&it) && may_be_recent(&it)) => {
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
        looks: impl Fn(&FileVersion) -> Likeness,
    ) -> Reconciliation<FileVersion> {
        let is_recent = |version: &FileVersion| lost.covers(version.upload_timestamp);
        let ours =
            |version: &FileVersion| is_recent(version) && looks(version) != Likeness::Different;
        let mut versions = self.versions.into_iter();
        match versions.next() {
            Some(top) if ours(&top) && looks(&top) == Likeness::Same => Reconciliation::Done(top),
            Some(top) if ours(&top) => Reconciliation::Unclear,
            // No version is as new as the call.
            Some(top) if !is_recent(&top) => lost.absent(),
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
        looks: impl Fn(&FileVersion) -> Likeness,
    ) -> Reconciliation<FileVersion> {
        let ours = |version: &FileVersion| {
            version.upload_timestamp == time && looks(version) != Likeness::Different
        };
        match self.versions.into_iter().find(ours) {
            Some(ours) if looks(&ours) == Likeness::Same => Reconciliation::Done(ours),
            Some(_) => Reconciliation::Unclear,
            None if self.cut_off => Reconciliation::Unclear,
            None => lost.absent(),
        }
    }
}
