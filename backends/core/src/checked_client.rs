//! [`CheckedClient`]: enforces exact lengths and deadlines over any backend, and ends uploads whose outcome is decided.
//!
//! HTTP libraries differ in how they handle a source that is longer than its `Content-Length`, a response that ends
//! early, a server that stops responding, and an error that arrives while the body is still being sent. This wrapper
//! makes them behave alike.

mod content_length;
mod head_timeout;
mod response_body;
mod total_timeout;
mod upload;

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use http::Method;

use self::content_length::{body_length, set_content_length};
use self::head_timeout::HeadTimeout;
use self::response_body::CheckedResponseBody;
use self::total_timeout::check_total_timeout;
use self::upload::Upload;
use crate::body::{Body, ResponseBody};
use crate::deadlines::Deadlines;
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::http_client::{HttpClient, Request, Response};
use crate::timer::Timer;

/// A wrapper around a backend that enforces exact lengths and deadlines, which HTTP libraries get wrong.
///
/// For each request it
/// - sets `Content-Length` to the body's length, and refuses a request whose headers contradict it;
/// - fails a request whose source yields fewer or more bytes than its length ([`HttpErrorKind::Source`]). The last
///   chunk is held back until the source has ended, so the server never takes a truncated file for a complete one;
/// - enforces the [`Deadlines`] in the request's extensions, or its own defaults;
/// - fails a response that is shorter ([`HttpErrorKind::Closed`]) or longer ([`HttpErrorKind::Protocol`]) than its
///   `Content-Length`, as the last item of its body;
/// - stops an upload that can no longer succeed: after an error status nothing more is read from the source, and once
///   the response has been read, or the future or the response is dropped, the body fails, which closes the connection.
#[derive(Clone)]
pub struct CheckedClient {
    backend: Arc<dyn HttpClient>,
    timer: Arc<dyn Timer>,
    deadlines: Deadlines,
}

impl CheckedClient {
    /// Wraps `backend`, with `timer` as its clock and [`Deadlines::DEFAULT`].
    pub fn new(backend: impl HttpClient, timer: impl Timer) -> Self {
        Self::shared(Arc::new(backend), Arc::new(timer))
    }

    /// Wraps a backend and a timer that are already in `Arc`s.
    #[must_use]
    pub fn shared(backend: Arc<dyn HttpClient>, timer: Arc<dyn Timer>) -> Self {
        Self {
            backend,
            timer,
            deadlines: Deadlines::DEFAULT,
        }
    }

    /// Sets the deadlines of requests that have none in their extensions.
    #[must_use]
    pub const fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sends a request with these deadlines. The same as [`send`](HttpClient::send) with the deadlines in the request's
    /// extensions, with fewer allocations.
    ///
    /// # Errors
    /// As [`send`](HttpClient::send).
    pub async fn send_within(
        &self,
        mut request: Request,
        deadlines: Deadlines,
    ) -> Result<Response, HttpError> {
        set_content_length(&mut request)?;
        let head_only = request.method() == Method::HEAD;

        let mut total = deadlines.total.map(|limit| self.timer.sleep(limit));
        let body = std::mem::take(request.body_mut());
        let len = body.len();
        if body.is_empty() {
            let mut checking = pin!(check_source_is_empty(&body));
            poll_fn(|cx| match checking.as_mut().poll(cx) {
                Poll::Ready(checked) => Poll::Ready(checked),
                Poll::Pending => match check_total_timeout(&mut total, Phase::NotSent, cx) {
                    Some(error) => Poll::Ready(Err(error)),
                    None => Poll::Pending,
                },
            })
            .await?;
        }
        let upload = Upload::begin(len, deadlines.throughput, Arc::clone(&self.timer));
        if !body.is_empty() {
            *request.body_mut() = upload::checked_body(body, &upload);
        }
        // From here on, dropping the future ends the upload.
        let upload = upload.abort_on_drop();

        let answer = {
            let mut sending = self.backend.send(request);
            let mut head_timeout = HeadTimeout::new(deadlines, &*self.timer);
            poll_fn(|cx| {
                if let Poll::Ready(answer) = sending.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                if let Some(error) = check_total_timeout(&mut total, Phase::MaybeReceived, cx) {
                    return Poll::Ready(Err(error));
                }
                head_timeout.poll(&upload, cx).map(Err)
            })
            .await
        };
        let response = answer.map_err(|error| upload.refine_error(error))?;

        let (head, body) = response.into_parts();
        let length = body_length(head_only, head.status, &head.headers)?;
        let is_error = head.status.as_u16() >= 300;
        if is_error {
            upload.pause();
        }
        let limits = [deadlines.body, deadlines.head.filter(|_| is_error)];
        let limit = limits.into_iter().flatten().min();
        let body = match length {
            Some(0) => ResponseBody::empty(),
            length => ResponseBody::new(
                length.or(body.len()),
                CheckedResponseBody::new(
                    body,
                    length,
                    deadlines,
                    total,
                    limit,
                    Arc::clone(&self.timer),
                    upload,
                ),
            ),
        };
        Ok(Response::from_parts(head, body))
    }
}

#[async_trait]
impl HttpClient for CheckedClient {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        let deadlines = request.extensions_mut().remove::<Deadlines>();
        let deadlines = deadlines.unwrap_or(self.deadlines);
        self.send_within(request, deadlines).await
    }
}

impl std::fmt::Debug for CheckedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedClient")
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}

/// Checks that a source of length 0 yields nothing. No library opens an empty body, so this is the only check.
async fn check_source_is_empty(body: &Body) -> Result<(), HttpError> {
    if body.as_bytes().is_some() {
        return Ok(());
    }
    let failed =
        |failure| HttpError::new(HttpErrorKind::Source, Phase::NotSent).with_source(failure);
    let mut source = body.open().map_err(failed)?;
    match poll_fn(|cx| source.as_mut().poll_next(cx)).await {
        None => Ok(()),
        Some(Ok(_)) => Err(failed(upload::source_too_long(0))),
        Some(Err(failure)) => Err(failed(failure)),
    }
}
