//! [`Error`]: why a call or a transfer failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::{HttpError, HttpErrorKind, Phase};
use http::uri::Authority;

type BoxError = Box<dyn StdError + Send + Sync>;
type SharedError = Arc<dyn StdError + Send + Sync>;

/// Why a call failed.
///
/// [`kind`](Self::kind) says what a program can do about it, [`b2`](Self::b2) B2's response,
/// [`call`](Self::call) which call failed, [`is_retryable`](Self::is_retryable) whether to try
/// again later, and [`may_have_taken_effect`](Self::may_have_taken_effect) whether B2 may have
/// carried out the call despite the error. `Display` prints the error itself, at most a screenful
/// and never a secret; `{error:#}` adds its sources on one line. The wording and the types of the
/// sources are not part of the API.
///
/// ```
/// # use b2kit::backend::emulator::Emulator;
/// # use b2kit::{Client, Credentials, types::BucketType};
/// # futures::executor::block_on(async {
/// # let emulator = Emulator::new();
/// # let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
/// # let b2 = Client::builder().credentials(credentials).endpoint(emulator.url()).backend(emulator).build()?;
/// match b2.bucket("holiday-photos").await {
///     Ok(bucket) => println!("{}", bucket.id()),
///     Err(error) if error.is_not_found() => println!("there is no such bucket"),
///     Err(error) if error.is_unauthorized() => println!("use another key: {error}"),
///     Err(error) if error.is_retryable() => println!("try again later: {error:#}"),
///     Err(error) => return Err(error),
/// }
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    call: Option<&'static str>,
    what: String,
    b2: Option<B2Error>,
    file: Option<Box<str>>,
    non_b2: Option<NonB2Response>,
    /// The earlier responses that belonged to another request.
    earlier: Vec<String>,
    part: Option<u16>,
    attempts: u32,
    elapsed: Duration,
    effect: bool,
    retry_after: Option<Duration>,
    retry_stop_reason: Option<RetryStopReason>,
    source: Option<SharedError>,
}

/// Why the client stopped retrying a transient error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryStopReason {
    /// The attempts and the time that the policy allows are used up.
    Attempts,
    /// The next attempt would have come after the deadline, or B2's `Retry-After` is longer than
    /// the policy accepts.
    Deadline,
    /// The retry quota, which all calls of a client share, is exhausted: hardly any call succeeds.
    RetryQuotaExhausted,
    /// The body is a non-replayable stream that has been read already.
    BodyNotReplayable,
    /// No server has ever responded to this client, and none could be connected to, or connections
    /// were made and stayed silent until their attempts were used up: see
    /// [`RetryPolicy::first_connection_timeout`](crate::RetryPolicy::first_connection_timeout).
    NeverConnected,
}

/// The kind of an [`Error`], by what a program can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value breaks one of B2's rules, or the client is not configured for the call: an invalid
    /// name, a mistyped key, a missing environment variable. Nothing was sent: fix the input.
    Invalid,
    /// B2 does not accept the application key: use another key.
    Credentials,
    /// The key may not do this: it lacks a capability, or is restricted to other buckets or names.
    Unauthorized,
    /// There is no such bucket, file, version or unfinished large file.
    NotFound,
    /// What the call would create already exists, or what it would change was changed by somebody
    /// else in the meantime.
    Conflict,
    /// A cap of the account is reached, and its owner can raise it. [`B2Error::code`] says which:
    /// `storage_cap_exceeded`, `transaction_cap_exceeded`, `download_cap_exceeded`, or the older
    /// `cap_exceeded`.
    CapExceeded,
    /// B2 or a proxy asks for fewer requests (429).
    TooManyRequests,
    /// B2 refuses the call for another reason: see [`B2Error::code`].
    Rejected,
    /// B2 or a proxy can't process the request now (408, 5xx): try later.
    Unavailable,
    /// There was no complete response: the network, TLS, a deadline. The source is an
    /// [`HttpError`].
    Http,
    /// The bytes to be sent could not be read, or their number differs from the declared length.
    Source,
    /// Downloaded bytes could not be written: to a local file, its directory, or the program's
    /// writer. The source is the [`io::Error`].
    Destination,
    /// The received bytes are not the ones that were stored or requested: don't use them.
    Integrity,
    /// The response is not one of B2's API: an unknown document, or a proxy's error.
    Protocol,
    /// The client is being shut down. Nothing was sent.
    ShutDown,
    /// A response names an origin that the client doesn't trust with its token. Nothing was sent
    /// there.
    Untrusted,
}

