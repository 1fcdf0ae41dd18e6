//! [`Client::paginate`]: a listing of any length as one stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use std::vec;

use b2kit_core::{HttpError, HttpErrorKind, Phase, Sleep};
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;

use super::handle::Client;
use crate::api::Paged;
use crate::error::{Error, ErrorKind, RetryStopReason};

impl Client {
    /// Turns a paged call into one stream of its results. A page is requested when the results of
    /// the previous one are used up.
    ///
    /// Empty pages are skipped, and a folder that B2 repeats at the beginning of a page is left
    /// out. Pages have a thousand results, which B2 bills as one call, unless the call sets another
    /// size.
    ///
    /// ```
    /// # use b2kit::{Client, Error, api::ListFileNames, types::BucketId};
    /// # use futures::TryStreamExt;
    /// # async fn names(b2: Client, bucket_id: BucketId) -> Result<(), Error> {
    /// let mut files = b2.paginate(ListFileNames::new(bucket_id).prefix("2026/"));
    /// while let Some(file) = files.try_next().await? {
    ///     println!("{}", file.file_name());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// A [`RetryPolicy::deadline`](crate::RetryPolicy::deadline) applies to each page, and to each
    /// result, however many empty pages precede it.
    ///
    /// # Errors
    /// The stream ends after an error: [`Protocol`](ErrorKind::Protocol) if a page doesn't match
    /// the request or leads back to an earlier page, [`Invalid`](ErrorKind::Invalid) if the
    /// arguments break one of B2's rules, [`Unauthorized`](ErrorKind::Unauthorized) if the key may
    /// not list this, [`NotFound`](ErrorKind::NotFound) if what is listed doesn't exist, or
    /// [`Credentials`](ErrorKind::Credentials), [`CapExceeded`](ErrorKind::CapExceeded),
    /// [`TooManyRequests`](ErrorKind::TooManyRequests), [`Rejected`](ErrorKind::Rejected),
    /// [`Unavailable`](ErrorKind::Unavailable) or [`Http`](ErrorKind::Http) if a page failed after
    /// its retries.
    pub fn paginate<C: Paged + 'static>(
        &self,
        call: C,
    ) -> impl Stream<Item = Result<C::Item, Error>> + Send + Unpin + use<C> {
        ItemStream::new(self, call)
    }

    /// Like [`paginate`](Self::paginate), with the time at which each item's page was requested.
    #[cfg(feature = "sync")]
    pub(crate) fn paginate_timed<C: Paged + 'static>(
        &self,
        call: C,
    ) -> impl Stream<Item = Result<(Instant, C::Item), Error>> + Send + Unpin + use<C> {
        let mut items = ItemStream::new(self, call);
        futures_util::stream::poll_fn(move |cx| {
            let item = items.poll_next_unpin(cx);
            let requested = items.requested;
            item.map_ok(|item| (requested, item))
        })
    }
}

/// The maximum number of versions of one name in a listing; no name has more.
pub(crate) const MAX_VERSIONS: usize = 500_000;

/// Limits a listing whose reader returns nothing before the last row: it fails after this many
/// rows, since a server can make a listing endless.
pub(crate) fn at_most<T>(
    rows: usize,
    listing: impl Stream<Item = Result<T, Error>> + Unpin,
) -> impl Stream<Item = Result<T, Error>> + Unpin {
    listing.enumerate().map(move |(number, row)| {
        if number < rows {
            return row;
        }
        let what = format!("the listing has more than {rows} rows, so it is assumed to be endless");
        Err(Error::new(ErrorKind::Protocol, what))
    })
}

/// The items of the current page, and the request for the next one.
struct ItemStream<C: Paged> {
    client: Client,
    page: vec::IntoIter<C::Item>,
    /// When the page was requested.
    requested: Instant,
    next: Option<BoxFuture<'static, NextPage<C>>>,
    /// The folder that was returned last. Pages are in order, so no other can be repeated.
    folder: Option<Box<str>>,
    /// Ends when the next item is due: any number of empty pages may precede it.
    late: Option<Sleep>,
}

