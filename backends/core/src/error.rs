//! [`HttpError`]: why a request failed, and how far it got.

use std::error::Error as StdError;
use std::fmt;
use std::io;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why one HTTP request failed, and how far it got before it did.
///
/// [`kind`](Self::kind) says what happened; [`phase`](Self::phase) says whether the server may have acted on the
/// request, which decides whether it is safe to send it again. A backend that can't tell reports the *later* phase: an
/// unnecessary failure is a nuisance, a duplicate write is damage.
///
/// `Display` prints only this error, and never a URL, header or body; follow [`source`](StdError::source) for the
/// causes. The wording and the types of the sources are not part of the API.
pub struct HttpError {
    kind: HttpErrorKind,
    phase: Phase,
    source: Option<BoxError>,
}

/// The phase of a request when it failed: how far it got. Later phases compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The server received nothing of the request: any request can safely be sent again.
    NotSent,
    /// The server may have received all or part of the request, and may have acted on it.
    MaybeReceived,
    /// The response's head arrived; the failure is in reading its body.
    ResponseBegun,
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The host name could not be resolved. Nothing was sent; a retry may succeed.
    Resolve,
    /// No connection could be made (refused, unreachable, connect timeout). Nothing was sent; a retry may succeed.
    Connect,
    /// This machine has no file descriptor, buffer or port left for another connection (`EMFILE`, `ENFILE`, `ENOBUFS`,
    /// `EADDRNOTAVAIL`). It says nothing about the server. A retry may succeed with fewer requests in flight.
    Exhausted,
    /// The TLS handshake failed: certificate or protocol. Nothing was sent; a retry will not help.
    Tls,
    /// A deadline passed: for the response's head, or for the whole exchange.
    Timeout,
    /// The server made no progress for too long in the middle of a body, in either direction.
    Stalled,
    /// The connection was reset.
    Reset,
    /// The connection ended before the message did.
    Closed,
    /// The response is not HTTP, or contradicts itself (two lengths, a body longer than its length).
    Protocol,
    /// The request's own body failed: its source yielded an error, or fewer or more bytes than its length.
    Source,
    /// The request is invalid (no host, contradicting headers, a URI that this backend would rewrite). Nothing was
    /// sent.
    Invalid,
    /// A backend that replaces a server, such as one that replays a recording, has no response to this request. Nothing
    /// was sent; a retry will not help.
    NoMatch,
    /// The response's body is larger than the caller's limit.
    TooLarge,
    /// Anything else; see the error's source.
    Other,
}

/// Error codes that have no `io::ErrorKind` of their own: no descriptor left in the process, none in the system, no
/// buffer.
const EXHAUSTED: [i32; 3] = if cfg!(windows) {
    // ERROR_TOO_MANY_OPEN_FILES, WSAEMFILE, WSAENOBUFS
    [4, 10_024, 10_055]
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    // EMFILE, ENFILE, ENOBUFS
    [24, 23, 105]
} else {
    [24, 23, 55]
};

impl HttpError {
    /// An error of this kind, for a request that got this far.
    #[must_use]
    pub const fn new(kind: HttpErrorKind, phase: Phase) -> Self {
        Self {
            kind,
            phase,
            source: None,
        }
    }

    /// Sets the source: the library's own error, or a message.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An [`Invalid`](HttpErrorKind::Invalid) request, of which nothing was sent.
    #[must_use]
    pub fn invalid(why: impl Into<BoxError>) -> Self {
        Self::new(HttpErrorKind::Invalid, Phase::NotSent).with_source(why)
    }

    /// An I/O error on a connection that was already made.
    ///
    /// Maps `ConnectionReset`, `ConnectionAborted` and `BrokenPipe` to [`Reset`](HttpErrorKind::Reset), `UnexpectedEof`
    /// to [`Closed`](HttpErrorKind::Closed), `TimedOut` to [`Timeout`](HttpErrorKind::Timeout), `ConnectionRefused` and
    /// the unreachable kinds to [`Connect`](HttpErrorKind::Connect), and codes that mean that no descriptor, buffer or
    /// port is left to [`Exhausted`](HttpErrorKind::Exhausted).
    #[must_use]
    pub fn from_io(phase: Phase, error: io::Error) -> Self {
        Self::new(HttpErrorKind::of_io(&error), phase).with_source(error)
    }

    /// The kind of failure.
    #[must_use]
    pub const fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// The phase of the request: how far it got.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The same error, with the phase raised to at least `phase`. Never lowers it.
    #[must_use]
    pub fn at_least(mut self, phase: Phase) -> Self {
        self.phase = self.phase.max(phase);
        self
    }
}

impl HttpErrorKind {
    /// The kind of an I/O error on a connection; see [`HttpError::from_io`].
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        if error
            .raw_os_error()
            .is_some_and(|code| EXHAUSTED.contains(&code))
        {
            return Self::Exhausted;
        }
        match error.kind() {
            K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => Self::Reset,
            K::UnexpectedEof | K::NotConnected => Self::Closed,
            K::TimedOut => Self::Timeout,
            K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable => Self::Connect,
            // No port is free. A machine without an address of the server's family reports the same error.
            K::AddrNotAvailable | K::OutOfMemory => Self::Exhausted,
            K::InvalidData => Self::Protocol,
            _ => Self::Other,
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Resolve => "the host name could not be resolved",
            Self::Connect => "no connection could be made",
            Self::Exhausted => "this computer has no file descriptors, buffers or ports left",
            Self::Tls => "the TLS handshake failed",
            Self::Timeout => "the deadline passed",
            Self::Stalled => "no progress for too long",
            Self::Reset => "the connection was reset",
            Self::Closed => "the connection ended early",
            Self::Protocol => "the response is not valid HTTP",
            Self::Source => "the request's body could not be read",
            Self::Invalid => "the request can't be sent unchanged",
            Self::NoMatch => "there is no recorded response to the request",
            Self::TooLarge => "the response is too large",
            Self::Other => "the HTTP library failed",
        }
    }
}

impl Phase {
    const fn description(self) -> &'static str {
        match self {
            Self::NotSent => "nothing was sent",
            Self::MaybeReceived => "the server may have received the request",
            Self::ResponseBegun => "while the response was being read",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.kind.description(),
            self.phase.description()
        )
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError")
            .field("kind", &self.kind)
            .field("phase", &self.phase)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for HttpError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn errors_for_lack_of_descriptors_buffers_and_ports_are_exhausted() {
        let os = io::Error::from_raw_os_error;
        for code in EXHAUSTED {
            assert_eq!(HttpErrorKind::of_io(&os(code)), HttpErrorKind::Exhausted);
        }
        for kind in [io::ErrorKind::AddrNotAvailable, io::ErrorKind::OutOfMemory] {
            assert_eq!(HttpErrorKind::of_io(&kind.into()), HttpErrorKind::Exhausted);
        }
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
        ] {
            assert_eq!(HttpErrorKind::of_io(&kind.into()), HttpErrorKind::Connect);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn exhaustion_codes_are_those_of_this_system() {
        let full: String = io::Error::from_raw_os_error(EXHAUSTED[0]).to_string();
        assert!(full.starts_with("Too many open files"), "{full}");
        let no_buffer = io::Error::from_raw_os_error(EXHAUSTED[2]).to_string();
        assert!(no_buffer.starts_with("No buffer space"), "{no_buffer}");
    }
}
