//! Answers one request: checks its host, dispatches it and ends the exchange.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use b2kit_core::{BodyStream, HttpErrorKind};
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, request::Parts};
use hyper::body::Incoming;

use super::body::{RequestBytes, ResponseBody};
use super::hash_pool::HashPool;
use super::host_names::AllowedHosts;
use super::idle::Busy;
use super::ports::{Ports, Role};
use super::socket::Reset;
use crate::drivers::call_log::CallLog;
use crate::drivers::call_log::trace::Trace;
use crate::drivers::control;
use crate::drivers::control::context::{Answer, Control};
use crate::drivers::exchange::{ExchangeError, Exchanged, exchange};
use crate::drivers::in_process::Emulator;
use crate::drivers::response_body::ResponseStream;
use crate::drivers::webhook_sender::WebhookSender;
use crate::protocol::api_error::ApiError;
use crate::protocol::origins::Origins;
use crate::protocol::response::Response;
use crate::protocol::undocumented;

/// The maximum number of bytes of a refused body that are read, so that the client reads the error
/// before it notices that the connection closes.
const MAX_DRAINED: u64 = 64 * 1024 * 1024;

/// The parts of a server that answer requests.
pub(super) struct RequestHandler {
    pub(super) emulator: Emulator,
    pub(super) url: Arc<str>,
    pub(super) hosts: AllowedHosts,
    /// If uploads and downloads have ports of their own.
    pub(super) ports: Option<Ports>,
    pub(super) control: Option<Control>,
    /// Only with the control API, which shows it.
    pub(super) log: Option<Arc<CallLog>>,
    pub(super) sender: Option<WebhookSender>,
    pub(super) hash_pool: HashPool,
    pub(super) stall: Duration,
}

pub(super) async fn answer(
    handler: Arc<RequestHandler>,
    role: Role,
    reset: Reset,
    busy: Busy,
    request: http::Request<Incoming>,
) -> io::Result<http::Response<ResponseBody>> {
    let (head, body) = request.into_parts();
    let mut body: BodyStream = Box::pin(RequestBytes::new(body, handler.stall));
    let mut trace = None;
    let responding = respond(&handler, role, &head, &mut body, &mut trace);
    let replied = catch_panic(responding).await;
    if let Some(sender) = &handler.sender {
        sender.notify();
    }
    // only when needed: a clock that panics must not prevent a good response
    let now = || handler.emulator.account().now();
    let mut exchanged = match replied {
        Ok(Ok(exchanged)) => exchanged,
        Ok(Err(ExchangeError::Source(error))) if error.kind() == io::ErrorKind::InvalidData => {
            let error = ApiError::bad_request("The body is not encoded properly");
            close_after(Response::error(&error).with_date(now())).into()
        }
        // an error makes hyper close the connection
        Ok(Err(broken)) => return Err(end_exchange(broken, &reset)),
        Err(panic) => {
            let reason = panic_message(&*panic);
            let path = head.uri.path();
            tracing::error!(method = %head.method, path, reason, "a handler panicked");
            Response::error(&undocumented::panicked())
                .with_date(now())
                .into()
        }
    };
    let status = exchanged.response.status;
    tracing::info!(
        method = %head.method,
        // without the query, which may hold a token
        path = head.uri.path(),
        status = status.as_u16(),
        bytes = exchanged.response.payload.len(),
        "answered"
    );
    if status == StatusCode::REQUEST_TIMEOUT {
        // don't wait for the rest of the body
        exchanged.response = close_after(exchanged.response);
    } else if !status.is_success() && has_body(&head) {
        if head.headers.contains_key(EXPECT) {
            // the client may not send the body, so nothing after it would be a request
            exchanged.response = close_after(exchanged.response);
        } else {
            tokio::spawn(drain(body, busy.clone()));
        }
    }
    Ok(into_http(exchanged, reset, busy, trace))
}

