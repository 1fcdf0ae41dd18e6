//! Carries out a single action, after checking the destination immediately before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_core::future::BoxFuture;

use super::action::Action;
use super::current::CurrentVersions;
use super::entry::{LocalFile, RemoteFile};
use super::flush::GroupFlush;
use super::listing::all_versions;
use super::local::{
    Obstacle, delete_unchanged, file_at, is_as_planned, is_file_there, is_unchanged,
};
use super::names::local_path;
use super::outcome::Status;
use super::policy::{Durability, Extras, Links, SyncPolicy};
use super::reason::Reason;
use super::sides::{Place, Sides};
use crate::api::DeleteFileVersion;
use crate::bucket::{BucketHandle, deletion_outcome};
use crate::error::{Error, ErrorKind};
use crate::transfer::{Commit, Progress, Source};
use crate::types::{FileId, FileName};

/// Interrupted downloads of at least this size are resumed by the next run.
const RESUMED: u64 = 32 << 20;

/// The result of carrying out an action.
pub(super) enum Performed {
    Status(Status),
    /// Something is in the way of a file.
    Refused(Reason),
    /// The same, but it may be gone once extra files are deleted.
    AfterRemovals,
}

impl From<Status> for Performed {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// Carries out actions between two sides.
#[derive(Clone)]
pub(super) struct Performer {
    pub(super) sides: Arc<Sides>,
    pub(super) policy: Arc<SyncPolicy>,
    /// For [`Durability::AtEnd`], if the system supports it.
    pub(super) flush: Option<Arc<GroupFlush>>,
    /// The current versions at the destination, if it is a bucket.
    pub(super) current: Option<Arc<CurrentVersions>>,
    /// The local source, if the plan is a walk of it and its file system distinguishes all names.
    pub(super) walked: Option<PathBuf>,
}

impl Performer {
    /// With `trusts_plan`, which is made from the sides while it is carried out, versions that the plan has just read
    /// need no further check.
    pub(super) fn new(sides: &Arc<Sides>, policy: &Arc<SyncPolicy>, trusts_plan: bool) -> Self {
        let is_group = policy.durability == Durability::AtEnd;
        Self {
            sides: Arc::clone(sides),
            policy: Arc::clone(policy),
            flush: is_group.then(GroupFlush::of_file_system).flatten(),
            current: match &sides.destination {
                Place::Bucket { bucket, prefix } => {
                    let current = CurrentVersions::new(bucket, prefix, trusts_plan);
                    Some(Arc::new(current))
                }
                Place::Local(_) => None,
            },
            walked: match &sides.source {
                Place::Local(root) if trusts_plan && !policy.refuse_collisions => {
                    Some(root.clone())
                }
                _ => None,
            },
        }
    }

    pub(super) async fn perform(
        &self,
        action: &Action,
        progress: &Progress,
        is_last_chance: bool,
    ) -> Performed {
        let performed = match action {
            Action::Upload { path, replaces, .. } => {
                self.upload(path, replaces.as_deref(), progress).await
            }
            Action::Download {
                path,
                source,
                replaces,
                ..
            } => match self.in_the_way(path, *replaces, is_last_chance).await {
                Ok(Some(in_the_way)) => return in_the_way,
                Ok(None) => self.download(path, source, *replaces, progress).await,
                Err(error) => Err(error),
            },
            Action::Copy {
                path,
                source,
                replaces,
            } => self.copy(path, source, replaces.as_deref(), progress).await,
            Action::Hide { path, current } => self.hide(path, current).await,
            Action::Delete { path, current } => self.delete(path, current).await,
            Action::DeleteVersions {
                path,
                newest,
                versions,
            } => self.delete_versions(path, newest, versions).await,
            Action::DeleteLocal { path, file } => self.delete_local(path, *file).await,
            Action::Skip { .. } | Action::End(_) => Ok(Status::Skipped),
            Action::Refuse { .. } => Ok(Status::Refused),
        };
        performed.unwrap_or_else(Status::Failed).into()
    }

    fn bucket(&self) -> Result<(&BucketHandle, &str), Error> {
        match &self.sides.destination {
            Place::Bucket { bucket, prefix } => Ok((bucket, prefix)),
            Place::Local(_) => Err(not_of_this_sync()),
        }
    }

    fn local_root(&self) -> Result<&Path, Error> {
        match &self.sides.destination {
            Place::Local(root) => Ok(root),
            Place::Bucket { .. } => Err(not_of_this_sync()),
        }
    }

    /// Whether the destination still has what the plan found there.
    async fn is_current(&self, name: &str, planned: Option<&RemoteFile>) -> Result<bool, Error> {
        match &self.current {
            _ if self.policy.ignore_destination => Ok(true),
            Some(current) => current.is_current(name, planned).await,
            None => Err(not_of_this_sync()),
        }
    }

