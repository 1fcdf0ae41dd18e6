//! [`CheckedClient`]: what holds above every backend. Exact lengths both ways, deadlines, and an end to uploads that are moot.
//!
//! HTTP libraries differ in what they do with a source that is longer than its `Content-Length`, a response that ends
//! early, a server that falls silent, an error that arrives while the body is still on its way. Here it is decided once.

mod incoming;
mod outgoing;

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use self::incoming::Incoming;
use self::outgoing::{Turn, Upload};
use crate::body::{Body, ResponseBody};
use crate::deadlines::Deadlines;
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::http_client::{HttpClient, Request, Response};
use crate::timer::{Sleep, Timer};

/// A backend with the rules of conduct that no HTTP library holds by itself.
///
/// For each request it
/// - sets `Content-Length` to the body's length, and refuses a request whose headers contradict it;
/// - fails a request whose source gives fewer or more bytes than it promised ([`HttpErrorKind::Source`]): an over-long
///   source is noticed before its last byte is handed over, so that no cut file is ever complete for the server;
/// - keeps the [`Deadlines`] found in the request's extensions, or its own;
/// - fails a response that is shorter ([`HttpErrorKind::Closed`]) or longer ([`HttpErrorKind::Protocol`]) than its
///   `Content-Length`, as the last item of its body;
/// - stops an upload that can only be wasted: after an error status the source is not read on, and when the response
///   has been read, or anything is dropped, the body fails and with it the connection.
#[derive(Clone)]
pub struct CheckedClient {
    backend: Arc<dyn HttpClient>,
    timer: Arc<dyn Timer>,
    deadlines: Deadlines,
}

impl CheckedClient {
    /// Stands before `backend`, with `timer` as its clock and [`Deadlines::DEFAULT`].
    pub fn new(backend: impl HttpClient, timer: impl Timer) -> Self {
        Self::shared(Arc::new(backend), Arc::new(timer))
    }

    /// As [`new`](Self::new), for what is shared already.
    #[must_use]
    pub fn shared(backend: Arc<dyn HttpClient>, timer: Arc<dyn Timer>) -> Self {
        Self {
            backend,
            timer,
            deadlines: Deadlines::DEFAULT,
        }
    }

    /// With these deadlines for requests that bring none of their own.
    #[must_use]
    pub const fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }
}

#[async_trait]
impl HttpClient for CheckedClient {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        agree_on_length(&mut request)?;
        let deadlines = request
            .extensions_mut()
            .remove::<Deadlines>()
            .unwrap_or(self.deadlines);
        let head_only = request.method() == Method::HEAD;

        let mut total = deadlines.total.map(|limit| self.timer.sleep(limit));
        let body = std::mem::take(request.body_mut());
        let upload = Upload::begin(body.len(), deadlines.throughput, Arc::clone(&self.timer));
        if body.is_empty() {
            let mut checking = pin!(must_be_empty(&body));
            poll_fn(|cx| match checking.as_mut().poll(cx) {
                Poll::Ready(checked) => Poll::Ready(checked),
                Poll::Pending => match overdue(&mut total, Phase::NotSent, cx) {
                    Some(error) => Poll::Ready(Err(error)),
                    None => Poll::Pending,
                },
            })
            .await?;
        } else {
            *request.body_mut() = outgoing::wrap(body, &upload);
        }
        // From here on a drop, at whatever point, ends the upload.
        let upload = upload.abort_on_drop();

        let answer = {
            let mut sending = self.backend.send(request);
            let mut watch = Watch {
                deadlines,
                timer: &*self.timer,
                sleep: None,
            };
            poll_fn(|cx| {
                if let Poll::Ready(answer) = sending.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                if let Some(error) = overdue(&mut total, Phase::MaybeReceived, cx) {
                    return Poll::Ready(Err(error));
                }
                watch.poll(&upload, cx).map(Err)
            })
            .await
        };
        let response = answer.map_err(|error| upload.explain(error))?;

        let (head, body) = response.into_parts();
        let length = body_length(head_only, head.status, &head.headers)?;
        let is_error = head.status.as_u16() >= 300;
        if is_error {
            upload.pause();
        }
        let limits = [deadlines.body, deadlines.head.filter(|_| is_error)];
        let limit = limits.into_iter().flatten().min();
        let ends = [total, limit.map(|limit| self.timer.sleep(limit))];
        let body = match length {
            Some(0) => ResponseBody::empty(),
            length => ResponseBody::new(
                length.or(body.len()),
                Incoming::new(
                    body,
                    length,
                    deadlines,
                    ends,
                    Arc::clone(&self.timer),
                    upload,
                ),
            ),
        };
        Ok(Response::from_parts(head, body))
    }
}

impl std::fmt::Debug for CheckedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedClient")
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}

