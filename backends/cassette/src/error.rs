//! [`CassetteError`]: why a recording could not be read or written.

use std::borrow::Cow;
use std::io;

/// MismatchReason a recording could not be read or written.
///
/// The text names the recording, the line and the reason. It never repeats what stands in the recording, since that
/// may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The file could not be read or written.
    #[error("the recording {file} could not be {action}")]
    Io {
        /// The recording.
        file: String,
        /// What was tried: "read" or "written".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than the limit.
    #[error("the recording {file} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The recording.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The recording was made by a later version of this crate, or by something else.
    #[error("the recording {file} is of a version that is not known here; version 1 is")]
    UnknownVersion {
        /// The recording.
        file: String,
    },
    /// The file is not a recording, or a broken one.
    #[error("{file}:{line}: {reason}")]
    Malformed {
        /// The recording.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        reason: Cow<'static, str>,
    },
    /// A secret would have been written. Nothing was.
    #[error(
        "the recording {file} was not written: {place} still holds the secret that is called {secret}"
    )]
    Secret {
        /// The recording.
        file: String,
        /// The place, such as "the URL of request 3".
        place: String,
        /// The placeholder that stands for the secret elsewhere.
        secret: String,
    },
}

/// What is wrong with a text, and where; it becomes a [`CassetteError`] once the file is known.
#[derive(Debug)]
pub(crate) struct ParseError {
    pub(crate) line: usize,
    pub(crate) kind: ParseErrorKind,
}

#[derive(Debug)]
pub(crate) enum ParseErrorKind {
    Malformed(Cow<'static, str>),
    UnknownVersion,
}

impl ParseError {
    pub(crate) fn new(line: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            line,
            kind: ParseErrorKind::Malformed(reason.into()),
        }
    }

    pub(crate) fn within(self, file: &str) -> CassetteError {
        let file = file.to_owned();
        match self.kind {
            ParseErrorKind::Malformed(reason) => CassetteError::Malformed {
                file,
                line: self.line,
                reason,
            },
            ParseErrorKind::UnknownVersion => CassetteError::UnknownVersion { file },
        }
    }
}