    /// Whether the source has a file again that the walk did not find: some programs delete a file to replace it.
    async fn is_at_source(&self, path: &str) -> Result<bool, Error> {
        let Some(root) = &self.walked else {
            return Ok(false);
        };
        let there = root.join(relative(path)?);
        let failed = format!("{there:?} can't be looked up, so it is kept at B2");
        let is_there = blocking::unblock(move || is_file_there(&there)).await;
        is_there.map_err(|error| Error::new(ErrorKind::Source, failed).with_source(error))
    }

    async fn upload(
        &self,
        path: &str,
        replaces: Option<&RemoteFile>,
        progress: &Progress,
    ) -> Result<Status, Error> {
        let (bucket, prefix) = self.bucket()?;
        let Place::Local(root) = &self.sides.source else {
            return Err(not_of_this_sync());
        };
        let name = format!("{prefix}{path}");
        if !self.is_current(&name, replaces).await? {
            return Ok(Status::Changed);
        }
        let relative = relative(path)?;
        let source = match self.policy.links {
            Links::Follow => Source::path(root.join(relative)),
            Links::Skip | Links::Refuse => Source::path_below(root, relative),
        };
        let upload = bucket.upload(FileName::new(&*name)?, source);
        let upload = self.policy.apply_to_upload(upload);
        upload.progress(progress).await?;
        Ok(Status::Done)
    }

    async fn copy(
        &self,
        path: &str,
        source: &RemoteFile,
        replaces: Option<&RemoteFile>,
        progress: &Progress,
    ) -> Result<Status, Error> {
        let (bucket, prefix) = self.bucket()?;
        let name = format!("{prefix}{path}");
        if !self.is_current(&name, replaces).await? {
            return Ok(Status::Changed);
        }
        let copy = bucket.copy(&source.file_id, FileName::new(&*name)?);
        self.policy.apply_to_copy(copy).progress(progress).await?;
        Ok(Status::Done)
    }

    async fn download(
        &self,
        path: &str,
        source: &RemoteFile,
        replaces: Option<LocalFile>,
        progress: &Progress,
    ) -> Result<Status, Error> {
        let root = self.local_root()?.to_owned();
        let Place::Bucket { bucket, .. } = &self.sides.source else {
            return Err(not_of_this_sync());
        };
        let relative = local_path(path, self.policy.portable_names)?;
        make_root(&root).await?;
        let replaces = match self.policy.ignore_destination {
            true => current_file(&root, &relative).await,
            false => replaces,
        };
        if !unchanged(&root, &relative, replaces).await? {
            return Ok(Status::Changed);
        }
        let has_changed = Arc::new(AtomicBool::new(false));
        let check = {
            let has_changed = Arc::clone(&has_changed);
            move |there| {
                if is_as_planned(there, replaces)? {
                    return Ok(());
                }
                has_changed.store(true, Ordering::Relaxed);
                Err(io::Error::other(
                    "the destination changed after the plan was made",
                ))
            }
        };
        let commit = self.durable(&root, Commit::new(check).modified(source.modified()))?;
        let download = bucket.client().download(&source.file_id);
        let download = download.progress(progress).commit(commit);
        let mut download = self.policy.decrypt(download);
        if self.policy.resume && source.bytes >= RESUMED {
            download = download.resume();
        }
        match download.to_path_below(root, relative).await {
            Ok(_) => Ok(Status::Done),
            Err(_) if has_changed.load(Ordering::Relaxed) => Ok(Status::Changed),
            Err(error) => Err(error),
        }
    }

    /// Whether something is in the way of a download that the plan does not show. At the last chance, an empty
    /// directory is removed.
    async fn in_the_way(
        &self,
        path: &str,
        replaces: Option<LocalFile>,
        is_last_chance: bool,
    ) -> Result<Option<Performed>, Error> {
        relative(path)?;
        let policy = Arc::clone(&self.policy);
        let (root, owned) = (self.local_root()?.to_owned(), path.to_owned());
        let is_new = replaces.is_none();
        let find = move || Obstacle::find(&root, &owned, &policy, is_new, is_last_chance);
        let Some(obstacle) = blocking::unblock(find).await else {
            return Ok(None);
        };
        let may_wait = self.policy.extras == Extras::Delete && !is_last_chance;
        Ok(match may_wait && obstacle.may_be_extra(path) {
            true => Some(Performed::AfterRemovals),
            false => obstacle.reason().map(Performed::Refused),
        })
    }

