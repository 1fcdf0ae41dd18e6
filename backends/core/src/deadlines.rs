//! [`Deadlines`]: how long one request may take.

use std::time::Duration;

/// How long the parts of one exchange may take. `None` is "as long as it likes".
///
/// Put one into a request's [extensions](http::Extensions) and [`Guard`](crate::Guard) keeps it. The time to connect is
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
    /// The whole exchange, to the last byte of the response's body.
    pub total: Option<Duration>,
}

impl Deadlines {
    /// 30 s to the head, 20 s of stall, no limit on the whole.
    pub const DEFAULT: Self = Self {
        head: Some(Duration::from_secs(30)),
        stall: Some(Duration::from_secs(20)),
        total: None,
    };

    /// No deadline at all.
    pub const NONE: Self = Self {
        head: None,
        stall: None,
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

    /// With this limit on the whole exchange.
    #[must_use]
    pub const fn with_total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::DEFAULT
    }
}
