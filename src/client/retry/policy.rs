//! [`RetryPolicy`]: retry limits and backoff.

use std::time::Duration;

use b2kit_core::time::fraction;

use crate::api::{CallKind, CallMetadata};

/// The bytes that count as progress of a download: they reset its retry state.
pub(in crate::client) const PROGRESS_BYTES: u64 = 256 << 10;

/// Retry limits and backoff: how often, how far apart and for how long calls are retried.
///
/// A call fails once it has used up the attempts of its kind *and* was retried for
/// [`min_retry_duration`](Self::min_retry_duration), or when the next attempt would start after its
/// [`deadline`](Self::deadline). Pauses between attempts double from
/// [`initial_backoff`](Self::initial_backoff) to [`max_backoff`](Self::max_backoff); half of each
/// is random jitter, so that clients don't retry in lockstep. Permanent errors (a missing file, a
/// rejected key) are not retried.
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
/// An unreachable endpoint is one outage, not a failure of every call. After three consecutive
/// connection failures or broken connections, all calls to that endpoint wait, and one at a time
/// makes its next attempt, with the same backoff. If that fails, it counts for all waiting calls,
/// so each call is retried for as long as its policy says, however many calls wait. An outage of
/// two minutes costs at most ten requests beyond those in progress when it began; a longer one at
/// most one for each half of `max_backoff`, or one in 10 seconds while attempts get no response.
/// Calls limited to a single attempt don't wait.
///
/// # Retry quota
/// Retries after other failures, such as a 503, draw on a quota that all calls of a client share
/// and that successes refill. While hardly any call succeeds, calls fail after fewer attempts than
/// the policy allows:
/// [`RetryStopReason::RetryQuotaExhausted`](crate::RetryStopReason::RetryQuotaExhausted).
#[doc(alias = "backoff")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of attempts at an API call. Defaults to 8.
    pub max_api_attempts: u32,
    /// The maximum number of attempts at an upload of a file or part, each at another upload URL.
    /// Defaults to 10.
    pub max_upload_attempts: u32,
    /// The maximum number of attempts at a download until its first byte; in a transfer, also of
    /// consecutive attempts that yield less than 256 KiB each. Defaults to 10.
    pub max_download_attempts: u32,
    /// The minimum time for which a call is retried, from its first failure, even if its attempts
    /// are used up: B2 can be busy for a minute or two. Defaults to 2 minutes.
    pub min_retry_duration: Duration,
    /// The time limit for a call including all its attempts and everything it waits for: a
    /// response, a slow body, a new authorization. The call fails as soon as the next pause would
    /// exceed the limit, which can be well before it. With `None`, the default, API calls have 5
    /// minutes (40 where B2 copies or moves files), and uploads and downloads have no limit.
    ///
    /// A transfer may take any time as long as it makes progress. The limit applies to each call in
    /// it: a part of an upload or a copy, a page of a listing, the first response of a download,
    /// and then every 256 KiB of the download. For an interrupted download it runs from the first
    /// failure to the next 256 KiB.
    ///
    /// In a download only time spent on the network counts, not time spent on a disk, a [bandwidth
    /// limit](crate::ClientBuilder::bandwidth_limit), or the reader of the bytes. An upload or a
    /// part of one has to be read and sent within the limit, also under a bandwidth limit; the wait
    /// for [memory](crate::ClientBuilder::memory_budget) doesn't count.
    pub deadline: Option<Duration>,
    /// The time for which a call that can't connect is retried while this client has never received
    /// a response: a wrong address, proxy or network setting is then likelier than an outage of B2.
    /// Counted from the start of the call; an attempt in progress is still awaited. Has no effect
    /// after the client's first response. Set it higher for a service that may start before its
    /// network is up. Defaults to 10 seconds.
    pub first_connection_timeout: Duration,
    /// The first pause between two attempts. Defaults to 1 second.
    pub initial_backoff: Duration,
    /// The longest pause between two attempts, unless B2 asks for a longer one. Defaults to 64
    /// seconds.
    pub max_backoff: Duration,
    /// The longest `Retry-After` that is honored. If B2 asks for a longer pause, the call fails
    /// immediately, and [`Error::retry_after`](crate::Error::retry_after) has its duration.
    /// Defaults to 5 minutes.
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
    /// A policy without retries: one attempt for each call. An expired token is still renewed.
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

    /// Sets the attempts at an API call: see [`max_api_attempts`](Self::max_api_attempts).
    #[must_use]
    pub const fn with_max_api_attempts(mut self, attempts: u32) -> Self {
        self.max_api_attempts = attempts;
        self
    }

    /// Sets the attempts at an upload: see [`max_upload_attempts`](Self::max_upload_attempts).
    #[must_use]
    pub const fn with_max_upload_attempts(mut self, attempts: u32) -> Self {
        self.max_upload_attempts = attempts;
        self
    }

    /// Sets the attempts at a download: see [`max_download_attempts`](Self::max_download_attempts).
    #[must_use]
    pub const fn with_max_download_attempts(mut self, attempts: u32) -> Self {
        self.max_download_attempts = attempts;
        self
    }

    /// Sets the minimum time for which a call is retried: see
    /// [`min_retry_duration`](Self::min_retry_duration).
    #[must_use]
    pub const fn with_min_retry_duration(mut self, duration: Duration) -> Self {
        self.min_retry_duration = duration;
        self
    }

    /// Sets the time limit for a call including its retries: see [`deadline`](Self::deadline).
    /// `None` restores the default for each kind of call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Sets the time limit for the client's first connection: see
    /// [`first_connection_timeout`](Self::first_connection_timeout).
    #[must_use]
    pub const fn with_first_connection_timeout(mut self, timeout: Duration) -> Self {
        self.first_connection_timeout = timeout;
        self
    }

    /// Sets the first pause between two attempts: see [`initial_backoff`](Self::initial_backoff).
    #[must_use]
    pub const fn with_initial_backoff(mut self, pause: Duration) -> Self {
        self.initial_backoff = pause;
        self
    }

    /// Sets the longest pause between two attempts: see [`max_backoff`](Self::max_backoff).
    #[must_use]
    pub const fn with_max_backoff(mut self, pause: Duration) -> Self {
        self.max_backoff = pause;
        self
    }

    /// Sets the longest `Retry-After` that is honored: see
    /// [`max_retry_after`](Self::max_retry_after).
    #[must_use]
    pub const fn with_max_retry_after(mut self, pause: Duration) -> Self {
        self.max_retry_after = pause;
        self
    }

    /// The backoff after this many pauses. Half of it is fixed, the other half is multiplied by
    /// `jitter` (0 to 1).
    pub(in crate::client) fn pause(&self, pauses: u32, jitter: f64) -> Duration {
        let doubled = self.initial_backoff.saturating_mul(1 << pauses.min(20));
        let half = doubled.min(self.max_backoff) / 2;
        half.saturating_add(fraction(half, jitter))
    }

    /// Whether calls of this kind have only a single attempt.
    pub(in crate::client) const fn is_once(&self, kind: CallKind) -> bool {
        self.attempts(kind) <= 1 && self.min_retry_duration.is_zero()
    }

    /// Whether it retries API calls at least as often and as long as `other`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Call as _, CopyFile, DownloadFileById, ListBuckets, UploadFile};

    const KINDS: [CallKind; 5] = [
        CallKind::Authorize,
        CallKind::Read,
        CallKind::Write,
        CallKind::Upload,
        CallKind::Download,
    ];

    #[test]
    fn api_calls_uploads_and_downloads_have_their_own_attempts() {
        let policy = RetryPolicy::default()
            .with_max_api_attempts(2)
            .with_max_upload_attempts(3)
            .with_max_download_attempts(4);
        assert_eq!(KINDS.map(|kind| policy.attempts(kind)), [2, 2, 2, 3, 4]);
    }

    #[test]
    fn calls_without_retries_are_made_once() {
        let once = RetryPolicy::disabled();
        for (policy, expected) in [
            (once.clone(), true),
            (once.clone().with_max_api_attempts(0), true),
            (once.clone().with_max_api_attempts(2), false),
            (once.with_min_retry_duration(Duration::from_secs(1)), false),
        ] {
            assert_eq!(policy.is_once(CallKind::Read), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_policy_outlasts_another_that_has_no_higher_limit() {
        let policy = RetryPolicy::default();
        assert!(policy.outlasts(&policy));
        let second = Duration::from_secs(1);
        for higher in [
            policy.clone().with_max_api_attempts(9),
            policy
                .clone()
                .with_min_retry_duration(policy.min_retry_duration + second),
            policy
                .clone()
                .with_first_connection_timeout(policy.first_connection_timeout + second),
        ] {
            assert!(higher.outlasts(&policy), "{higher:?}");
            assert!(!policy.outlasts(&higher), "{higher:?}");
        }
    }

    #[test]
    fn only_calls_that_transfer_bytes_have_no_default_deadline() {
        let seven = Duration::from_secs(7);
        for (metadata, minutes) in [
            (ListBuckets::METADATA, Some(5)),
            (CopyFile::METADATA, Some(40)),
            (UploadFile::METADATA, None),
            (DownloadFileById::METADATA, None),
        ] {
            let expected = minutes.map(|minutes| Duration::from_secs(minutes * 60));
            let policy = RetryPolicy::default();
            assert_eq!(policy.deadline_of(&metadata), expected, "{metadata:?}");
            let policy = policy.with_deadline(seven);
            assert_eq!(policy.deadline_of(&metadata), Some(seven), "{metadata:?}");
        }
    }

    #[test]
    fn the_setters_of_pauses_set_their_own_field() {
        let [initial, max, longest] = [2, 5, 7].map(Duration::from_secs);
        let policy = RetryPolicy::disabled()
            .with_initial_backoff(initial)
            .with_max_backoff(max)
            .with_max_retry_after(longest);
        assert_eq!(policy.max_api_attempts, 1);
        assert_eq!(policy.max_retry_after, longest);
        let pauses = [0, 1, 2, 100].map(|pauses| policy.pause(pauses, 0.0).as_millis());
        assert_eq!(pauses, [1_000, 2_000, 2_500, 2_500]);
        assert_eq!(policy.pause(2, 1.0), max);
    }
}