/// B2's error document: its three fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct B2Error {
    /// The HTTP status.
    pub status: u16,
    /// The machine-readable code, such as `bad_request`; empty in the response to a `HEAD` request,
    /// which has no document.
    pub code: String,
    /// The message for people; may be empty. Secrets in it are redacted.
    pub message: String,
}

/// An error response that is not B2's: a proxy's, a load balancer's, a captive portal's. It says
/// nothing about what B2 has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NonB2Response {
    /// The HTTP status.
    pub status: u16,
    /// The header `Server`, which often tells who sent the response.
    pub server: Option<String>,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The first 200 bytes of the body, with secrets redacted.
    pub body_start: String,
}

/// The maximum length of each text in bytes, before and after redaction.
const MAX_RAW_TEXT: usize = 4 << 10;
const LONGEST: usize = 1_000;
const MAX_BODY_START: usize = 200;
const MAX_HEADER: usize = 100;

impl Error {
    /// An error of this kind, for programs that implement [`Call`](crate::api::Call) or wrap the
    /// client. `what` must not have secrets in it; it is cut after 4 KiB.
    #[must_use]
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let mut what = what.into();
        cut(&mut what, MAX_RAW_TEXT);
        Self(Box::new(Inner {
            kind,
            call: None,
            what,
            b2: None,
            file: None,
            non_b2: None,
            earlier: Vec::new(),
            part: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            effect: false,
            retry_after: None,
            retry_stop_reason: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, what)
    }

    pub(crate) fn http(error: HttpError) -> Self {
        let kind = match error.kind() {
            HttpErrorKind::Source => ErrorKind::Source,
            HttpErrorKind::Invalid | HttpErrorKind::NoMatch => ErrorKind::Invalid,
            HttpErrorKind::TooLarge => ErrorKind::Protocol,
            _ => ErrorKind::Http,
        };
        let what = error.to_string();
        // A body that failed was not sent completely, and an invalid request was not sent at all.
        let whole = !matches!(kind, ErrorKind::Source | ErrorKind::Invalid);
        let reached = whole && error.phase() > Phase::NotSent;
        Self::new(kind, what)
            .with_effect(reached)
            .with_source(error)
    }

    /// Received bytes could not be written.
    pub(crate) fn destination(what: impl Into<String>, error: io::Error) -> Self {
        Self::new(ErrorKind::Destination, what).with_source(error)
    }

    /// An error that B2 itself reports.
    pub(crate) fn from_b2(mut b2: B2Error) -> Self {
        let mut error = Self::new(b2.kind(), "");
        // After 408 and any 5xx except 503, the server may have carried out the request.
        error.0.effect = matches!(b2.status, 408 | 500..=502 | 504..);
        cut(&mut b2.message, MAX_RAW_TEXT);
        error.0.b2 = Some(b2);
        error
    }

    /// An error reported by an intermediary, which can't know what B2 has done.
    pub(crate) fn from_non_b2(response: NonB2Response) -> Self {
        let kind = match response.status {
            429 => ErrorKind::TooManyRequests,
            408 | 500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Protocol,
        };
        let mut error = Self::new(kind, "").with_effect(true);
        error.0.non_b2 = Some(response);
        error
    }

    /// Masks secrets in all texts but B2's codes, and cuts the texts to a readable length. A file's name
    /// may come from a server.
    pub(crate) fn redacted(
        mut self,
        mask: impl Fn(&str) -> String,
        mask_name: impl Fn(&str) -> String,
    ) -> Self {
        let redacted = |text: &mut String, most| {
            if !text.is_empty() {
                *text = mask(text);
                cut(text, most);
            }
        };
        let inner = &mut *self.0;
        redacted(&mut inner.what, LONGEST);
        if let Some(file) = &mut inner.file {
            *file = mask_name(file).into();
        }
        inner
            .earlier
            .iter_mut()
            .for_each(|text| redacted(text, LONGEST));
        if let Some(b2) = &mut inner.b2 {
            redacted(&mut b2.message, LONGEST);
        }
        if let Some(response) = &mut inner.non_b2 {
            let headers = [&mut response.server, &mut response.content_type];
            headers
                .into_iter()
                .flatten()
                .for_each(|text| redacted(text, MAX_HEADER));
            redacted(&mut response.body_start, MAX_BODY_START);
        }
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    pub(crate) fn with_effect(mut self, effect: bool) -> Self {
        self.0.effect = effect;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_retry_after(mut self, wish: Option<Duration>) -> Self {
        self.0.retry_after = wish;
        self
    }

    pub(crate) fn with_retry_stop_reason(mut self, why: Option<RetryStopReason>) -> Self {
        self.0.retry_stop_reason = why;
        self
    }

    /// Adds the file that the error is about, unless one is set.
    pub(crate) fn about(mut self, file: &str) -> Self {
        self.0.file.get_or_insert_with(|| file.into());
        self
    }

    /// Replaces the file that the error is about.
    pub(crate) fn about_instead(mut self, file: &str) -> Self {
        self.0.file = Some(file.into());
        self
    }

    /// Prepends a note to the message.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.0.what = format!("{note:?}: {}", self.0.what);
        cut(&mut self.0.what, MAX_RAW_TEXT);
        self
    }

    /// Adds the responses to earlier attempts.
    pub(crate) fn with_earlier(mut self, earlier: Vec<String>) -> Self {
        self.0.earlier = earlier;
        self
    }

    /// Adds the host that did not respond completely.
    pub(crate) fn at_host(mut self, host: Option<&Authority>) -> Self {
        if let (ErrorKind::Http, Some(host)) = (self.0.kind, host) {
            self.0.what = format!("{host}: {}", self.0.what);
        }
        self
    }

    /// The message, without the call.
    pub(crate) fn what(&self) -> &str {
        &self.0.what
    }

    /// Adds an explanation to B2's error.
    pub(crate) fn with_hint(mut self, hint: String) -> Self {
        self.0.what = hint;
        self
    }

    /// Adds the part of the large file that the error is about.
    pub(crate) fn with_part(mut self, number: u16) -> Self {
        self.0.part = Some(number);
        self
    }

    /// Adds the call, unless one is set: the innermost call that failed keeps its name and count.
    pub(crate) fn in_call(mut self, call: &'static str, attempts: u32, elapsed: Duration) -> Self {
        if self.0.call.is_none() {
            self.0.call = Some(call);
            self.0.attempts = attempts;
            self.0.elapsed = elapsed;
        }
        self
    }

    /// Sets the totals over all calls that were made for the same bytes.
    pub(crate) fn in_all(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.0.attempts = attempts;
        self.0.elapsed = elapsed;
        self
    }

    /// The kind of error, which tells what a program can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the bucket, file or version of the call does not exist: [`ErrorKind::NotFound`].
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// Whether the application key is the reason: B2 does not accept it
    /// ([`ErrorKind::Credentials`]), or it may not do this ([`ErrorKind::Unauthorized`]).
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Credentials | ErrorKind::Unauthorized
        )
    }