/// A limit of less than that is not looked at more often, as long as it is not the server's turn.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Watches that it isn't the server's turn for too long, from the start to the response's head.
struct Watch<'a> {
    deadlines: Deadlines,
    timer: &'a dyn Timer,
    sleep: Option<Sleep>,
}

impl Watch<'_> {
    /// Ready with the error once a deadline has passed.
    fn poll(&mut self, upload: &Upload, cx: &mut Context<'_>) -> Poll<HttpError> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                if Pin::new(sleep).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            // The turn may pass while we sleep, so no sleep is longer than the shortest limit that could then hold.
            let pause = match self.verdict(upload) {
                Verdict::Late(error) => return Poll::Ready(error),
                Verdict::Wait(pause) => pause,
                Verdict::Never => return Poll::Pending,
            };
            self.sleep = Some(self.timer.sleep(pause));
        }
    }

    fn verdict(&self, upload: &Upload) -> Verdict {
        let (turn, too_slow_in) = upload.turn(self.timer.now());
        let limits = [self.deadlines.head, self.deadlines.stall, too_slow_in];
        let Some(shortest) = limits.into_iter().flatten().min() else {
            return Verdict::Never;
        };
        let shortest = shortest.max(LOOK_AGAIN);
        if too_slow_in == Some(Duration::ZERO) {
            let late = HttpError::new(HttpErrorKind::Stalled, Phase::MaybeReceived);
            return Verdict::Late(late.with_source("the server reads too slowly"));
        }
        let (limit, since, late) = match turn {
            Turn::Source => return Verdict::Wait(shortest),
            Turn::Start(since) => (
                self.deadlines.head,
                since,
                (HttpErrorKind::Timeout, "before the body was asked for"),
            ),
            Turn::Body(since) => (
                self.deadlines.stall,
                since,
                (HttpErrorKind::Stalled, "the server stopped reading"),
            ),
            Turn::Head(since) => (
                self.deadlines.head,
                since,
                (HttpErrorKind::Timeout, "no response came"),
            ),
        };
        let Some(limit) = limit else {
            return Verdict::Wait(shortest);
        };
        match limit.checked_sub(self.timer.now().saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Verdict::Wait(if matches!(turn, Turn::Head(_)) {
                left
            } else {
                left.min(shortest)
            }),
            _ => Verdict::Late(HttpError::new(late.0, Phase::MaybeReceived).with_source(late.1)),
        }
    }
}

enum Verdict {
    Late(HttpError),
    Wait(Duration),
    Never,
}

/// The error, once the time of the whole exchange is over.
fn overdue(total: &mut Option<Sleep>, phase: Phase, cx: &mut Context<'_>) -> Option<HttpError> {
    let over = total
        .as_mut()
        .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
    over.then(|| {
        HttpError::new(HttpErrorKind::Timeout, phase)
            .with_source("the whole exchange took too long")
    })
}

/// Makes the headers say what the body is, or refuses.
fn agree_on_length(request: &mut Request) -> Result<(), HttpError> {
    if request.uri().scheme().is_none() || request.uri().host().is_none_or(str::is_empty) {
        return Err(HttpError::invalid("the URI has no scheme or no host"));
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Err(HttpError::invalid(
            "a body is sent with its length, never with Transfer-Encoding",
        ));
    }
    let len = request.body().len();
    let says = request
        .headers()
        .get_all(CONTENT_LENGTH)
        .iter()
        .map(|value| parse_length(value.as_bytes()));
    if says.into_iter().any(|said| said != Some(len)) {
        return Err(HttpError::invalid(
            "Content-Length is not the length of the body",
        ));
    }
    if len > 0
        || !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE
        )
    {
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    Ok(())
}

/// An empty body is never asked for by a library, so a source that promised nothing and has something is found here.
async fn must_be_empty(body: &Body) -> Result<(), HttpError> {
    if body.as_bytes().is_some() {
        return Ok(());
    }
    let failed =
        |failure| HttpError::new(HttpErrorKind::Source, Phase::NotSent).with_source(failure);
    let mut source = body.open().map_err(failed)?;
    match poll_fn(|cx| source.as_mut().poll_next(cx)).await {
        None => Ok(()),
        Some(Ok(_)) => Err(failed(outgoing::longer(0))),
        Some(Err(failure)) => Err(failed(failure)),
    }
}

/// The length that the framing promises; `None` where it promises none.
fn body_length(
    head_only: bool,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<u64>, HttpError> {
    if head_only || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok(Some(0));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Ok(None);
    }
    let protocol = |why: &'static str| {
        HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why)
    };
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let said = parse_length(value.as_bytes())
            .ok_or_else(|| protocol("Content-Length is not a number"))?;
        if length.is_some_and(|length| length != said) {
            return Err(protocol("two values of Content-Length that differ"));
        }
        length = Some(said);
    }
    Ok(length)
}

/// Digits only: `str::parse` would take a sign.
fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}
