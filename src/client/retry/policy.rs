//! [`RetryPolicy`]: how long to go on when things fail.

use std::time::Duration;

use b2kit_core::time::share;

use crate::api::{CallKind, CallMetadata};

/// A download makes progress with so many bytes: failures before them are forgotten.
pub(in crate::client) const PROGRESS_BYTES: u64 = 256 << 10;

/// How long a client goes on when calls fail in ways that may pass.
///
/// A call is given up when it was tried as often as its kind allows *and* for as long as
/// [`min_retry_duration`](Self::min_retry_duration) asks, or when the next attempt would come after its deadline. The pauses between
/// attempts double from [`initial_backoff`](Self::initial_backoff) to [`max_backoff`](Self::max_backoff); a random half of
/// each keeps a thousand clients from coming back in the same second.
///
/// Where a server can't be reached (no connection, or connections that break, a few in a row) that is one outage, and not
/// as many failures as there are calls. All calls that would go there wait, and one of them at a time makes its next
/// attempt, after pauses that grow in the same way. Such an attempt counts for all that wait, so each of them goes on for as
/// long as is said here, however many they are. So an outage of two minutes costs no more than ten requests beyond those
/// that were under way when it began, a longer one no more than one in half of the longest pause, and one in 10 seconds
/// while attempts get no answer at all. Calls that may make one attempt only don't wait. What fails otherwise, a 503 say, is
/// bounded over all calls of a client: while hardly any succeeds, calls fail after fewer attempts than are allowed here
/// ([`RetryStopReason::RetryQuotaExhausted`](crate::RetryStopReason::RetryQuotaExhausted)).
///
/// ```
/// # use b2kit::RetryPolicy;
/// let mut policy = RetryPolicy::default();
/// policy.max_api_attempts = 3;
/// ```
#[doc(alias = "backoff")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts at a call of the API. Defaults to 8.
    pub max_api_attempts: u32,
    /// Attempts at an upload, each at another upload URL. Defaults to 10.
    pub max_upload_attempts: u32,
    /// Attempts at a download until its first byte; of a transfer, also those in a row that bring less than 256 KiB.
    /// Defaults to 10.
    pub max_download_attempts: u32,
    /// How long to go on at least, counted from the first failure: B2 can be busy for a minute or two. Defaults to
    /// 2 minutes.
    pub min_retry_duration: Duration,
    /// The time that a call may take with all its attempts, whatever it waits for: its head, a body that trickles, a new
    /// login. It ends as soon as the next pause would not fit in, which can be well before. Without a deadline of yours a
    /// call of the API has 5 minutes (40 where B2 moves files around), and uploads and downloads have none.
    ///
    /// A transfer may take as long as it makes progress. Each call that it is made of has this time: a part of an upload or
    /// a copy, a page of a listing, the first answer to a download. From there on a download has it for every 256 KiB; bytes
    /// that break off have it from the first failure to the next 256 KiB. Only waiting for the network counts, not that for
    /// a source, a disk, [memory](crate::ClientBuilder::memory_budget), a
    /// [bandwidth limit](crate::ClientBuilder::bandwidth_limit), or for whoever reads the bytes.
    pub deadline: Option<Duration>,
    /// How long a call is retried that can't connect, as long as no server has ever answered this client: a wrong address,
    /// proxy or network is likelier then than an outage of B2. Counted from the start of the call; an attempt that is under
    /// way at its end is still awaited. It has no effect after the client's first response. A service that may be started
    /// before its network is up should set it higher. Defaults to 10 seconds.
    pub first_connection_timeout: Duration,
    /// Defaults to 1 second.
    pub initial_backoff: Duration,
    /// Defaults to 64 seconds.
    pub max_backoff: Duration,
    /// The longest pause that B2 may ask for with `Retry-After`; if it asks for more, the call fails at once and its
    /// error says how long. Defaults to 5 minutes.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_api_attempts: 8,
            max_upload_attempts: 10,
            max_download_attempts: 10,
            min_retry_duration: Duration::from_secs(120),
            deadline: None,
            first_connection_timeout: Duration::from_secs(10),
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(64),
            max_retry_after: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more. An expired token is renewed all the same.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            max_api_attempts: 1,
            max_upload_attempts: 1,
            max_download_attempts: 1,
            min_retry_duration: Duration::ZERO,
            ..Self::default()
        }
    }

    /// With this time for a call and all its attempts.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long to wait after so many pauses: half of it is certain, and half is jitter.
    pub(in crate::client) fn pause(&self, pauses: u32, jitter: f64) -> Duration {
        let doubled = self.initial_backoff.saturating_mul(1 << pauses.min(20));
        let half = doubled.min(self.max_backoff) / 2;
        half.saturating_add(share(half, jitter))
    }

    /// Whether it allows one attempt and no more.
    pub(in crate::client) const fn is_once(&self, kind: CallKind) -> bool {
        self.attempts(kind) <= 1 && self.min_retry_duration.is_zero()
    }

    /// Whether it makes at least as many attempts at a call of the API as `other`, for at least as long.
    pub(in crate::client) fn outlasts(&self, other: &Self) -> bool {
        self.max_api_attempts >= other.max_api_attempts
            && self.min_retry_duration >= other.min_retry_duration
            && self.first_connection_timeout >= other.first_connection_timeout
    }

    pub(in crate::client) const fn attempts(&self, kind: CallKind) -> u32 {
        match kind {
            CallKind::Authorize | CallKind::Read | CallKind::Write => self.max_api_attempts,
            CallKind::Upload => self.max_upload_attempts,
            CallKind::Download => self.max_download_attempts,
        }
    }

    pub(in crate::client) fn deadline_of(&self, facts: &CallMetadata) -> Option<Duration> {
        self.deadline.or(match facts.kind {
            CallKind::Upload | CallKind::Download => None,
            _ if facts.long_running => Some(Duration::from_secs(40 * 60)),
            _ => Some(Duration::from_secs(5 * 60)),
        })
    }
}
