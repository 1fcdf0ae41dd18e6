//! [`Fault`]: what a hostile network or server does to one exchange.

use std::time::Duration;

use fastrand::Rng;

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    Fin,
    Reset,
}

/// What happens to one request and its response. Offsets count from the first byte of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the server sees anything.
    Refuse(Close),
    DelayRequest(Duration),
    DelayResponse(Duration),
    /// The server gets the first bytes of the request and then the end of the connection.
    CutRequest {
        after: usize,
        how: Close,
    },
    /// The server gets the whole request, the client the first bytes of the response.
    CutResponse {
        after: usize,
        how: Close,
    },
    /// The same, but the proxy only shuts down its sending side and still reads what the client sends.
    HalfClose {
        after: usize,
    },
    /// One bit of an uploaded body is flipped.
    FlipUpload {
        at: usize,
    },
    /// One bit of a downloaded body is flipped.
    FlipDownload {
        at: usize,
    },
    /// The request arrives in tiny pieces.
    DribbleRequest,
    /// The response arrives in tiny pieces.
    DribbleResponse,
    /// Stray bytes follow the response.
    Garbage(&'static [u8]),
    /// The response has a second `Content-Length`: the same, or another.
    DuplicateLength {
        same: bool,
    },
    /// That many interim responses come first.
    Interim(usize),
    /// The response is in HTTP/1.0, and the connection ends with it.
    OldVersion,
    /// The request is not forwarded; the response is sent as soon as the request's head has arrived.
    EarlyAnswer {
        status: u16,
        b2: bool,
    },
    /// The server executes it, and a foreign page with this status replaces its response.
    Stranger {
        status: u16,
    },
    /// The server executes it, and the connection is silent for a while before it is closed.
    Silence,
}

/// An HTML page, which B2 never sends.
pub const PAGE: &str =
    "<html><head><title>Attention Required!</title></head><body>ray 8f2</body></html>";

const STRANGE_STATUSES: &[u16] = &[302, 307, 400, 403, 404, 409, 413, 418, 499, 502, 503];

const GARBAGE: &[&[u8]] = &[
    b"\0\0\0\0",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"GET / HTTP/1.1\r\n\r\n",
    &[b'x'; 9_000],
];

impl Fault {
    /// The number of kinds for [`of_kind`](Self::of_kind).
    pub const KINDS: u8 = 18;

    /// A random fault. `len` is the approximate length of the request and its response.
    pub fn any(rng: &mut Rng, len: usize) -> Self {
        let kind = rng.u8(..Self::KINDS);
        Self::of_kind(kind, rng, len)
    }

    /// A fault of this kind, random in its details.
    pub fn of_kind(kind: u8, rng: &mut Rng, len: usize) -> Self {
        let how = if rng.bool() { Close::Fin } else { Close::Reset };
        let at = rng.usize(..len.max(1));
        let short = Duration::from_millis(rng.u64(1..30));
        match kind {
            0 => Self::Refuse(how),
            1 => Self::DelayRequest(short),
            2 => Self::DelayResponse(short),
            3 => Self::CutRequest { after: at, how },
            4 => Self::CutResponse { after: at, how },
            5 => Self::CutResponse { after: 0, how },
            6 => Self::HalfClose { after: at },
            7 => Self::FlipUpload { at },
            8 => Self::FlipDownload { at },
            9 => Self::DribbleRequest,
            10 => Self::DribbleResponse,
            11 => Self::Garbage(GARBAGE[rng.usize(..GARBAGE.len())]),
            12 => Self::DuplicateLength { same: rng.bool() },
            13 => Self::Interim([1, 3, 120][rng.usize(..3)]),
            14 => Self::OldVersion,
            15 => {
                let b2 = rng.bool();
                let status = if b2 {
                    503
                } else {
                    [403, 500, 502][rng.usize(..3)]
                };
                Self::EarlyAnswer { status, b2 }
            }
            16 => Self::Stranger {
                status: STRANGE_STATUSES[rng.usize(..STRANGE_STATUSES.len())],
            },
            _ => Self::Silence,
        }
    }

    /// Whether it changes anything about this exchange.
    pub const fn concerns(&self, is_upload: bool, is_download: bool) -> bool {
        match self {
            Self::FlipUpload { .. } => is_upload,
            Self::FlipDownload { .. } => is_download,
            _ => true,
        }
    }

    /// Its name, for counting.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refuse(_) => "refuse",
            Self::DelayRequest(_) => "delay request",
            Self::DelayResponse(_) => "delay response",
            Self::CutRequest { .. } => "cut request",
            Self::CutResponse { .. } => "cut response",
            Self::HalfClose { .. } => "half-close",
            Self::FlipUpload { .. } => "flip upload",
            Self::FlipDownload { .. } => "flip download",
            Self::DribbleRequest => "dribble request",
            Self::DribbleResponse => "dribble response",
            Self::Garbage(_) => "garbage after the response",
            Self::DuplicateLength { .. } => "duplicate content-length",
            Self::Interim(_) => "1xx flood",
            Self::OldVersion => "http/1.0",
            Self::EarlyAnswer { .. } => "early answer",
            Self::Stranger { .. } => "stranger's answer",
            Self::Silence => "silence",
        }
    }
}
