//! What a hostile network or server does to one exchange.

use std::time::Duration;

use fastrand::Rng;

/// Where a stream is closed: properly, or with a reset.
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
    /// So it is here, but only the proxy's sending half is closed; what the client sends is still read.
    HalfClose {
        after: usize,
    },
    /// One bit of an uploaded body is another.
    FlipUpload {
        at: usize,
    },
    /// One bit of a downloaded body is another.
    FlipDownload {
        at: usize,
    },
    /// The request arrives in tiny pieces.
    DribbleRequest,
    /// The response arrives in tiny pieces.
    DribbleResponse,
    /// Bytes follow the response that belong to nothing.
    Garbage(&'static [u8]),
    /// The response has a second `Content-Length`: the same, or another.
    DuplicateLength {
        same: bool,
    },
    /// That many interim responses come first.
    Interim(usize),
    /// The response is in HTTP/1.0, and the connection ends with it.
    OldVersion,
    /// The server is not asked; the answer comes as soon as the request's head is there.
    EarlyAnswer {
        status: u16,
        b2: bool,
    },
    /// The server does it, and a stranger's page with this status comes in place of its response.
    Stranger {
        status: u16,
    },
    /// The server does it, and nothing comes back for a while; then the connection ends.
    Silence,
}

/// An HTML page that no B2 would send.
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
    /// One of all of them. `len` is about how long the request and its response are.
    pub fn any(rng: &mut Rng, len: usize) -> Self {
        let how = if rng.bool() { Close::Fin } else { Close::Reset };
        let at = rng.usize(..len.max(1));
        let short = Duration::from_millis(rng.u64(1..30));
        match rng.u8(..18) {
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

    /// Its name, to be counted by.
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
