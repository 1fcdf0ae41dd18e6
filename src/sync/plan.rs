//! Merges two sorted sides into a plan. Holds one entry of each side.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures_core::Stream;
use futures_util::stream::{self, Peekable};
use futures_util::{StreamExt as _, TryStreamExt as _, future};

use super::action::{Action, Scan};
use super::decide::{Decider, Pair, Step};
use super::entry::{Entry, State};
use super::policy::Extras;
use super::reason::Reason;
use crate::error::{Error, ErrorKind};

/// An item of a side.
pub(super) enum Row {
    Entry(Entry),
    /// Something without a place in the order, since it has no path.
    Refused(Action),
}

pub(super) type Side = stream::BoxStream<'static, Result<Row, Error>>;

/// The steps of a plan, followed by its end.
pub(super) fn steps(
    source: Side,
    destination: Side,
    decider: Decider,
) -> impl Stream<Item = Result<Step, Error>> + Send {
    let merge = Merge {
        source: Sorted::new(source),
        destination: Sorted::new(destination),
        decider,
        ready: VecDeque::new(),
        scan: Scan::default(),
        is_over: false,
    };
    stream::try_unfold(merge, |mut merge| async move {
        Ok(merge.next().await?.map(|step| (step, merge)))
    })
}

struct Merge {
    source: Sorted,
    destination: Sorted,
    decider: Decider,
    ready: VecDeque<Step>,
    scan: Scan,
    is_over: bool,
}

impl Merge {
    async fn next(&mut self) -> Result<Option<Step>, Error> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(Some(step));
            }
            if self.is_over {
                return Ok(None);
            }
            let Some(pair) = self.pair().await? else {
                continue;
            };
            match pair {
                Pair::Neither => {
                    self.is_over = true;
                    self.scan.is_complete = self.source.is_complete && self.destination.is_complete;
                    if self.source.is_complete {
                        self.ready.extend(self.decider.source_empty(self.scan));
                    }
                    self.ready.push_back(Step::Ready(Action::End(self.scan)));
                }
                pair => {
                    self.count(&pair);
                    self.decider.decide(pair, &mut self.ready);
                }
            }
        }
    }

    /// The state of the next path on both sides; `None` if a side yielded something without a path.
    async fn pair(&mut self) -> Result<Option<Pair>, Error> {
        if let Some(refused) = self.source.next_refused().await? {
            self.ready.push_back(Step::Ready(refused));
            return Ok(None);
        }
        if let Some(refused) = self.destination.next_refused().await? {
            let extras = self.decider.policy.extras;
            self.ready
                .push_back(Step::Ready(at_destination(refused, extras)));
            return Ok(None);
        }
        let order = match (self.source.path().await?, self.destination.path().await?) {
            (None, None) => return Ok(Some(Pair::Neither)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(source), Some(destination)) => source.cmp(destination),
        };
        let mut source = None;
        if order != Ordering::Greater {
            source = self.source.take().await?;
        }
        let mut destination = None;
        if order != Ordering::Less {
            destination = self.destination.take().await?;
        }
        Ok(Some(match (source, destination) {
            (Some(source), Some(destination)) => Pair::Both(source, destination),
            (Some(source), None) => Pair::Source(source),
            (None, Some(destination)) => Pair::Destination(destination),
            (None, None) => Pair::Neither,
        }))
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
        for entry in [source, destination].into_iter().flatten() {
            let is_listed = matches!(
                entry.state,
                State::Remote(_) | State::Hidden | State::Opaque(Reason::UnknownAction(_))
            );
            self.scan.listed += u64::from(is_listed);
        }
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
    rows: Peekable<Side>,
    last: Option<Box<str>>,
    /// Whether everything on this side could be read.
    is_complete: bool,
}

impl Sorted {
    fn new(rows: Side) -> Self {
        Self {
            rows: rows.peekable(),
            last: None,
            is_complete: true,
        }
    }

    async fn next_refused(&mut self) -> Result<Option<Action>, Error> {
        match self.peek().await? {
            Some(Row::Refused(_)) => match self.rows.try_next().await? {
                Some(Row::Refused(action)) => {
                    self.is_complete &= !hides_files(&action);
                    Ok(Some(action))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    async fn path(&mut self) -> Result<Option<&str>, Error> {
        Ok(match self.peek().await? {
            Some(Row::Entry(entry)) => Some(&entry.path),
            _ => None,
        })
    }

    async fn take(&mut self) -> Result<Option<Entry>, Error> {
        let Some(Row::Entry(entry)) = self.rows.try_next().await? else {
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
        self.last = Some(entry.path.clone());
        Ok(Some(entry))
    }

    async fn peek(&mut self) -> Result<Option<&Row>, Error> {
        let rows = std::pin::Pin::new(&mut self.rows);
        match rows.peek().await {
            Some(Ok(row)) => Ok(Some(row)),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(None),
        }
    }
}

/// A side whose entries come from the caller.
pub(super) fn side(entries: impl Stream<Item = Result<Entry, Error>> + Send + 'static) -> Side {
    entries.map_ok(Row::Entry).boxed()
}

/// A side of a local tree.
pub(super) fn local_side(walk: super::local::Walk) -> Side {
    use super::local::Found;
    let found = super::local::entries(walk).map(|found| {
        Ok(match found {
            Found::Entry(entry) => Row::Entry(entry),
            Found::NoText(path) => Row::Refused(Action::Refuse {
                path: path.into(),
                reason: Reason::NotAName("it is not valid Unicode".to_owned()),
            }),
            Found::RootGone => Row::Refused(Action::Refuse {
                path: Box::default(),
                reason: Reason::Unreadable(
                    "the root was replaced by a different directory".to_owned(),
                ),
            }),
        })
    });
    found.boxed()
}

/// Turns the steps into actions: hashes the files that have to be hashed, several at once.
pub(super) fn resolved<F>(
    steps: impl Stream<Item = Result<Step, Error>> + Send + 'static,
    resolve: impl Fn(Step) -> F + Send + 'static,
) -> impl Stream<Item = Result<Action, Error>> + Send
where
    F: Future<Output = Action> + Send,
{
    /// The maximum number of files that are hashed concurrently.
    const HASHING: usize = 4;
    let actions = steps.map(move |step| match step {
        Ok(Step::Ready(action)) => future::Either::Left(future::ready(Ok(action))),
        Ok(step) => {
            let action = resolve(step);
            future::Either::Right(async { Ok(action.await) })
        }
        Err(error) => future::Either::Left(future::ready(Err(error))),
    });
    actions.buffered(HASHING)
}
