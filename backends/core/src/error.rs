//! [`HttpError`]: what went wrong with one request, and how far that request got.

use std::error::Error as StdError;
use std::fmt;
use std::io;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why one HTTP request failed, and how far it got before it did.
///
/// The two are separate on purpose. [`kind`](Self::kind) says what happened; [`phase`](Self::phase) says whether
/// the server may have acted on the request, and every decision to repeat a request hangs on that. A backend that
/// cannot tell reports the *later* phase: a needless failure is a nuisance, a doubled write is damage.
///
/// `Display` prints this level only and never a URL, header or body; walk [`source`](StdError::source) for the rest.
/// The wording and the types of the sources are not part of the API.
pub struct HttpError {
    kind: HttpErrorKind,
    phase: Phase,
    source: Option<BoxError>,
}

/// How far a request got. Later phases compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not one byte of the request reached the server: it is safe to send it again, whatever it does.
    NotSent,
    /// The server may have received the request, wholly or in part, and may have acted on it.
    MaybeReceived,
    /// The response's head arrived; the failure is in reading its body.
    ResponseBegun,
}

/// What happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The host name could not be resolved. Nothing was sent; trying again may help.
    Resolve,
    /// No connection could be made (refused, unreachable, connect timeout). Nothing was sent; trying again may help.
    Connect,
    /// The TLS handshake failed: certificate or protocol. Nothing was sent; trying again will not help.
    Tls,
    /// A deadline passed: for the response's head, or for the whole exchange.
    Timeout,
    /// Nothing moved for too long in the middle of a body, although it was the other side's turn.
    Stalled,
    /// The connection was reset.
    Reset,
    /// The connection ended before the message did.
    Closed,
    /// What arrived is not HTTP, or contradicts itself (two lengths, a body longer than its length).
    Protocol,
    /// The request's own body failed: its source gave an error, or fewer or more bytes than it had promised.
    Source,
    /// The request can't be sent as it is (no host, contradicting headers, a URI this backend would rewrite).
    Invalid,
    /// A backend that stands in for a server, such as one that replays a recording, has no answer to this request. Nothing
    /// was sent, and trying again will not help.
    NoMatch,
    /// The response's body is larger than the caller was ready to hold.
    TooLarge,
    /// Something else; the source says what.
    Other,
}

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

    /// Adds what lies beneath: the library's own error, or a sentence.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A request that can't be sent as it is; nothing left.
    #[must_use]
    pub fn invalid(why: impl Into<BoxError>) -> Self {
        Self::new(HttpErrorKind::Invalid, Phase::NotSent).with_source(why)
    }

    /// An I/O error on a connection that was already made.
    ///
    /// Maps `ConnectionReset`, `ConnectionAborted` and `BrokenPipe` to [`Reset`](HttpErrorKind::Reset),
    /// `UnexpectedEof` to [`Closed`](HttpErrorKind::Closed), `TimedOut` to [`Timeout`](HttpErrorKind::Timeout),
    /// `ConnectionRefused` and the unreachable kinds to [`Connect`](HttpErrorKind::Connect).
    #[must_use]
    pub fn from_io(phase: Phase, error: io::Error) -> Self {
        Self::new(HttpErrorKind::of_io(&error), phase).with_source(error)
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// How far the request got.
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
    /// The kind an I/O error on a connection amounts to; see [`HttpError::from_io`].
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => Self::Reset,
            K::UnexpectedEof | K::NotConnected => Self::Closed,
            K::TimedOut => Self::Timeout,
            K::ConnectionRefused
            | K::HostUnreachable
            | K::NetworkUnreachable
            | K::AddrNotAvailable => Self::Connect,
            K::InvalidData => Self::Protocol,
            _ => Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Resolve => "the host name could not be resolved",
            Self::Connect => "no connection could be made",
            Self::Tls => "the TLS handshake failed",
            Self::Timeout => "the deadline passed",
            Self::Stalled => "nothing moved for too long",
            Self::Reset => "the connection was reset",
            Self::Closed => "the connection ended early",
            Self::Protocol => "the server did not speak proper HTTP",
            Self::Source => "the request's body could not be read",
            Self::Invalid => "the request can't be sent as it is",
            Self::NoMatch => "there is no recorded answer to the request",
            Self::TooLarge => "the response is too large",
            Self::Other => "the HTTP library failed",
        }
    }
}

impl Phase {
    const fn words(self) -> &'static str {
        match self {
            Self::NotSent => "nothing was sent",
            Self::MaybeReceived => "the server may have received the request",
            Self::ResponseBegun => "while the response was being read",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind.words(), self.phase.words())
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
