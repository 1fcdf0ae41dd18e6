//! [`Sweep`]: deletes versions while they are listed, several at a time, in the order that
//! [`DeleteOrder`] sets.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::delete_order::{DeleteOrder, DeleteStep, Row};
use crate::api::{CancelLargeFile, DeleteFileVersion};
use crate::client::{BucketHandle, Client};
use crate::error::Error;
use crate::types::FileVersion;

/// Whether an operation that deletes many versions deletes them or only lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// Lists what would be deleted.
    DryRun,
    /// Deletes, several versions at a time.
    Delete {
        /// The maximum number of calls in progress; 0 counts as 1.
        concurrency: usize,
    },
}

/// A version, and whether it was deleted, or in a dry run would be.
pub(super) type SweepItem = (FileVersion, Result<(), Error>);

/// The call that removes a version.
#[derive(Debug, Clone, Copy)]
pub(super) enum RemovalCall {
    /// Deletes it unconditionally. `bypass` lifts a retention in governance mode.
    Delete { bypass: bool },
    /// Cancels an unfinished large file, but not one that was finished in the meantime.
    Cancel,
}

/// The stream of deleted versions.
///
/// If the listing fails, the deletions in progress are completed first, and the newest version of
/// the current name of the listing is kept: it may have older versions that were not listed yet.
pub(super) struct Sweep {
    bucket: BucketHandle,
    call: RemovalCall,
    is_dry_run: bool,
    concurrency: usize,
    /// `None` after the last row.
    rows: Option<BoxStream<'static, Result<Row, Error>>>,
    order: DeleteOrder,
    ready: VecDeque<DeleteStep>,
    running: FuturesUnordered<BoxFuture<'static, (u64, SweepItem)>>,
    failure: Option<Error>,
}

impl Sweep {
    /// Deletes all these versions.
    pub(super) fn new(
        bucket: &BucketHandle,
        versions: impl Stream<Item = Result<FileVersion, Error>> + Send + 'static,
        mode: DeleteMode,
        call: RemovalCall,
    ) -> Self {
        let rows = versions.map_ok(|version| Row {
            version,
            delete: true,
        });
        Self::of_rows(bucket, rows, mode, call)
    }

    /// Deletes the rows that are marked.
    pub(super) fn of_rows(
        bucket: &BucketHandle,
        rows: impl Stream<Item = Result<Row, Error>> + Send + 'static,
        mode: DeleteMode,
        call: RemovalCall,
    ) -> Self {
        let (is_dry_run, concurrency) = match mode {
            DeleteMode::DryRun => (true, 1),
            DeleteMode::Delete { concurrency } => (false, concurrency.max(1)),
        };
        Self {
            bucket: bucket.clone(),
            call,
            is_dry_run,
            concurrency,
            rows: Some(rows.boxed()),
            order: DeleteOrder::default(),
            ready: VecDeque::new(),
            running: FuturesUnordered::new(),
            failure: None,
        }
    }

    /// A sweep that deletes nothing and yields this error.
    pub(super) fn refused(bucket: &BucketHandle, error: Error) -> Self {
        let rows = futures_util::stream::once(std::future::ready(Err(error)));
        Self::of_rows(bucket, rows, DeleteMode::DryRun, RemovalCall::Cancel)
    }

    /// Completes the sweep. Returns the deleted versions, or the first failure.
    pub(super) async fn finish(mut self) -> Result<Vec<FileVersion>, Error> {
        let (mut deleted, mut failure) = (Vec::new(), None);
        while let Some((version, outcome)) = self.try_next().await? {
            match outcome {
                Ok(()) => deleted.push(version),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(deleted), Err)
    }

    /// Takes rows and starts deletions, up to the maximum in progress.
    fn fill(&mut self, cx: &mut Context<'_>) {
        while self.running.len() < self.concurrency {
            match self.ready.pop_front() {
                Some(DeleteStep::Delete(number, version)) => {
                    self.running.push(self.removal(number, version));
                    continue;
                }
                Some(skip) => {
                    self.ready.push_front(skip);
                    return;
                }
                None => {}
            }
            let Some(rows) = &mut self.rows else { return };
            let Poll::Ready(row) = rows.poll_next_unpin(cx) else {
                return;
            };
            self.take(row);
        }
    }

    fn take(&mut self, row: Option<Result<Row, Error>>) {
        match row {
            Some(Ok(row)) => self
                .ready
                .extend(self.order.listed(row).into_iter().flatten()),
            Some(Err(error)) => {
                self.failure = Some(error);
                self.rows = None;
            }
            None => {
                self.ready.extend(self.order.ended());
                self.rows = None;
            }
        }
    }

    fn removal(&self, number: u64, version: FileVersion) -> BoxFuture<'static, (u64, SweepItem)> {
        if self.is_dry_run {
            return Box::pin(std::future::ready((number, (version, Ok(())))));
        }
        let about = self.bucket.about(version.file_name.as_str());
        let client = about.client().clone();
        let call = self.call;
        Box::pin(async move {
            let outcome = deletion_outcome(call.apply(&client, &version).await);
            (number, (version, outcome))
        })
    }
}

/// The outcome of a deletion. A version that was deleted since it was listed, by another caller or an
/// interrupted run, counts as deleted.
pub(crate) fn deletion_outcome<T>(outcome: Result<T, Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome.map(drop),
    }
}

impl RemovalCall {
    async fn apply(self, client: &Client, version: &FileVersion) -> Result<(), Error> {
        match self {
            Self::Delete { bypass } => {
                let mut call = DeleteFileVersion::new(version.file_name.as_str(), &version.file_id);
                if bypass {
                    call = call.bypass_governance();
                }
                client.call(call).await.map(drop)
            }
            Self::Cancel => {
                let call = CancelLargeFile::new(&version.file_id);
                client.call(call).await.map(drop)
            }
        }
    }
}

impl Stream for Sweep {
    type Item = Result<SweepItem, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.fill(cx);
        if let Poll::Ready(Some((number, swept))) = this.running.poll_next_unpin(cx) {
            this.ready.extend(this.order.deleted(number, &swept.1));
            return Poll::Ready(Some(Ok(swept)));
        }
        if matches!(this.ready.front(), Some(DeleteStep::Skip(..)))
            && let Some(DeleteStep::Skip(version, error)) = this.ready.pop_front()
        {
            return Poll::Ready(Some(Ok((version, Err(error)))));
        }
        if this.running.is_empty() && this.rows.is_none() && this.ready.is_empty() {
            return Poll::Ready(this.failure.take().map(Err));
        }
        Poll::Pending
    }
}
