use std::error::Error as StdError;
use std::io;
use std::iter::successors;

use crate::error::HttpErrorKind;

/// The first error of this type in `error` and its chain of sources.
pub fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    successors(Some(error), |error| source(*error)).find_map(|error| error.downcast_ref())
}

/// Whether `error` or one of its sources says that this computer has no file descriptors, buffers or ports left.
pub fn is_exhaustion(error: &(dyn StdError + 'static)) -> bool {
    successors(Some(error), |error| source(*error))
        .filter_map(|error| error.downcast_ref())
        .any(|io| HttpErrorKind::of_io(io) == HttpErrorKind::Exhausted)
}

/// The source of an error. For an `io::Error` it is the wrapped error, which `source` would skip.
fn source<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HttpError;

    #[test]
    fn an_error_is_found_inside_io_errors() {
        let inner = io::Error::new(io::ErrorKind::InvalidData, HttpError::invalid("this"));
        let outer = io::Error::other(inner);
        let found = find::<HttpError>(&outer).map(HttpError::kind);
        assert_eq!(found, Some(HttpErrorKind::Invalid));
        assert!(find::<std::fmt::Error>(&outer).is_none());
    }

    #[test]
    fn exhaustion_is_found_inside_other_io_errors() {
        let full = io::Error::from(io::ErrorKind::AddrNotAvailable);
        assert!(is_exhaustion(&io::Error::other(io::Error::other(full))));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(!is_exhaustion(&io::Error::other(refused)));
    }
}
