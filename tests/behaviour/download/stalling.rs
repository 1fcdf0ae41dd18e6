//! A response that stalls, so that a download waits for the network.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use b2kit::{Bytes, HttpError, ManualTimer, Response, ResponseBody};
use futures::Stream;

use super::Net;

/// What a poll of a stalled response costs on the manual clock.
const VIRTUAL_TIME: Duration = Duration::from_millis(10);

/// What it costs in real time, in which the disk and the hash are busy: they end their work long
/// before the request times out on the manual clock.
const REAL_TIME: Duration = Duration::from_millis(1);

/// The number of polls after which a response continues that more requests are expected for: more
/// than the disk and the hash ever take, fewer than a request's timeout.
pub(super) const EXPECTED: u32 = 1_900;

/// The number of polls after which a response continues in any case: four times what a download
/// observes before it adds a stream.
pub(super) const UNEXPECTED: u32 = 40;

/// Waits in real time, also while wakers unpark this thread.
fn wait_really(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

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
            self.timer.advance(VIRTUAL_TIME);
            wait_really(REAL_TIME);
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

/// The first successful response from now on stalls after so many bytes, until so many more
/// requests were made, or for so many polls. `meddle` sees each request by its number, before it is sent. Returns how
/// much of that response is read.
pub(super) fn stall_first(
    net: &Net,
    after: usize,
    (until, polls): (usize, u32),
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
            ends_at: requests.load(Ordering::SeqCst) + until,
            requests: Arc::clone(&requests),
            polls_left: polls,
            read: Arc::clone(&read),
        };
        Response::from_parts(head, ResponseBody::new(len, stalling))
    });
    returned
}