/// A page's items, the time of its request, and the pager for the next page; `None` after the last page.
type NextPage<C> = Result<Option<(Vec<<C as Paged>::Item>, Instant, Pager<C>)>, Error>;

impl<C: Paged> Unpin for ItemStream<C> {}

impl<C: Paged + 'static> ItemStream<C> {
    fn new(client: &Client, call: C) -> Self {
        let pages = Pager {
            client: client.clone(),
            next: NextCall::Call(call.in_full_pages()),
            last: None,
            checkpoint: None,
            pages_requested: 0,
        };
        Self {
            client: client.clone(),
            page: Vec::new().into_iter(),
            requested: client.now(),
            next: Some(Box::pin(pages.page())),
            folder: None,
            late: None,
        }
    }
}

impl<C: Paged> ItemStream<C> {
    /// Whether the wait for the next item has exceeded the user's deadline.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.client.policy.deadline else {
            return false;
        };
        let timer = &self.client.shared.timer;
        let late = self.late.get_or_insert_with(|| timer.sleep(deadline));
        late.as_mut().poll(cx).is_ready()
    }
}

impl<C: Paged + 'static> Stream for ItemStream<C> {
    type Item = Result<C::Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.page.next() {
                if let Some(folder) = C::folder(&item) {
                    if self.folder.as_deref() == Some(folder) {
                        continue;
                    }
                    self.folder = Some(folder.into());
                }
                self.late = None;
                return Poll::Ready(Some(Ok(item)));
            }
            let Some(next) = &mut self.next else {
                return Poll::Ready(None);
            };
            let Poll::Ready(page) = next.as_mut().poll(cx) else {
                if !self.is_late(cx) {
                    return Poll::Pending;
                }
                self.next = None;
                let late = HttpError::new(HttpErrorKind::Timeout, Phase::NotSent)
                    .with_source("no page with an item arrived in time");
                let late =
                    Error::http(late).with_retry_stop_reason(Some(RetryStopReason::Deadline));
                let late = late.in_call(C::METADATA.name, 0, std::time::Duration::ZERO);
                return Poll::Ready(Some(Err(late)));
            };
            self.next = None;
            match page {
                Ok(Some((page, requested, pages))) => {
                    self.page = page.into_iter();
                    self.requested = requested;
                    self.next = Some(Box::pin(pages.page()));
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

struct Pager<C: Paged> {
    client: Client,
    next: NextCall<C>,
    last: Option<C::Cursor>,
    /// An earlier cursor. It advances at every power of two, so that any cycle returns to it.
    checkpoint: Option<C::Cursor>,
    pages_requested: u64,
}

enum NextCall<C> {
    Call(C),
    Cycle,
    End,
}

impl<C: Paged> Pager<C> {
    async fn page(mut self) -> NextPage<C> {
        let call = match std::mem::replace(&mut self.next, NextCall::End) {
            NextCall::Call(call) => call,
            NextCall::End => return Ok(None),
            NextCall::Cycle => {
                let cycle = Error::new(
                    ErrorKind::Protocol,
                    "the listing repeats itself: B2 returned the same cursor twice",
                );
                return Err(cycle.in_call(C::METADATA.name, 1, std::time::Duration::ZERO));
            }
        };
        let requested = self.client.now();
        let output = self.client.call(call.clone()).await?;
        let (items, cursor) = call.page(output);
        if let Some(cursor) = cursor {
            self.next = self.from(call, cursor);
        }
        Ok(Some((items, requested, self)))
    }

    fn from(&mut self, call: C, cursor: C::Cursor) -> NextCall<C> {
        if [&self.last, &self.checkpoint]
            .into_iter()
            .any(|passed| passed.as_ref() == Some(&cursor))
        {
            return NextCall::Cycle;
        }
        self.pages_requested += 1;
        if self.pages_requested.is_power_of_two() {
            self.checkpoint = Some(cursor.clone());
        }
        let next = call.starting_at(&cursor);
        self.last = Some(cursor);
        NextCall::Call(next)
    }
}
