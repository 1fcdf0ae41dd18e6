//! [`RetryPolicy`]: retry limits and backoff.

use std::time::Duration;

use b2kit_core::time::share;

use crate::api::{CallKind, CallMetadata};

/// A download makes progress with so many bytes: failures before them are forgotten.
pub(in crate::client) const PROGRESS_BYTES: u64 = 256 << 10;

/// Retry limits and backoff: how often, how far apart and for how long calls are retried.
///
/// A call fails for good once it was tried as often as its kind allows *and* for
/// [`min_retry_duration`](Self::min_retry_duration), or when the next attempt would come after its
/// [`deadline`](Self::deadline). Pauses between attempts double from
/// [`initial_backoff`](Self::initial_backoff) to [`max_backoff`](Self::max_backoff); half of each
/// is random, so that many clients don't return at the same moment. What is not transient (a
/// missing file, a refused key) is not retried.
///
/// ```
/// use std::time::Duration;
///
/// use b2kit::RetryPolicy;
///
/// let policy = RetryPolicy::default()
///     .with_max_api_attempts(3)
///     .with_min_retry_duration(Duration::ZERO)
///     .with_deadline(Duration::from_secs(30));
/// assert_eq!(policy.max_api_attempts, 3);
/// assert_eq!(policy.deadline, Some(Duration::from_secs(30)));
/// ```
///
/// # Outages
/// A server that can't be reached is one outage, not as many failures as there are calls. After
/// three failures in a row to connect, or connections that broke, all calls to that endpoint wait,
/// and one of them at a time makes its next attempt, with pauses that grow in the same way. Each
/// such attempt counts for all that wait, so every call is retried for exactly as long as its
/// policy says, however many there are. An outage of two minutes costs at most ten requests beyond
/// those in progress when it began; a longer one at most one for each half of `max_backoff`, or one
/// in 10 seconds while attempts get no answer at all. Calls with a single attempt don't wait.
///
/// # Retry quota
/// Other failures, a 503 for example, draw on a quota that all calls of a client share and that
/// successes refill. While hardly any call succeeds, calls fail after fewer attempts than are
/// allowed here:
/// [`RetryStopReason::RetryQuotaExhausted`](crate::RetryStopReason::RetryQuotaExhausted).
#[doc(alias = "backoff")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts at a call of the API. Defaults to 8.
    pub max_api_attempts: u32,
    /// Attempts at an upload, each at another upload URL. Defaults to 10.
    pub max_upload_attempts: u32,
    /// Attempts at a download until its first byte; in a transfer, also consecutive attempts that
    /// bring less than 256 KiB each. Defaults to 10.
    pub max_download_attempts: u32,
    /// How long a call is retried at least, counted from its first failure: B2 can be busy for a
    /// minute or two. Defaults to 2 minutes.
    pub min_retry_duration: Duration,
    /// The time for a call with all its attempts, whatever it waits for: a response, a slow body, a
    /// new authorization. The call fails as soon as the next pause would not fit in, which can be well
    /// before. With `None`, the default, calls of the API have 5 minutes (40 where B2 copies or
    /// moves files), and uploads and downloads have no limit.
    ///
    /// A transfer may take as long as it makes progress. Each call in it has this time: a part of
    /// an upload or a copy, a page of a listing, the first response of a download. After that a
    /// download has it for every 256 KiB; an interrupted download has it from the first failure to
    /// the next 256 KiB. Only waiting for the network counts, not for a source, a disk,
    /// [memory](crate::ClientBuilder::memory_budget), a [bandwidth
    /// limit](crate::ClientBuilder::bandwidth_limit), or the reader of the bytes.
    pub deadline: Option<Duration>,
    /// How long a call is retried that can't connect while no server has ever answered this client:
    /// then a wrong address, proxy or network is likelier than an outage of B2. Counted from the
    /// start of the call; an attempt in progress is still awaited. It has no effect after the
    /// client's first response. A service that may start before its network should set it higher.
    /// Defaults to 10 seconds.
    pub first_connection_timeout: Duration,
    /// The first pause between two attempts. Defaults to 1 second.
    pub initial_backoff: Duration,
    /// The longest pause between two attempts, unless B2 asks for a longer one. Defaults to 64
    /// seconds.
    pub max_backoff: Duration,
    /// The longest pause that is accepted in `Retry-After`. If B2 asks for more, the call fails at
    /// once, and [`Error::retry_after`](crate::Error::retry_after) says how long. Defaults to 5
    /// minutes.
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
    /// One attempt and no more. An expired token is still renewed.
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

    /// Attempts at a call of the API: see [`max_api_attempts`](Self::max_api_attempts).
    #[must_use]
    pub const fn with_max_api_attempts(mut self, attempts: u32) -> Self {
        self.max_api_attempts = attempts;
        self
    }

    /// Attempts at an upload: see [`max_upload_attempts`](Self::max_upload_attempts).
    #[must_use]
    pub const fn with_max_upload_attempts(mut self, attempts: u32) -> Self {
        self.max_upload_attempts = attempts;
        self
    }

    /// Attempts at a download until its first byte: see
    /// [`max_download_attempts`](Self::max_download_attempts).
    #[must_use]
    pub const fn with_max_download_attempts(mut self, attempts: u32) -> Self {
        self.max_download_attempts = attempts;
        self
    }

    /// How long a call is retried at least: see [`min_retry_duration`](Self::min_retry_duration).
    #[must_use]
    pub const fn with_min_retry_duration(mut self, duration: Duration) -> Self {
        self.min_retry_duration = duration;
        self
    }

    /// The time for a call with all its attempts: see [`deadline`](Self::deadline). `None` is the
    /// default of each kind of call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// How long a call is retried that can't connect before the client's first response: see
    /// [`first_connection_timeout`](Self::first_connection_timeout).
    #[must_use]
    pub const fn with_first_connection_timeout(mut self, timeout: Duration) -> Self {
        self.first_connection_timeout = timeout;
        self
    }

    /// The first pause between two attempts: see [`initial_backoff`](Self::initial_backoff).
    #[must_use]
    pub const fn with_initial_backoff(mut self, pause: Duration) -> Self {
        self.initial_backoff = pause;
        self
    }

    /// The longest pause between two attempts: see [`max_backoff`](Self::max_backoff).
    #[must_use]
    pub const fn with_max_backoff(mut self, pause: Duration) -> Self {
        self.max_backoff = pause;
        self
    }

    /// The longest pause that is accepted in `Retry-After`: see
    /// [`max_retry_after`](Self::max_retry_after).
    #[must_use]
    pub const fn with_max_retry_after(mut self, pause: Duration) -> Self {
        self.max_retry_after = pause;
        self
    }

    /// How long to wait after so many pauses. Half of it is fixed, the other half multiplied by
    /// `jitter`, from 0 to 1.
    pub(in crate::client) fn pause(&self, pauses: u32, jitter: f64) -> Duration {
        let doubled = self.initial_backoff.saturating_mul(1 << pauses.min(20));
        let half = doubled.min(self.max_backoff) / 2;
        half.saturating_add(share(half, jitter))
    }

    /// Whether it allows a single attempt.
    pub(in crate::client) const fn is_once(&self, kind: CallKind) -> bool {
        self.attempts(kind) <= 1 && self.min_retry_duration.is_zero()
    }

    /// Whether it makes at least as many attempts at a call of the API as `other`, for at least as
    /// long.
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

    pub(in crate::client) fn deadline_of(&self, metadata: &CallMetadata) -> Option<Duration> {
        self.deadline.or(match metadata.kind {
            CallKind::Upload | CallKind::Download => None,
            _ if metadata.long_running => Some(Duration::from_secs(40 * 60)),
            _ => Some(Duration::from_secs(5 * 60)),
        })
    }
}
