//! [`Deadlines`]: time limits of one request.

use std::time::Duration;

/// Time limits of one exchange, by phase. `None` means no limit.
///
/// [`CheckedClient`](crate::CheckedClient) enforces the `Deadlines` in a request's [extensions](http::Extensions).
/// There is no connect timeout here: only the HTTP library sees when it connects, so each adapter has a setting of its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// The maximum time from the last byte of the request's body to the response's head. The same limit applies from
    /// the start of the request to the first poll of its body.
    pub head: Option<Duration>,
    /// The longest time without progress in the middle of a body, in either direction. Time in which the source of the
    /// request's body isn't ready, or in which the caller doesn't poll the response, doesn't count.
    pub stall: Option<Duration>,
    /// The minimum throughput in the middle of a body, in either direction; time is counted as for
    /// [`stall`](Self::stall). It ends exchanges that an occasional byte would keep alive forever.
    pub throughput: Option<Throughput>,
    /// A second minimum throughput of the response's body, for callers with a deadline of their own: falling below it
    /// is a [`Timeout`](crate::HttpErrorKind::Timeout) and not a [`Stalled`](crate::HttpErrorKind::Stalled).
    pub min_progress: Option<Throughput>,
    /// The maximum time from the response's head to the end of its body. The body of an error (status 300 and above)
    /// may never take longer than [`head`](Self::head).
    pub body: Option<Duration>,
    /// The maximum time of the whole exchange, from `send` to the last byte of the response's body.
    pub total: Option<Duration>,
}

impl Deadlines {
    /// 30 s for the head, 20 s for a stall, [`Throughput::DEFAULT`], and no limit on the whole exchange.
    pub const DEFAULT: Self = Self {
        head: Some(Duration::from_secs(30)),
        stall: Some(Duration::from_secs(20)),
        throughput: Some(Throughput::DEFAULT),
        min_progress: None,
        body: None,
        total: None,
    };

    /// No limits.
    pub const NONE: Self = Self {
        head: None,
        stall: None,
        throughput: None,
        min_progress: None,
        body: None,
        total: None,
    };

    /// Sets [`head`](Self::head).
    #[must_use]
    pub const fn with_head(mut self, limit: Duration) -> Self {
        self.head = Some(limit);
        self
    }

    /// Sets [`stall`](Self::stall).
    #[must_use]
    pub const fn with_stall(mut self, limit: Duration) -> Self {
        self.stall = Some(limit);
        self
    }

    /// Sets [`throughput`](Self::throughput).
    #[must_use]
    pub const fn with_throughput(mut self, minimum: Throughput) -> Self {
        self.throughput = Some(minimum);
        self
    }

    /// Sets [`min_progress`](Self::min_progress).
    #[must_use]
    pub const fn with_min_progress(mut self, minimum: Throughput) -> Self {
        self.min_progress = Some(minimum);
        self
    }

    /// Sets [`body`](Self::body).
    #[must_use]
    pub const fn with_body(mut self, limit: Duration) -> Self {
        self.body = Some(limit);
        self
    }

    /// Sets [`total`](Self::total).
    #[must_use]
    pub const fn with_total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }
}

/// A minimum throughput: a number of bytes for each period spent waiting.
///
/// Only time spent waiting for the network counts: not time in which the caller doesn't poll, the source isn't ready,
/// or a bandwidth limit of the client applies. A body shorter than that many bytes may take the whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throughput {
    /// The number of bytes; 0 means no limit.
    pub bytes: u64,
    /// The period of waiting.
    pub within: Duration,
}

impl Throughput {
    /// 16 KiB per minute: less than any usable link has, more than a peer sends that only keeps the connection open.
    pub const DEFAULT: Self = Self::new(16 << 10, Duration::from_secs(60));

    /// `bytes` for each period of waiting `within`.
    #[must_use]
    pub const fn new(bytes: u64, within: Duration) -> Self {
        Self { bytes, within }
    }
}

impl Default for Throughput {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::DEFAULT
    }
}
