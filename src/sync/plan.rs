//! Merges two sorted sides into a plan. Holds one entry of each side.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::{self, Fuse, FuturesOrdered};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};

use super::action::{Action, Scan};
use super::decide::{Decider, Pair, Step};
use super::entry::{Entry, State};
use super::policy::Extras;
use super::reason::Reason;
use super::walk::{Found, Walk, chunks};
use crate::error::{Error, ErrorKind};

/// An item of a side.
pub(super) enum Row {
    Entry(Entry),
    /// Something without a place in the order, since it has no path.
    Refused(Action),
}

pub(super) type Side = stream::BoxStream<'static, Result<Row, Error>>;

/// The steps of a plan, followed by its end. Both sides are read at the same time.
pub(super) struct Steps {
    source: Sorted,
    destination: Sorted,
    /// Whether the destination is read only when the source has yielded something: it may be mistyped.
    source_first: bool,
    decider: Decider,
    ready: VecDeque<Step>,
    scan: Scan,
    /// The rows of listings so far.
    listed: Arc<AtomicU64>,
    is_over: bool,
}

impl Stream for Steps {
    type Item = Result<Step, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(step)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if let Err(error) = ready!(self.poll_path(cx)) {
                self.is_over = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Steps {
    pub(super) fn new(
        source: Side,
        destination: Side,
        source_first: bool,
        decider: Decider,
        listed: Arc<AtomicU64>,
    ) -> Self {
        Self {
            source: Sorted::new(source),
            destination: Sorted::new(destination),
            source_first,
            decider,
            ready: VecDeque::new(),
            scan: Scan::default(),
            listed,
            is_over: false,
        }
    }

    /// Decides about the next path, or reports the next row without a path.
    fn poll_path(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let source = self.source.poll_head(cx)?;
        if self.source_first && self.source.last.is_none() {
            ready!(source);
        }
        let destination = self.destination.poll_head(cx)?;
        ready!(source);
        ready!(destination);
        if let Some(refused) = self.source.take_refused() {
            self.ready.push_back(Step::Ready(refused));
        } else if let Some(refused) = self.destination.take_refused() {
            let extras = self.decider.policy.extras;
            let action = at_destination(refused, extras);
            self.ready.push_back(Step::Ready(action));
        } else {
            match self.pair()? {
                Pair::Neither => self.end(),
                pair => {
                    self.count(&pair);
                    self.decider.decide(pair, &mut self.ready);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self) {
        self.is_over = true;
        self.scan.listed = self.listed.load(atomic::Ordering::Relaxed);
        self.scan.is_complete = self.source.is_complete && self.destination.is_complete;
        if self.source.is_complete {
            self.ready.extend(self.decider.source_empty(self.scan));
        }
        self.ready.push_back(Step::Ready(Action::End(self.scan)));
    }

    /// The state of the next path on both sides.
    fn pair(&mut self) -> Result<Pair, Error> {
        let order = match (self.source.path(), self.destination.path()) {
            (Some(source), Some(destination)) => source.cmp(destination),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let source = match order {
            Ordering::Less | Ordering::Equal => self.source.take()?,
            Ordering::Greater => None,
        };
        let destination = match order {
            Ordering::Greater | Ordering::Equal => self.destination.take()?,
            Ordering::Less => None,
        };
        Ok(match (source, destination) {
            (Some(source), Some(destination)) => Pair::Both(source, destination),
            (Some(source), None) => Pair::Source(source),
            (None, Some(destination)) => Pair::Destination(destination),
            (None, None) => Pair::Neither,
        })
    }

    fn count(&mut self, pair: &Pair) {
        let (source, destination) = match pair {
            Pair::Both(source, destination) => (Some(source), Some(destination)),
            Pair::Source(source) => (Some(source), None),
            Pair::Destination(destination) => (None, Some(destination)),
            Pair::Neither => (None, None),
        };
        self.scan.source_files += u64::from(source.is_some_and(Entry::is_content));
        self.scan.destination_files += u64::from(destination.is_some_and(Entry::is_file));
    }
}

/// A local path that no file in B2 can have as its name is an extra file at the destination.
fn at_destination(refused: Action, extras: Extras) -> Action {
    match refused {
        Action::Refuse {
            path,
            reason: reason @ Reason::NotAName(_),
        } if extras == Extras::Keep => Action::Skip { path, reason },
        refused => refused,
    }
}

fn hides_files(action: &Action) -> bool {
    matches!(action, Action::Refuse { reason, .. } if reason.hides_files())
}

/// A side whose order is checked, since a merge of unsorted sides would take existing files for
/// missing ones.
struct Sorted {
    rows: Fuse<Side>,
    /// The next row, if it was polled for and is not the end.
    head: Option<Row>,
    last: Option<String>,
    /// Whether everything on this side could be read.
    is_complete: bool,
}

impl Sorted {
    fn new(rows: Side) -> Self {
        Self {
            rows: rows.fuse(),
            head: None,
            last: None,
            is_complete: true,
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.head.is_none() {
            self.head = ready!(self.rows.poll_next_unpin(cx)).transpose()?;
        }
        Poll::Ready(Ok(()))
    }

    fn take_refused(&mut self) -> Option<Action> {
        let refused = self.head.take_if(|row| matches!(row, Row::Refused(_)))?;
        let Row::Refused(action) = refused else {
            return None;
        };
        self.is_complete &= !hides_files(&action);
        Some(action)
    }

    fn path(&self) -> Option<&str> {
        match &self.head {
            Some(Row::Entry(entry)) => Some(&entry.path),
            _ => None,
        }
    }

    fn take(&mut self) -> Result<Option<Entry>, Error> {
        let Some(Row::Entry(entry)) = self.head.take() else {
            return Ok(None);
        };
        if self.last.as_ref().is_some_and(|last| **last >= *entry.path) {
            let what = format!(
                "{:?} came after {:?}: each side of a sync has to be sorted, and nothing in its \
                 tree may be renamed while it is listed",
                entry.path,
                self.last.as_deref().unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::Source, what));
        }
        if let State::Opaque(reason) = &entry.state {
            self.is_complete &= !reason.hides_files();
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(&entry.path);
        Ok(Some(entry))
    }
}

/// A side whose entries come from the caller.
pub(super) fn side(entries: impl Stream<Item = Result<Entry, Error>> + Send + 'static) -> Side {
    entries.map_ok(Row::Entry).boxed()
}

/// A side of a local tree. If its root can't be read, it ends with an error of this kind.
pub(super) fn local_side(root: &Path, walk: Walk, kind: ErrorKind) -> Side {
    let shown = format!("{root:?}");
    let refused = |path: Box<str>, reason| Row::Refused(Action::Refuse { path, reason });
    let row = move |found| {
        Ok(match found {
            Found::Entry(entry) => Row::Entry(entry),
            Found::NoText(path) => {
                let why = "it is not valid Unicode".to_owned();
                refused(path.into(), Reason::NotAName(why))
            }
            Found::NoRoot(why) => {
                return Err(Error::new(kind, format!("{shown} can't be read: {why}")));
            }
            Found::Replaced(path) => {
                let why = "it was replaced by a different directory".to_owned();
                refused(path.into(), Reason::Unreadable(why))
            }
        })
    };
    let rows = chunks(walk).flat_map(stream::iter).map(row);
    rows.boxed()
}

/// The plan's actions, in the order of its steps. Hashes the files that have to be hashed, several
/// at once.
pub(super) fn resolved<F>(
    steps: impl Stream<Item = Result<Step, Error>> + Send + Unpin + 'static,
    resolve: impl Fn(Step) -> F + Send + 'static,
) -> impl Stream<Item = Result<Action, Error>> + Send
where
    F: Future<Output = Action> + Send + 'static,
{
    /// The maximum number of files that are hashed concurrently.
    const HASHING: usize = 4;
    let (mut steps, mut hashing) = (steps.fuse(), FuturesOrdered::new());
    stream::poll_fn(move |cx| {
        while hashing.len() < HASHING {
            match steps.poll_next_unpin(cx) {
                // Most steps need no hash, and most hash nothing before them.
                Poll::Ready(Some(Ok(Step::Ready(action)))) if hashing.is_empty() => {
                    return Poll::Ready(Some(Ok(action)));
                }
                Poll::Ready(Some(Ok(Step::Ready(action)))) => {
                    hashing.push_back(std::future::ready(Ok(action)).left_future());
                }
                Poll::Ready(Some(Err(error))) => {
                    hashing.push_back(std::future::ready(Err(error)).left_future());
                }
                Poll::Ready(Some(Ok(step))) => {
                    hashing.push_back(resolve(step).map(Ok).right_future());
                }
                Poll::Ready(None) => break,
                Poll::Pending if hashing.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        hashing.poll_next_unpin(cx)
    })
}
