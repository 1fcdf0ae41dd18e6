//! [`Deadlines`]: how long one request may take.

use std::time::Duration;

/// How long the parts of one exchange may take. `None` is "as long as it likes".
///
/// Put one into a request's [extensions](http::Extensions) and [`CheckedClient`](crate::CheckedClient) keeps it. The time to connect is
/// not here: only the HTTP library can see it, so each adapter has a setting of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// From the last byte of the request's body to the head of the response; also from the start to the moment the
    /// backend asks for the body's first byte.
    pub head: Option<Duration>,
    /// Without a byte moving in the middle of a body, in either direction, while it is the other side's turn: the time
    /// in which our own source isn't ready, or nobody asks for the next chunk, does not count.
    pub stall: Option<Duration>,
    /// The least that moves in the middle of a body, in either direction, in the time in which it is the other side's turn:
    /// a byte now and then is no stall, and would hold for ever.
    pub throughput: Option<Throughput>,
    /// The same, for what is to be over by a deadline: then it is a [`Timeout`](crate::HttpErrorKind::Timeout).
    pub patience: Option<Throughput>,
    /// From the head of the response to the end of its body. The body of an error (status 300 and above) has no longer than
    /// [`head`](Self::head) in any case.
    pub body: Option<Duration>,
    /// The whole exchange, to the last byte of the response's body.
    pub total: Option<Duration>,
}

impl Deadlines {
    /// 30 s to the head, 20 s of stall, [`Throughput::DEFAULT`], no limit on the whole.
    pub const DEFAULT: Self = Self {
        head: Some(Duration::from_secs(30)),
        stall: Some(Duration::from_secs(20)),
        throughput: Some(Throughput::DEFAULT),
        patience: None,
        body: None,
        total: None,
    };

    /// No deadline at all.
    pub const NONE: Self = Self {
        head: None,
        stall: None,
        throughput: None,
        patience: None,
        body: None,
        total: None,
    };

    /// With this limit to the response's head.
    #[must_use]
    pub const fn with_head(mut self, limit: Duration) -> Self {
        self.head = Some(limit);
        self
    }

    /// With this limit on a stall.
    #[must_use]
    pub const fn with_stall(mut self, limit: Duration) -> Self {
        self.stall = Some(limit);
        self
    }

    /// With this as the least that moves.
    #[must_use]
    pub const fn with_throughput(mut self, least: Throughput) -> Self {
        self.throughput = Some(least);
        self
    }

    /// With this as the least that moves before a deadline.
    #[must_use]
    pub const fn with_patience(mut self, least: Throughput) -> Self {
        self.patience = Some(least);
        self
    }

    /// With this limit on the response's body.
    #[must_use]
    pub const fn with_body(mut self, limit: Duration) -> Self {
        self.body = Some(limit);
        self
    }

    /// With this limit on the whole exchange.
    #[must_use]
    pub const fn with_total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }
}

/// The least that has to move: so many bytes within so much waiting, and then as many again.
///
/// Only time counts in which it is the network's turn: not that in which nobody asks for bytes, our own source isn't ready,
/// or a bandwidth limit of our own holds. What is shorter than so many bytes has that time for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throughput {
    /// How many bytes; 0 is no limit.
    pub bytes: u64,
    /// Within how much waiting.
    pub within: Duration,
}

impl Throughput {
    /// 16 KiB in a minute: less than the slowest link has, and more than somebody who only keeps the connection open.
    pub const DEFAULT: Self = Self::new(16 << 10, Duration::from_secs(60));

    /// So many bytes within so much waiting.
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
