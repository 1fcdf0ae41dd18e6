//! A response that stalls, so that a download waits for the network.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use b2kit::{Bytes, HttpError, ManualTimer, Response, ResponseBody};
use futures::Stream;

use super::Net;

/// How long a response stalls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    /// Until so many more requests were made.
    requests: usize,
    /// But no longer than so many polls.
    polls: u32,
    /// The time that a poll takes on the manual clock.
    poll: Duration,
}

impl Stall {
    /// Until so many requests were made, which are certain to come.
    pub(super) const fn until(requests: usize) -> Self {
        Self {
            requests,
            // Fewer than a request's timeout, and more than the disk and the hash ever take.
            polls: 1_900,
            poll: Duration::from_millis(10),
        }
    }

    /// The same in fewer polls.
    pub(super) const fn in_few_polls(requests: usize) -> Self {
        Self {
            requests,
            polls: 380,
            poll: Duration::from_millis(50),
        }
    }

    /// Until so many requests were made, if they come.
    pub(super) const fn perhaps_until(requests: usize) -> Self {
        Self {
            requests,
            polls: 40,
            poll: Duration::from_millis(10),
        }
    }
}

/// What a poll costs in real time, in which the disk and the hash are busy.
const REAL_TIME: Duration = Duration::from_millis(1);

struct StallingBody {
    body: ResponseBody,
    timer: ManualTimer,
    /// Bytes that were not passed on yet.
    held: Bytes,
    /// The number of bytes before the stall.
    before: usize,
    /// The number of requests so far, and the one that ends the stall.
    requests: Arc<AtomicUsize>,
    ends_at: usize,
    polls_left: u32,
    poll: Duration,
    /// The number of bytes that were read.
    read: Arc<AtomicU64>,
}

impl StallingBody {
    fn may_stall(&self) -> bool {
        self.requests.load(Ordering::SeqCst) < self.ends_at && self.polls_left > 0
    }
}

impl Stream for StallingBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.may_stall() && self.before == 0 {
            self.polls_left -= 1;
            let poll = self.poll;
            self.timer.advance(poll);
            thread::park_timeout(REAL_TIME);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.held.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(bytes)) => self.held = bytes,
                end_or_failure => return Poll::Ready(end_or_failure),
            }
        }
        let most = if self.may_stall() {
            self.before
        } else {
            usize::MAX
        };
        let len = self.held.len().min(most);
        let bytes = self.held.split_to(len);
        self.before = self.before.saturating_sub(len);
        self.read.fetch_add(len as u64, Ordering::SeqCst);
        Poll::Ready(Some(Ok(bytes)))
    }
}

/// The first successful response from now on stalls after so many bytes. `meddle` sees each request by its number, before it is sent. Returns how
/// much of that response is read.
pub(super) fn stall_first(
    net: &Net,
    after: usize,
    stall: Stall,
    meddle: impl Fn(usize) + Send + Sync + 'static,
) -> Arc<AtomicU64> {
    let (requests, read) = (Arc::<AtomicUsize>::default(), Arc::<AtomicU64>::default());
    let (counted, returned) = (Arc::clone(&requests), Arc::clone(&read));
    net.meddle(move |number, _| {
        counted.store(number + 1, Ordering::SeqCst);
        meddle(number);
    });
    let (timer, is_armed) = (net.timer.clone(), AtomicBool::new(true));
    net.spoil(move |_, response| {
        if !response.status().is_success() || !is_armed.swap(false, Ordering::SeqCst) {
            return response;
        }
        let (head, body) = response.into_parts();
        let len = body.len();
        let stalling = StallingBody {
            body,
            timer: timer.clone(),
            held: Bytes::new(),
            before: after,
            ends_at: requests.load(Ordering::SeqCst) + stall.requests,
            requests: Arc::clone(&requests),
            polls_left: stall.polls,
            poll: stall.poll,
            read: Arc::clone(&read),
        };
        Response::from_parts(head, ResponseBody::new(len, stalling))
    });
    returned
}
