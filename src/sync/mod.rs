//! Synchronizes a local tree with a bucket, in either direction, or one bucket with another.
//!
//! A [`Synchronizer`] makes a [plan](Synchronizer::plan) of the differences, which can be printed, serialized and
//! inspected before anything happens, and [executes](Synchronizer::execute) it; or it does both [at
//! once](Synchronizer::run). Both sides are read as sorted streams
//! and merged, so memory does not grow with the number of files, only with the largest directory.
//!
//! ```
//! # use b2kit::{BucketHandle, Error};
//! # use futures::StreamExt;
//! use b2kit::sync::{Extras, Filter, Status, SyncPolicy, Synchronizer};
//!
//! # async fn sync(bucket: BucketHandle) -> Result<(), Error> {
//! let policy = SyncPolicy::new()
//!     .extras(Extras::Hide)
//!     .filter(Filter::new().exclude("**/.cache")?);
//! let sync = Synchronizer::up("/home/me/photos", &bucket, "photos/").policy(policy);
//!
//! let mut plan = sync.plan()?; // the dry run
//! while let Some(action) = plan.next().await {
//!     println!("{}", action?);
//! }
//!
//! let mut run = sync.run()?;
//! while let Some(outcome) = run.next().await {
//!     let outcome = outcome?;
//!     if let Status::Failed(error) = &outcome.status {
//!         eprintln!("{}: {error}", outcome.action.path());
//!     }
//! }
//! assert!(run.summary().is_complete());
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//! - Deletes and hides come last: after both sides were read completely, everything was
//!   transferred, and their number is within the policy's limit. Only downloads that need the place
//!   of a deleted file come after them. A source without a file is refused, and nothing is deleted,
//!   unless that is [allowed](SyncPolicy::allow_empty_source).
//! - Immediately before a file is replaced, deleted or hidden, the sync checks that it is the one
//!   that the plan was made for: in a bucket by the id of the current version, locally by size and
//!   modification time. Because a call per file would cost more than the sync, a page of a listing of
//!   the bucket counts as the check for one second, for every file on it that is replaced or hidden;
//!   this includes the listing from which [`run`](Synchronizer::run) makes its plan. B2 has no
//!   conditional upload, so another writer can come between the check and the end of the upload,
//!   which for a large file may be hours later; then that writer's version stays beneath the new one.
//!   The same applies if the plan of a [`run`](Synchronizer::run) found no file with the name, which
//!   is not checked again.
//!   If the destination is [ignored](SyncPolicy::ignore_destination), nothing is checked.
//! - A plan that is [executed](Synchronizer::execute) again changes nothing.
//! - Right before a [`run`](Synchronizer::run) hides or deletes a file of a bucket that a local source lacks, it checks
//!   that the source still lacks it. Not if [collisions are refused](SyncPolicy::refuse_collisions), since such a file
//!   system may find a similar name.
//! - Files below a local directory that disappears while it is read, for example with its disk, don't count as missing.
//! - No symbolic link in a local tree is followed, unless the policy [says so](Links::Follow) for a
//!   source. That also applies to links that are created while the sync runs.
//! - An upload of a file that changes while it is read fails. A download gets its name only when it is complete and
//!   verified.
//! - A run that was interrupted at any point can be repeated, and does what is left. Large files
//!   are resumed.
//! - Rows of a listing with an unknown action are refused, and never count as missing files.
//! - The sync leaves these alone on both sides: files that the [filter](Filter) does not match,
//!   skipped symbolic links and files below them, pipes and devices, names that the other side can't
//!   have, and the stages of [`create`](crate::BucketHandle::create).
//!
//! # What is not synced
//! Empty directories, modes, owners and other attributes of local files. Local directories that
//! become empty are not removed.

mod action;
mod compare;
mod cost;
mod current;
mod decide;
mod entry;
mod filter;
mod flush;
mod listing;
mod local;
mod location;
mod names;
mod outcome;
mod perform;
mod plan;
mod policy;
mod progress;
mod reason;
mod run;
mod settings;
mod sides;
mod size;
mod spool;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};

pub use self::action::{Action, Scan};
pub use self::cost::Cost;
pub use self::entry::{Entry, LocalFile, RemoteFile};
pub use self::filter::Filter;
pub use self::location::Location;
pub use self::outcome::{Outcome, Status, Summary, Withheld};
pub use self::policy::{Compare, Durability, Extras, Links, Newer, SyncPolicy};
pub use self::progress::SyncProgress;
pub use self::reason::Reason;
pub use self::run::SyncRun;

use self::compare::{Verdict, after_other_sha1};
use self::decide::{Decider, Direction, Step, conclude};
use self::local::Obstacle;
use self::names::{Collisions, Parents};
use self::perform::Performer;
use self::plan::Side;
use self::sides::{Place, Sides};
use self::walk::Walk;
use crate::bucket::BucketHandle;
use crate::client::{CallCounts, Client};
use crate::error::{Error, ErrorKind};
use crate::types::Timestamp;

