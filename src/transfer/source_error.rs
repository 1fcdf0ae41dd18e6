//! Errors of sources: bytes that can't be read, and bytes that changed.

use std::fmt;
use std::io;

use crate::error::{Error, ErrorKind};

/// The message for a source whose bytes differ from those that were hashed before.
pub(crate) const CHANGED_SINCE_HASHED: &str = "the source was changed after it was hashed";

/// The source has other bytes than before.
#[derive(Debug)]
struct SourceChanged(&'static str);

impl fmt::Display for SourceChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SourceChanged {}

/// The source has other bytes than before.
pub(crate) fn changed(how: &'static str) -> io::Error {
    io::Error::other(SourceChanged(how))
}

/// Whether the cause is a source that [changed], as far as the HTTP library passed the cause on.
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

/// The source can't be read.
pub(crate) fn unreadable(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, what).with_source(error)
}