    /// Whether the whole operation can safely be repeated later, after a minute or more: the server
    /// or the network could not carry it out now, and repeating what was already done does no harm.
    ///
    /// The client has retried it already, as its [`RetryPolicy`](crate::RetryPolicy) says. Never
    /// `true` if B2 [may have carried it out](Self::may_have_taken_effect): then a program has to
    /// check first. Wait for at least [`retry_after`](Self::retry_after), if it is set.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let transient = match self.0.kind {
            ErrorKind::TooManyRequests | ErrorKind::Unavailable => true,
            // A rejected certificate, or a library that can't start, will not recover.
            ErrorKind::Http => self.http_error().is_some_and(|error| {
                let unsent = error.phase() == Phase::NotSent;
                error.kind() != HttpErrorKind::Tls
                    && !(unsent && error.kind() == HttpErrorKind::Other)
            }),
            _ => false,
        };
        transient && !self.0.effect
    }

    /// B2's error document, if B2 responded with one.
    #[must_use]
    pub fn b2(&self) -> Option<&B2Error> {
        self.0.b2.as_ref()
    }

    /// The error response, if it is not B2's.
    #[must_use]
    pub fn non_b2_response(&self) -> Option<&NonB2Response> {
        self.0.non_b2.as_ref()
    }

    /// The HTTP status of the error response, B2's or not.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let b2 = self.0.b2.as_ref().map(|b2| b2.status);
        b2.or_else(|| self.0.non_b2.as_ref().map(|response| response.status))
    }

    /// B2's name for the call that failed, such as `b2_list_buckets`.
    #[must_use]
    pub fn call(&self) -> Option<&'static str> {
        self.0.call
    }

    /// The name of the file that the error is about, or its id if only that is known.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    /// The number of the part of a large file that the error is about.
    #[must_use]
    pub fn part(&self) -> Option<u16> {
        self.0.part
    }

    /// The number of requests made for the call; 0 if it failed before the first.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The duration of the call, including pauses between attempts.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// The pause that B2 asks for before another attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why the client stopped retrying; `None` if the error is not transient.
    #[must_use]
    pub fn retry_stop_reason(&self) -> Option<RetryStopReason> {
        self.0.retry_stop_reason
    }

    /// Whether B2 may have carried out the call although the response is an error or was lost.
    /// `false` for calls that change nothing.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        self.0.effect
    }

    /// The backend's error, if that is the cause.
    #[must_use]
    pub fn http_error(&self) -> Option<&HttpError> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

