//! Telemetry through `tracing`: a span for each call, and events for its attempts.

use std::fmt;
use std::time::Duration;

use tracing::field::{DisplayValue, display};
use tracing::{Span, debug, debug_span, warn};

use super::redaction::Redactor;
use super::retry::classifier;
use crate::api::{CallKind, Subject};
use crate::error::Error;
use crate::types::{BucketName, Quoted};

/// The bucket and file that all calls of a transfer are about.
#[derive(Debug)]
pub(super) struct TransferLabel {
    bucket: Option<BucketName>,
    file: Box<str>,
}

/// A call's name, and the bucket, file and part that it is about. Names and ids may come from a
/// server, so spans and events redact them.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLabel<'a> {
    redactor: &'a Redactor,
    call: &'static str,
    bucket: Option<&'a str>,
    file: Option<&'a str>,
    part: Option<u16>,
}

impl TransferLabel {
    pub(super) fn new(bucket: Option<BucketName>, file: &str) -> Self {
        let file = file.into();
        Self { bucket, file }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl<'a> CallLabel<'a> {
    pub(super) fn new(
        redactor: &'a Redactor,
        transfer: Option<&'a TransferLabel>,
        call: &'static str,
        subject: Subject<'a>,
    ) -> Self {
        let of_transfer = Self::of_transfer(redactor, transfer, call);
        Self {
            bucket: of_transfer.bucket.or(subject.bucket),
            file: subject.file.or(of_transfer.file).or(subject.file_id),
            part: subject.part,
            ..of_transfer
        }
    }

    /// The label of a call with the bucket and file of its transfer.
    pub(super) fn of_transfer(
        redactor: &'a Redactor,
        transfer: Option<&'a TransferLabel>,
        call: &'static str,
    ) -> Self {
        Self {
            redactor,
            call,
            bucket: transfer
                .and_then(|transfer| transfer.bucket.as_ref())
                .map(BucketName::as_str),
            file: transfer.map(|transfer| &*transfer.file),
            part: None,
        }
    }

    pub(super) fn span(&self) -> Span {
        let (bucket, file) = (self.shown(self.bucket), self.shown(self.file));
        debug_span!("b2", call = self.call, bucket, file, part = self.part)
    }

    /// Adds the file and part to an error.
    pub(super) fn add_to(&self, error: Error) -> Error {
        let error = match self.file {
            Some(file) => error.about(file),
            None => error,
        };
        match self.part {
            Some(part) if error.part().is_none() => error.with_part(part),
            _ => error,
        }
    }

    /// Logs a failed attempt that is retried. From the second failure on this is a warning, unless
    /// all calls wait together: then there is one warning for all.
    pub(super) fn log_retry(&self, failure: &Error, (attempt, of): (u32, u32), wait: RetryWait) {
        let (status, code) = (failure.status(), self.shown(code(failure)));
        let (bucket, file) = (self.shown(self.bucket), self.shown(self.file));
        let outcome = classifier::classify(failure).name();
        let RetryWait { pause, is_shared } = wait;
        let message = format_args!(
            "{self}: attempt {attempt} of {of} failed ({}); {wait}",
            Reason(self.redactor, failure),
        );
        macro_rules! emit {
            ($level:ident) => {
                $level!(
                    call = self.call,
                    bucket,
                    file,
                    part = self.part,
                    outcome,
                    kind = ?failure.kind(),
                    status,
                    code,
                    attempt,
                    of,
                    ?pause,
                    "{message}"
                )
            };
        }
        if attempt >= 2 && !is_shared {
            emit!(warn);
        } else {
            emit!(debug);
        }
    }

    /// Logs a failed attempt that is not simply retried.
    pub(super) fn log_failure(&self, failure: &Error, attempt: u32, elapsed: Duration) {
        debug!(
            attempt,
            ?elapsed,
            outcome = classifier::classify(failure).name(),
            kind = ?failure.kind(),
            status = failure.status(),
            code = self.shown(code(failure)),
            "attempt failed"
        );
    }

    fn shown<'t>(&self, text: Option<&'t str>) -> Option<DisplayValue<Masked<'t>>>
    where
        'a: 't,
    {
        text.map(|text| display(Masked(self.redactor, text)))
    }
}

/// How long a call waits before its next attempt, and whether all of its kind do.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryWait {
    pub(super) pause: Duration,
    pub(super) is_shared: bool,
}

impl fmt::Display for RetryWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pause.is_zero(), self.is_shared) {
            (false, _) => write!(f, "retrying in {:.1?}", self.pause),
            (true, false) => f.write_str("retrying at once"),
            (true, true) => {
                f.write_str("retrying once the outage has ended, or to probe whether it has")
            }
        }
    }
}

/// Logs a pause of all calls of a kind.
pub(super) fn log_shared_pause(
    redactor: &Redactor,
    kind: CallKind,
    pause: Duration,
    failure: &Error,
) {
    let what = match kind {
        CallKind::Authorize | CallKind::Read | CallKind::Write => "API calls",
        CallKind::Upload => "uploads",
        CallKind::Download => "downloads",
    };
    warn!(
        status = failure.b2().map(|b2| b2.status),
        code = code(failure).map(|code| display(Masked(redactor, code))),
        ?pause,
        "B2 is limiting requests: all {what} wait for {pause:.1?}"
    );
}

/// `b2_upload_part of "cat.jpg" in "holiday-photos", part 3`.
impl fmt::Display for CallLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.call)?;
        if let Some(file) = self.file {
            write!(f, " of {}", Masked(self.redactor, file))?;
        }
        if let Some(bucket) = self.bucket {
            write!(f, " in {}", Masked(self.redactor, bucket))?;
        }
        match self.part {
            Some(part) => write!(f, ", part {part}"),
            None => Ok(()),
        }
    }
}

/// Why an attempt failed, in a few words. B2's own message is left to the error.
struct Reason<'a>(&'a Redactor, &'a Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(redactor, failure) = self;
        match (failure.b2(), failure.http_error()) {
            (Some(b2), _) if b2.code.is_empty() => write!(f, "B2 answered {}", b2.status),
            (Some(b2), _) => {
                write!(
                    f,
                    "B2 answered {} {}",
                    b2.status,
                    Masked(redactor, &b2.code)
                )
            }
            (None, Some(error)) => error.fmt(f),
            (None, None) if let Some(response) = failure.non_b2_response() => {
                write!(f, "an intermediary answered {}", response.status)
            }
            (None, None) => write!(f, "{:?}", failure.kind()),
        }
    }
}

fn code(failure: &Error) -> Option<&str> {
    failure.b2().map(|b2| &*b2.code)
}

/// A text that may come from a server: redacted, then shortened, when a subscriber formats it.
struct Masked<'a>(&'a Redactor, &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(redactor, text) = self;
        Quoted(&redactor.redacted_name(text)).fmt(f)
    }
}
