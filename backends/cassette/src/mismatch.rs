//! [`Mismatch`]: a request that matches no recorded one. [`Unplayed`]: recorded requests that were not made.

use std::error::Error as StdError;
use std::fmt;

/// A request that a player has no response to: the source of the request's error.
///
/// Its message shows the request, an equal one that was already played, and the nearest one that was not, with the
/// differences.
/// ```text
/// the recording has no response to this request
///   sent: POST https://example.com/b2_list_file_names {"bucketId":"c","maxFileCount":100}
///   nearest: request 1 (line 2): POST https://example.com/b2_list_file_names {"bucketId":"b","maxFileCount":100}
///     header x-bz-test-mode: recorded "fail_some_uploads", sent nothing
///     body $.bucketId: recorded "b", sent "c"
/// ```
/// Secrets are shown as their placeholders, and the content of files is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub(crate) sent: String,
    pub(crate) reason: MismatchReason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MismatchReason {
    /// The request was recorded, but the body of its response was omitted.
    Omitted { recorded: Summary, length: u64 },
    /// No unplayed request equals it.
    NoMatch {
        /// The last recorded request that equals it and was already played.
        played: Option<Summary>,
        nearest: Option<(Summary, Vec<Difference>)>,
    },
}

/// A recorded request in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Its number in the recording, counted from 1.
    pub number: usize,
    /// The line on which it starts; 0 if the recording was made in code.
    pub line: usize,
    /// Method, URL and a summary of the body, in one line, with secrets masked.
    pub request: String,
}

/// One difference between two requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    place: String,
    recorded: Option<String>,
    sent: Option<String>,
}

impl Difference {
    pub(crate) fn new(
        place: impl Into<String>,
        recorded: Option<String>,
        sent: Option<String>,
    ) -> Self {
        Self {
            place: place.into(),
            recorded,
            sent,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        let (recorded, sent) = (shown(&self.recorded), shown(&self.sent));
        write!(f, "{}: recorded {recorded}, sent {sent}", self.place)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            line,
            request,
        } = self;
        match line {
            0 => write!(f, "request {number}: {request}"),
            line => write!(f, "request {number} (line {line}): {request}"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            MismatchReason::Omitted { recorded, length } => write!(
                f,
                "the response's body of {length} bytes was omitted from the recording: \
                 it exceeded the limit or could not be redacted\n  {recorded}"
            ),
            MismatchReason::NoMatch { played, nearest } => {
                writeln!(f, "the recording has no response to this request")?;
                write!(f, "  sent: {}", self.sent)?;
                if let Some(played) = played {
                    write!(f, "\n  already played: {played}")?;
                }
                let Some((nearest, differences)) = nearest else {
                    return write!(f, "\n  all recorded requests were played");
                };
                write!(f, "\n  nearest: {nearest}")?;
                for difference in differences.iter().take(MAX_DIFFERENCES) {
                    write!(f, "\n    {difference}")?;
                }
                match differences.len().saturating_sub(MAX_DIFFERENCES) {
                    0 => Ok(()),
                    more => write!(f, "\n    and {more} more"),
                }
            }
        }
    }
}

impl StdError for Mismatch {}

/// The recorded requests that were not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplayed {
    pub(crate) requests: Vec<Summary>,
}

impl Unplayed {
    /// The requests that were not played, in the recording's order. There is at least one.
    #[must_use]
    pub fn requests(&self) -> &[Summary] {
        &self.requests
    }
}

impl fmt::Display for Unplayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} recorded requests were not played",
            self.requests.len()
        )?;
        self.requests
            .iter()
            .try_for_each(|request| write!(f, "\n  {request}"))
    }
}

impl StdError for Unplayed {}

const MAX_DIFFERENCES: usize = 20;

/// The text in quotes, shortened, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text, 120))
}

/// The text, cut off after `limit` characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