/// For arguments that are already checked, such as a file name, whose conversion can't fail.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// An [`io::Error`] of the closest kind that contains the error itself, for `downcast`. Errors of a
/// disk or a source keep their own kind.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Invalid => io::ErrorKind::InvalidInput,
            ErrorKind::Credentials | ErrorKind::Unauthorized | ErrorKind::Untrusted => {
                io::ErrorKind::PermissionDenied
            }
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Conflict => io::ErrorKind::AlreadyExists,
            ErrorKind::CapExceeded => io::ErrorKind::QuotaExceeded,
            ErrorKind::TooManyRequests => io::ErrorKind::ResourceBusy,
            ErrorKind::Integrity | ErrorKind::Protocol => io::ErrorKind::InvalidData,
            ErrorKind::Http => error.http_error().map_or(io::ErrorKind::Other, of_http),
            ErrorKind::Source | ErrorKind::Destination => of_io(&error),
            ErrorKind::Rejected | ErrorKind::Unavailable | ErrorKind::ShutDown => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, error)
    }
}

fn of_http(error: &HttpError) -> io::ErrorKind {
    match error.kind() {
        HttpErrorKind::Timeout | HttpErrorKind::Stalled => io::ErrorKind::TimedOut,
        HttpErrorKind::Reset => io::ErrorKind::ConnectionReset,
        HttpErrorKind::Closed => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    }
}

/// The kind of the first `io::Error` among the sources.
fn of_io(error: &Error) -> io::ErrorKind {
    let mut beneath = error.source();
    while let Some(error) = beneath {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind();
        }
        beneath = error.source();
    }
    io::ErrorKind::Other
}