/// A sync between a local tree and a bucket, or between two buckets: source, destination and policy.
#[derive(Debug, Clone)]
#[must_use]
pub struct Synchronizer {
    sides: Arc<Sides>,
    policy: Arc<SyncPolicy>,
    calls_before: CallCounts,
}

/// A plan, as a stream of [`Action`]s. Nothing is read before it is polled. It is `Send` and `Unpin`, but not `Sync`.
#[must_use = "a plan does nothing unless it is polled"]
pub struct Plan(BoxStream<'static, Result<Action, Error>>);

impl Stream for Plan {
    type Item = Result<Action, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

impl Synchronizer {
    /// A sync from a local directory to the files of a bucket whose names begin with `prefix`. A `/` is added to a
    /// prefix that is not empty and doesn't end with one.
    pub fn up(root: impl Into<PathBuf>, bucket: &BucketHandle, prefix: &str) -> Self {
        Self::new(Place::Local(root.into()), Place::bucket(bucket, prefix))
    }

    /// A sync from the files of a bucket whose names begin with `prefix` to a local directory, which is created if it
    /// is missing.
    pub fn down(bucket: &BucketHandle, prefix: &str, root: impl Into<PathBuf>) -> Self {
        Self::new(Place::bucket(bucket, prefix), Place::Local(root.into()))
    }

    /// A sync from one bucket, or prefix, to another of the same account. The content does not leave B2.
    pub fn copy(
        source: &BucketHandle,
        source_prefix: &str,
        destination: &BucketHandle,
        destination_prefix: &str,
    ) -> Self {
        Self::new(
            Place::bucket(source, source_prefix),
            Place::bucket(destination, destination_prefix),
        )
    }

    fn new(source: Place, destination: Place) -> Self {
        let sides = Sides {
            source,
            destination,
        };
        Self {
            calls_before: calls(&sides),
            sides: Arc::new(sides),
            policy: Arc::default(),
        }
    }

    /// Sets the policy. Defaults to [`SyncPolicy::default`].
    pub fn policy(mut self, policy: SyncPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Reads both sides and yields for each path, in ascending order, what has to be done, or why
    /// nothing has. The last item is [`Action::End`]. Nothing is changed.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the two sides overlap, for [`Extras::Hide`] and
    /// [`Extras::KeepDays`] if the destination is local, and for all but [`Extras::Keep`] if it is
    /// [ignored](SyncPolicy::ignore_destination). The last item of the stream is the error of a
    /// listing, or [`Source`](crate::ErrorKind::Source) if the local source is missing or no
    /// directory or if the order of a local tree changes while it is read, or
    /// [`Destination`](crate::ErrorKind::Destination) if the local destination is no directory.
    pub fn plan(&self) -> Result<Plan, Error> {
        let listed = Arc::default();
        let source = self.side(&self.sides.source, false, &listed);
        let destination = self.side(&self.sides.destination, true, &listed);
        self.plan_sides(source, destination, Some(listed))
    }

    /// Makes a plan from these entries instead of those of the two sides: for a side that is known
    /// from elsewhere, such as a database.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the two sides overlap, for [`Extras::Hide`] and
    /// [`Extras::KeepDays`] if the destination is local, and for all but [`Extras::Keep`] if it is
    /// [ignored](SyncPolicy::ignore_destination). The last item of the stream is the error of a
    /// side, or [`Source`](crate::ErrorKind::Source) if a side is not sorted.
    pub fn plan_entries(
        &self,
        source: impl Stream<Item = Result<Entry, Error>> + Send + 'static,
        destination: impl Stream<Item = Result<Entry, Error>> + Send + 'static,
    ) -> Result<Plan, Error> {
        self.plan_sides(plan::side(source), plan::side(destination), None)
    }

    /// Makes a plan and executes it at the same time.
    ///
    /// It is [`execute`](Self::execute) with one difference: a version at the destination that the plan has read within
    /// the last second is replaced without another listing. In a run in which few files differ, this makes
    /// nearly all checks free.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan).
    pub fn run(&self) -> Result<SyncRun, Error> {
        Ok(self.execute_with(self.plan()?, true))
    }

    /// Executes a plan of this sync. A plan that does not end with [`Action::End`] deletes and hides nothing.
    ///
    /// However fresh the plan is, each of its lines is checked after this call: nothing is replaced, hidden or deleted
    /// that has changed, and nothing is uploaded or copied to a name that has got a file. A listing checks many.
    pub fn execute(
        &self,
        plan: impl Stream<Item = Result<Action, Error>> + Send + 'static,
    ) -> SyncRun {
        self.execute_with(plan, false)
    }

    fn execute_with(
        &self,
        plan: impl Stream<Item = Result<Action, Error>> + Send + 'static,
        trusts_plan: bool,
    ) -> SyncRun {
        let performer = Performer::new(&self.sides, &self.policy, trusts_plan);
        let (sides, before) = (Arc::clone(&self.sides), self.calls_before);
        SyncRun::new(plan, performer, move || calls(&sides).since(before))
    }

    fn side(&self, place: &Place, is_destination: bool, listed: &Arc<AtomicU64>) -> Side {
        if is_destination && self.policy.ignore_destination {
            return plan::side(stream::empty());
        }
        let (filter, listed) = (self.policy.filter.clone(), Arc::clone(listed));
        match place {
            Place::Local(root) => {
                let (links, kind) = match is_destination {
                    true => (Links::Skip, ErrorKind::Destination),
                    false => (self.policy.links, ErrorKind::Source),
                };
                let walk = Walk::new(root, filter, links, is_destination);
                plan::local_side(root, walk, kind)
            }
            Place::Bucket { bucket, prefix }
                if is_destination && matches!(self.policy.extras, Extras::KeepDays(_)) =>
            {
                plan::side(listing::versions(bucket, prefix, filter, listed))
            }
            Place::Bucket { bucket, prefix } => {
                plan::side(listing::names(bucket, prefix, filter, listed))
            }
        }
    }

    /// With `listed`, the number of rows of their listings, the entries come from the two sides, and the plan may look
    /// up more.
    fn plan_sides(
        &self,
        source: Side,
        destination: Side,
        listed: Option<Arc<AtomicU64>>,
    ) -> Result<Plan, Error> {
        let reads_sides = listed.is_some();
        self.sides.check()?;
        let direction = self.sides.direction();
        let needs_bucket = matches!(self.policy.extras, Extras::Hide | Extras::KeepDays(_));
        if direction == Direction::Down && needs_bucket {
            return Err(Error::invalid(
                "a local destination can only keep or delete files; hiding them or keeping them \
                 for days takes a bucket",
            ));
        }
        if self.policy.ignore_destination && self.policy.extras != Extras::Keep {
            return Err(Error::invalid(
                "files that exist only at the destination can't be removed if the destination is \
                 ignored",
            ));
        }
        let client = self.sides.client().cloned();
        let decider = Decider {
            direction,
            policy: Arc::clone(&self.policy),
            source_prefix: self.sides.source.prefix(),
            destination_prefix: self.sides.destination.prefix(),
            looks_up_obstacles: reads_sides
                && direction == Direction::Down
                && !self.policy.ignore_destination,
            now: Box::new(move || {
                client
                    .as_ref()
                    .map_or(Timestamp::from_millis(0), Client::current_time)
            }),
            parents: Parents::default(),
            collisions: Collisions::default(),
        };
        let root = match (&self.sides.source, &self.sides.destination) {
            (Place::Local(root), _) | (_, Place::Local(root)) => Some(root.clone()),
            _ => None,
        };
        let policy = Arc::clone(&self.policy);
        let source_first = reads_sides && direction == Direction::Up;
        let steps = plan::Steps::new(
            source,
            destination,
            source_first,
            decider,
            listed.unwrap_or_default(),
        );
        let actions = plan::resolved(steps, move |step| {
            resolve(
                step,
                direction,
                root.clone().unwrap_or_default(),
                Arc::clone(&policy),
            )
        });
        Ok(Plan(actions.boxed()))
    }
}

/// Hashes or looks up the local file, if the decision depends on it.
async fn resolve(
    step: Step,
    direction: Direction,
    root: PathBuf,
    policy: Arc<SyncPolicy>,
) -> Action {
    let (path, sha1, source, destination) = match step {
        Step::Ready(action) => return action,
        Step::New(action) => {
            let refused = move || unless_in_the_way(&root, action, &policy);
            return blocking::unblock(refused).await;
        }
        Step::Hash {
            path,
            sha1,
            source,
            destination,
        } => (path, sha1, source, destination),
    };
    let follow_links = direction == Direction::Up && policy.links == Links::Follow;
    let hashed = {
        let path = path.clone();
        blocking::unblock(move || local::hash(&root, &path, follow_links))
    };
    let verdict = match hashed.await {
        Ok(its) if its == sha1 => Verdict::SameSha1,
        Ok(_) => after_other_sha1(&policy, &source, &destination),
        Err(error) => {
            return Action::Refuse {
                path,
                reason: Reason::Unreadable(error.to_string()),
            };
        }
    };
    match conclude(direction, verdict, path, source, destination) {
        Step::Ready(action) | Step::New(action) => action,
        Step::Hash { path, .. } => Action::Refuse {
            path,
            reason: Reason::Unreadable("it was hashed already".to_owned()),
        },
    }
}

/// The download, unless something is in its way that the walk didn't show and that isn't deleted either.
fn unless_in_the_way(root: &Path, action: Action, policy: &SyncPolicy) -> Action {
    let obstacle = Obstacle::find(root, action.path(), policy, true, false);
    let stays = |obstacle: &Obstacle| {
        policy.extras != Extras::Delete || !obstacle.may_be_extra(action.path())
    };
    match obstacle.filter(stays).and_then(Obstacle::reason) {
        Some(reason) => action.refused(reason),
        None => action,
    }
}

fn calls(sides: &Sides) -> CallCounts {
    sides.client().map(Client::call_counts).unwrap_or_default()
}