/// Answers 503 on a connection beyond the limit, so that the client retries.
pub(super) fn reject(
    handler: &RequestHandler,
    reset: Reset,
    busy: Busy,
) -> http::Response<ResponseBody> {
    let mut response =
        Response::error(&undocumented::full()).with_date(handler.emulator.account().now());
    let soon = HeaderValue::from_static("1");
    response.headers.insert(RETRY_AFTER, soon);
    into_http(close_after(response).into(), reset, busy, None)
}

/// Closes the connection after the response.
fn close_after(mut response: Response) -> Response {
    let close = HeaderValue::from_static("close");
    response.headers.insert(CONNECTION, close);
    response
}

async fn respond(
    handler: &RequestHandler,
    role: Role,
    head: &Parts,
    body: &mut BodyStream,
    trace: &mut Option<Trace>,
) -> Result<Exchanged, ExchangeError> {
    let is_control = head.uri.path().starts_with(control::PATH);
    if let Some(control) = handler.control.as_ref().filter(|_| is_control) {
        if !handler.hosts.allows_control(head) {
            return Ok(Response::error(&undocumented::other_host()).into());
        }
        return match control.answer(head, body).await {
            Ok(Answer::Response(response)) => Ok(response.into()),
            Ok(Answer::Forward(head)) => call(handler, Role::of(&head), &head, body, trace).await,
            Err(error) => Err(ExchangeError::Source(error)),
        };
    }
    call(handler, role, head, body, trace).await
}

/// Answers a request to B2.
async fn call(
    handler: &RequestHandler,
    role: Role,
    head: &Parts,
    body: &mut BodyStream,
    trace: &mut Option<Trace>,
) -> Result<Exchanged, ExchangeError> {
    if let Some(log) = &handler.log {
        *trace = Some(Trace::begin(log, head, handler.emulator.account().now()));
    }
    if !handler.hosts.allows_b2(head) {
        return Ok(Response::error(&undocumented::other_host())
            .with_date(handler.emulator.account().now())
            .into());
    }
    let origin = handler.hosts.origin(head, &handler.url);
    let mut origins = Origins::same(&origin);
    if let Some(ports) = handler.ports {
        origins = ports.origins(&origin, role);
        if !role.accepts(head) {
            let wanted = Role::of(head);
            let error = undocumented::other_origin(wanted.origin(&origins));
            return Ok(Response::error(&error)
                .with_date(handler.emulator.account().now())
                .into());
        }
    }
    match exchange(
        handler.emulator.account(),
        &origins,
        head,
        body,
        &handler.hash_pool,
        trace,
    )
    .await
    {
        Err(ExchangeError::Source(error)) if error.kind() == io::ErrorKind::TimedOut => {
            Ok(Response::error(&ApiError::request_timeout())
                .with_date(handler.emulator.account().now())
                .into())
        }
        other => other,
    }
}

/// Ends an exchange without a response.
fn end_exchange(broken: ExchangeError, reset: &Reset) -> io::Error {
    match broken {
        ExchangeError::Source(error) => error,
        ExchangeError::Disconnected(kind, _) => {
            if kind == HttpErrorKind::Reset {
                reset.ask();
            }
            io::ErrorKind::ConnectionReset.into()
        }
    }
}

/// Catches a panic, so that one request does not take others down. The emulator's locks tolerate
/// poisoning.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason was given")
}

/// Whether a request has a body.
fn has_body(head: &Parts) -> bool {
    head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING)
}

async fn drain(mut body: BodyStream, _busy: Busy) {
    let mut left = MAX_DRAINED;
    while let Some(Ok(chunk)) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 {
            return;
        }
    }
}

fn into_http(
    exchanged: Exchanged,
    reset: Reset,
    busy: Busy,
    mut trace: Option<Trace>,
) -> http::Response<ResponseBody> {
    if let Some(trace) = &mut trace {
        trace.answered(&exchanged.response);
    }
    let Response {
        status,
        headers,
        payload,
    } = exchanged.response;
    let body = ResponseStream::new(payload, exchanged.body_fault);
    let mut response = http::Response::new(ResponseBody::new(body, reset, busy, trace));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