impl B2Error {
    fn kind(&self) -> ErrorKind {
        match (self.status, self.code.as_str()) {
            (400 | 404, "file_not_present" | "no_such_file" | "bad_bucket_id" | "not_found")
            | (404, _) => ErrorKind::NotFound,
            (400, "duplicate_bucket_name" | "already_hidden") | (409, _) => ErrorKind::Conflict,
            (401, _) => ErrorKind::Unauthorized,
            (403, code) if code.ends_with("cap_exceeded") => ErrorKind::CapExceeded,
            (403, "access_denied") => ErrorKind::Unauthorized,
            (429, _) => ErrorKind::TooManyRequests,
            (408 | 500.., _) => ErrorKind::Unavailable,
            (400..=499, _) => ErrorKind::Rejected,
            _ => ErrorKind::Protocol,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            call,
            what,
            b2,
            non_b2,
            earlier,
            file,
            part,
            attempts,
            retry_stop_reason,
            ..
        } = &*self.0;
        if let Some(call) = call {
            write!(f, "{call}: ")?;
        }
        if let Some(file) = file {
            write!(f, "{}: ", Quoted(file))?;
        }
        if let Some(part) = part {
            write!(f, "part {part}: ")?;
        }
        match (b2, non_b2) {
            (Some(b2), _) if what.is_empty() => b2.fmt(f)?,
            (Some(b2), _) => write!(f, "{b2} ({what})")?,
            (None, Some(response)) => response.fmt(f)?,
            (None, None) => f.write_str(what)?,
        }
        if !earlier.is_empty() {
            write!(f, " ({})", earlier.join("; "))?;
        }
        match retry_stop_reason {
            // Not for a single attempt, where it would add nothing.
            Some(RetryStopReason::Attempts) if *attempts > 1 => write!(
                f,
                " (after {attempts} \
                attempts)"
            )?,
            Some(RetryStopReason::Deadline) => {
                f.write_str(" (no time was left for another attempt)")?
            }
            Some(RetryStopReason::RetryQuotaExhausted) => {
                f.write_str(" (the retry quota is exhausted, since many calls are failing)")?
            }
            Some(RetryStopReason::BodyNotReplayable) => {
                f.write_str(" (the stream can't be read again for another attempt)")?
            }
            Some(RetryStopReason::NeverConnected) => f.write_str(
                " (no server has responded to this client yet; check the address and the network)",
            )?,
            Some(RetryStopReason::Attempts) | None => {}
        }
        if f.alternate() {
            let mut source = self.source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Display for B2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B2 answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code.escape_debug())?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.escape_debug())?;
        }
        Ok(())
    }
}

impl fmt::Display for NonB2Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an intermediary, not B2, answered {}", self.status)?;
        let headers = [
            ("server", &self.server),
            ("content type", &self.content_type),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                write!(f, ", {name} {value:?}")?;
            }
        }
        match self.body_start.is_empty() {
            true => f.write_str(", without a body"),
            false => write!(f, ", body {:?}", self.body_start),
        }
    }
}

/// Truncates a text to at most `most` bytes.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let mut end = most - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            call,
            what,
            b2,
            non_b2,
            earlier,
            file,
            part,
            attempts,
            elapsed,
            effect,
            retry_after,
            retry_stop_reason,
            source,
        } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("call", call)
            .field("what", what)
            .field("b2", b2)
            .field("file", file)
            .field("non_b2_response", non_b2)
            .field("earlier", earlier)
            .field("part", part)
            .field("attempts", attempts)
            .field("elapsed", elapsed)
            .field("may_have_taken_effect", effect)
            .field("retry_after", retry_after)
            .field("retry_stop_reason", retry_stop_reason)
            .field("source", source)
            .finish()
    }
}

impl StdError for Error {
    /// The cause. The message of an [`HttpError`] is part of this error's, so its own source follows
    /// here; the error itself is [`http_error`](Error::http_error).
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Some(error) = self.http_error() {
            return error.source();
        }
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// A text in an error message: quoted, escaped and cut to 40 characters.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short: String = self.0.chars().take(40).collect();
        let more = if short.len() < self.0.len() {
            "…"
        } else {
            ""
        };
        write!(f, "{short:?}{more}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_has_the_kind_and_the_error_itself() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let stalled = HttpError::new(HttpErrorKind::Stalled, Phase::ResponseBegun);
        for (error, kind) in [
            (Error::invalid("no"), io::ErrorKind::InvalidInput),
            (Error::destination("a", full), io::ErrorKind::StorageFull),
            (Error::http(stalled), io::ErrorKind::TimedOut),
            (
                Error::new(ErrorKind::NotFound, "no"),
                io::ErrorKind::NotFound,
            ),
        ] {
            let (told, of) = (error.to_string(), error.kind());
            let error = io::Error::from(error);
            assert_eq!((error.kind(), error.to_string()), (kind, told));
            assert_eq!(error.downcast::<Error>().unwrap().kind(), of);
        }
    }

