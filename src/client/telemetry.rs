//! Telemetry through `tracing`: a span for each call, and events for its attempts.

use std::fmt;
use std::time::Duration;

use tracing::field::{DisplayValue, display};
use tracing::{Span, debug, debug_span, warn};

use super::retry::classifier;
use crate::api::{Call, CallKind};
use crate::error::Error;
use crate::types::{BucketName, Quoted};

/// What all calls of a transfer are about.
#[derive(Debug)]
pub(super) struct TransferLabel {
    bucket: Option<BucketName>,
    file: Box<str>,
}

/// A call's name, and what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLabel<'a> {
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
}

impl<'a> CallLabel<'a> {
    pub(super) fn new<C: Call>(transfer: Option<&'a TransferLabel>, call: &'a C) -> Self {
        let (of_transfer, subject) = (
            Self::of_transfer(transfer, C::METADATA.name),
            call.subject(),
        );
        Self {
            bucket: of_transfer.bucket.or(subject.bucket),
            file: subject.file.or(of_transfer.file).or(subject.file_id),
            part: subject.part,
            ..of_transfer
        }
    }

    /// The label of a call that is about what its transfer is about.
    pub(super) fn of_transfer(transfer: Option<&'a TransferLabel>, call: &'static str) -> Self {
        Self {
            call,
            bucket: transfer
                .and_then(|transfer| transfer.bucket.as_ref())
                .map(BucketName::as_str),
            file: transfer.map(|transfer| &*transfer.file),
            part: None,
        }
    }

    pub(super) fn span(&self) -> Span {
        let (bucket, file) = (quoted(self.bucket), quoted(self.file));
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

    /// An attempt failed and another follows. From the second failure on this is a warning, unless
    /// all calls wait together: then there is one warning for all.
    pub(super) fn log_retry(&self, failure: &Error, (attempt, of): (u32, u32), wait: RetryWait) {
        let b2 = failure.b2();
        let (status, code) = (failure.status(), b2.map(|b2| display(Quoted(&b2.code))));
        let (bucket, file) = (quoted(self.bucket), quoted(self.file));
        let outcome = classifier::classify(failure).name();
        let RetryWait { pause, is_shared } = wait;
        let message = format_args!(
            "{self}: attempt {attempt} of {of} failed ({}); {wait}",
            Reason(failure),
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

    /// An attempt failed, and something else than another attempt follows.
    pub(super) fn log_failure(&self, failure: &Error, attempt: u32, elapsed: Duration) {
        let b2 = failure.b2();
        debug!(
            attempt,
            ?elapsed,
            outcome = classifier::classify(failure).name(),
            kind = ?failure.kind(),
            status = failure.status(),
            code = b2.map(|b2| display(Quoted(&b2.code))),
            "an attempt failed"
        );
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
                f.write_str("retrying when the outage is over, or to see whether it is")
            }
        }
    }
}

/// All calls of a kind are paused.
pub(super) fn log_shared_pause(kind: CallKind, pause: Duration, failure: &Error) {
    let what = match kind {
        CallKind::Authorize | CallKind::Read | CallKind::Write => "calls of the API",
        CallKind::Upload => "uploads",
        CallKind::Download => "downloads",
    };
    let b2 = failure.b2();
    warn!(
        status = b2.map(|b2| b2.status),
        code = b2.map(|b2| display(Quoted(&b2.code))),
        ?pause,
        "B2 asks for fewer requests: all {what} wait for {pause:.1?}"
    );
}

/// `b2_upload_part of "cat.jpg" in "holiday-photos", part 3`.
impl fmt::Display for CallLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.call)?;
        if let Some(file) = self.file {
            write!(f, " of {}", Quoted(file))?;
        }
        if let Some(bucket) = self.bucket {
            write!(f, " in {}", Quoted(bucket))?;
        }
        match self.part {
            Some(part) => write!(f, ", part {part}"),
            None => Ok(()),
        }
    }
}

/// Why an attempt failed, in few words and none of B2's own: those are in the error.
struct Reason<'a>(&'a Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.b2(), self.0.http_error()) {
            (Some(b2), _) if b2.code.is_empty() => write!(f, "B2 answered {}", b2.status),
            (Some(b2), _) => write!(f, "B2 answered {} {}", b2.status, Quoted(&b2.code)),
            (None, Some(error)) => error.fmt(f),
            (None, None) if let Some(response) = self.0.non_b2_response() => {
                write!(f, "somebody else answered {}", response.status)
            }
            (None, None) => write!(f, "{:?}", self.0.kind()),
        }
    }
}

fn quoted(text: Option<&str>) -> Option<DisplayValue<Quoted<'_>>> {
    text.map(|text| display(Quoted(text)))
}
