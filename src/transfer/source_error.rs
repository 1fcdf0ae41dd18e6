//! Errors of sources that can't be read or have changed.

use std::fmt;
use std::io;

use crate::error::{Error, ErrorKind};

/// The message for a source that changed after it was hashed.
pub(crate) const CHANGED_SINCE_HASHED: &str = "the source was changed after it was hashed";

/// The error for a source that has changed.
#[derive(Debug)]
struct SourceChanged(&'static str);

impl fmt::Display for SourceChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SourceChanged {}

/// The error for a source that has changed.
pub(crate) fn changed(how: &'static str) -> io::Error {
    io::Error::other(SourceChanged(how))
}

/// Whether the cause is a [changed] source, provided the HTTP library preserves the cause.
pub(crate) fn is_changed(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        let inner = error.downcast_ref().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<SourceChanged>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The error for a source that can't be read.
pub(crate) fn unreadable(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, what).with_source(error)
}