    #[test]
    fn only_transient_errors_without_effect_are_retryable() {
        let b2 = |status, code: &str| {
            Error::from_b2(B2Error {
                status,
                code: code.to_owned(),
                message: String::new(),
            })
        };
        let http = |kind, phase| Error::http(HttpError::new(kind, phase));
        for (error, is_retryable) in [
            (b2(429, "too_many_requests"), true),
            (b2(503, "service_unavailable"), true),
            (b2(503, "service_unavailable").with_effect(true), false),
            (b2(500, "internal_error"), false),
            (b2(500, "internal_error").with_effect(false), true),
            (b2(404, "not_found"), false),
            (b2(401, "unauthorized"), false),
            (b2(403, "storage_cap_exceeded"), false),
            (http(HttpErrorKind::Connect, Phase::NotSent), true),
            (http(HttpErrorKind::Tls, Phase::NotSent), false),
            (http(HttpErrorKind::Other, Phase::NotSent), false),
            (http(HttpErrorKind::Reset, Phase::MaybeReceived), false),
            (http(HttpErrorKind::Source, Phase::MaybeReceived), false),
            (Error::invalid("x"), false),
            (Error::new(ErrorKind::Integrity, "x"), false),
        ] {
            assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
            assert!(!(error.is_retryable() && error.may_have_taken_effect()));
        }
        assert!(b2(404, "not_found").is_not_found());
        assert!(b2(401, "unauthorized").is_unauthorized());
        assert!(Error::new(ErrorKind::Credentials, "x").is_unauthorized());
        assert!(!b2(503, "").is_not_found() && !b2(503, "").is_unauthorized());
    }

    #[test]
    fn long_texts_in_errors_are_cut() {
        let long = "é\u{1b}".repeat(20_000);
        let b2 = B2Error {
            status: 400,
            code: "bad_request".to_owned(),
            message: long.clone(),
        };
        let response = NonB2Response {
            status: 403,
            server: Some(long.clone()),
            content_type: Some(long.clone()),
            body_start: long.clone(),
        };
        let errors = [
            Error::new(ErrorKind::Protocol, long.clone()),
            Error::new(ErrorKind::Protocol, "x").with_note(&long),
            Error::from_b2(b2).with_earlier(vec![long; 3]),
            Error::from_non_b2(response),
        ];
        for error in errors {
            let error = error.redacted(str::to_owned, str::to_owned);
            assert!(
                error.to_string().len() < 16_000,
                "{}",
                error.to_string().len()
            );
        }
    }

    #[test]
    fn redaction_masks_every_text_but_the_code() {
        let b2 = B2Error {
            status: 400,
            code: "secret".to_owned(),
            message: "secret".to_owned(),
        };
        let response = NonB2Response {
            status: 403,
            server: Some("secret".to_owned()),
            content_type: Some("secret".to_owned()),
            body_start: "<p>secret".to_owned(),
        };
        let mask = |text: &str| text.replace("secret", "***");
        let error = Error::from_b2(b2).with_hint("secret".to_owned());
        let error = error
            .with_earlier(vec!["secret".to_owned()])
            .redacted(mask, str::to_owned);
        assert_eq!(error.to_string(), "B2 answered 400 secret: *** (***) (***)");
        let error = Error::from_non_b2(response).redacted(mask, str::to_owned);
        assert_eq!(
            error.to_string(),
            "an intermediary, not B2, answered 403, server \"***\", content type \
             \"***\", body \"<p>***\""
        );
    }
}