    /// How a complete download is committed to disk.
    fn durable(&self, root: &Path, commit: Commit) -> Result<Commit, Error> {
        let Some(flush) = &self.flush else {
            return Ok(commit.flush(self.policy.durability != Durability::None));
        };
        let device = flush.watch(root).map_err(|error| {
            Error::destination(format!("{root:?} can't be opened for the flush"), error)
        })?;
        if let Some(error) = flush.failed() {
            let what = "earlier downloads could not be flushed";
            return Err(Error::destination(what, error));
        }
        let flush = Arc::clone(flush);
        let barrier = move || -> BoxFuture<'static, io::Result<()>> {
            let flush = Arc::clone(&flush);
            Box::pin(async move { flush.flushed().await })
        };
        Ok(commit.flushed_device(device).barrier(barrier))
    }

    async fn hide(&self, path: &str, planned: &RemoteFile) -> Result<Status, Error> {
        let (bucket, prefix) = self.bucket()?;
        let name = FileName::new(format!("{prefix}{path}"))?;
        let is_current = self.is_current(name.as_str(), Some(planned)).await?;
        if !is_current || self.is_at_source(path).await? {
            return Ok(Status::Changed);
        }
        bucket.hide(name).await?;
        Ok(Status::Done)
    }

    async fn delete(&self, path: &str, planned: &RemoteFile) -> Result<Status, Error> {
        let (bucket, prefix) = self.bucket()?;
        let name = format!("{prefix}{path}");
        let versions = all_versions(bucket, &name).await?;
        let newest = versions.first().map(|newest| &newest.file_id);
        if newest != Some(&planned.file_id) || self.is_at_source(path).await? {
            return Ok(Status::Changed);
        }
        // The oldest first, so that none of them becomes visible again.
        for version in versions.iter().rev() {
            delete_version(bucket, &name, &version.file_id).await?;
        }
        Ok(Status::Done)
    }

    async fn delete_versions(
        &self,
        path: &str,
        newest: &FileId,
        versions: &[FileId],
    ) -> Result<Status, Error> {
        let (bucket, prefix) = self.bucket()?;
        let name = format!("{prefix}{path}");
        let there = all_versions(bucket, &name).await?;
        let newest_now = there.first().map(|version| &version.file_id);
        let would_show_another =
            newest_now.is_some_and(|now| now != newest && versions.contains(now));
        if would_show_another {
            return Ok(Status::Changed);
        }
        for version in versions {
            delete_version(bucket, &name, version).await?;
        }
        Ok(Status::Done)
    }

    async fn delete_local(&self, path: &str, planned: LocalFile) -> Result<Status, Error> {
        let root = self.local_root()?.to_owned();
        let relative = relative(path)?;
        let there = root.join(&relative);
        let deleted = blocking::unblock(move || delete_unchanged(&root, &relative, planned)).await;
        match deleted {
            Ok(true) => Ok(Status::Done),
            Ok(false) => Ok(Status::Changed),
            Err(error) => Err(Error::destination(
                format!("{there:?} could not be deleted"),
                error,
            )),
        }
    }
}

async fn current_file(root: &Path, path: &Path) -> Option<LocalFile> {
    let (root, path) = (root.to_owned(), path.to_owned());
    blocking::unblock(move || file_at(&root, &path)).await
}

async fn unchanged(root: &Path, path: &Path, planned: Option<LocalFile>) -> Result<bool, Error> {
    let (root, relative, there) = (root.to_owned(), path.to_owned(), root.join(path));
    let checked = blocking::unblock(move || is_unchanged(&root, &relative, planned)).await;
    checked.map_err(|error| {
        Error::destination(
            format!(
                "{there:?} can't be compared with the \
                 plan"
            ),
            error,
        )
    })
}

async fn delete_version(bucket: &BucketHandle, name: &str, id: &FileId) -> Result<(), Error> {
    deletion_outcome(bucket.client().call(DeleteFileVersion::new(name, id)).await)
}

async fn make_root(root: &Path) -> Result<(), Error> {
    let (path, told) = (root.to_owned(), root.to_owned());
    let made = blocking::unblock(move || fs::create_dir_all(path)).await;
    made.map_err(|error| Error::destination(format!("{told:?} can't be created"), error))
}

/// The path of a local file. It was found by a walk, unless the plan comes from elsewhere.
fn relative(path: &str) -> Result<PathBuf, Error> {
    let relative = PathBuf::from(path);
    let is_below = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_below || path.is_empty() {
        let reason = Reason::NotAPath("it leads outside of the root".to_owned());
        return Err(Error::invalid(format!("{path:?}: {reason}")));
    }
    Ok(relative)
}

fn not_of_this_sync() -> Error {
    Error::invalid("the plan belongs to a different sync: its actions go in the other direction")
}
