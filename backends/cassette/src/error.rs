//! [`CassetteError`]: why a recording could not be read or written.

use std::borrow::Cow;
use std::io;

/// Why a recording could not be read or written.
///
/// The message gives the recording, the line and the reason. It never quotes the recording, which may hold secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The file could not be read or written.
    #[error("the recording {file} could not be {action}")]
    Io {
        /// The recording.
        file: String,
        /// `read` or `written`.
        action: &'static str,
        /// The error of the operating system.
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
    /// The recording has a version that this crate doesn't know.
    #[error("the recording {file} has an unknown format version; this crate reads version 1")]
    UnknownVersion {
        /// The recording.
        file: String,
    },
    /// The file is not a valid recording.
    #[error("{file}:{line}: {reason}")]
    Malformed {
        /// The recording.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The reason.
        reason: Cow<'static, str>,
    },
    /// The recording would have contained a secret. Nothing was written.
    #[error(
        "the recording {file} was not written: {place} still contains the secret named {secret}"
    )]
    Secret {
        /// The recording.
        file: String,
        /// Where it was found, such as "the URL of request 3".
        place: String,
        /// The placeholder of the secret.
        secret: String,
    },
}

/// Why a text is not a recording, and on which line. It becomes a [`CassetteError`] when the file's name is added.
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

    pub(crate) fn in_file(self, file: &str) -> CassetteError {
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
