//! [`RetryQuota`]: a token bucket that bounds the retries of all calls of a client.
//!
//! If every call is retried eight times while a service is overloaded, the retries keep it
//! overloaded. So the retries of all calls draw on one quota, which successes refill. It has no
//! effect while most calls succeed; when hardly any does, calls fail after one attempt.

use std::sync::{Mutex, PoisonError};

use b2kit_core::HttpErrorKind;

use crate::api::CallKind;
use crate::error::Error;

const CAPACITY: u32 = 500;

/// The retry quota of a client.
#[derive(Debug)]
pub(in crate::client) struct RetryQuota(Mutex<u32>);

impl Default for RetryQuota {
    fn default() -> Self {
        Self(Mutex::new(CAPACITY))
    }
}

impl RetryQuota {
    /// Withdraws the cost of a retry. Returns whether enough was left.
    pub(in crate::client) fn withdraw(&self, cost: u32) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = left.checked_sub(cost);
        *left = paid.unwrap_or(*left);
        paid.is_some()
    }

    /// Returns units to the quota: one for each success, and what an interrupted download withdrew
    /// once it makes progress.
    pub(in crate::client) fn deposit(&self, units: u32) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = CAPACITY.min(*left + units);
    }
}

/// The cost of a retry after this failure. Timeouts cost the server most; a busy upload host only
/// means that the client should use another one.
pub(in crate::client) fn cost(kind: CallKind, failure: &Error) -> u32 {
    let status = failure.status();
    match failure.http_error().map(b2kit_core::HttpError::kind) {
        Some(HttpErrorKind::Timeout | HttpErrorKind::Stalled) => 10,
        _ if kind == CallKind::Upload && matches!(status, Some(500 | 503)) => 1,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{HttpError, Phase};

    use super::*;
    use crate::error::B2Error;

    #[test]
    fn an_empty_quota_refuses_withdrawals_until_enough_was_deposited() {
        let quota = RetryQuota::default();
        for _ in 0..100 {
            assert!(quota.withdraw(5));
        }
        assert!(!quota.withdraw(5));
        (0..4).for_each(|_| quota.deposit(1));
        assert!(!quota.withdraw(5));
        quota.deposit(1);
        assert!(quota.withdraw(5) && !quota.withdraw(1));
    }

    #[test]
    fn deposits_never_raise_the_quota_above_its_capacity() {
        let quota = RetryQuota::default();
        (0..1_000).for_each(|_| quota.deposit(1));
        assert!(quota.withdraw(CAPACITY) && !quota.withdraw(1));
    }

    #[test]
    fn a_retry_costs_most_after_a_timeout_and_least_after_a_busy_upload_host() {
        let http = |kind| Error::http(HttpError::new(kind, Phase::MaybeReceived));
        let b2 = |status| {
            Error::from_b2(B2Error {
                status,
                code: "service_unavailable".to_owned(),
                message: String::new(),
            })
        };
        for (kind, failure, expected) in [
            (CallKind::Read, http(HttpErrorKind::Timeout), 10),
            (CallKind::Upload, http(HttpErrorKind::Stalled), 10),
            (CallKind::Upload, http(HttpErrorKind::Reset), 5),
            (CallKind::Upload, b2(500), 1),
            (CallKind::Upload, b2(503), 1),
            (CallKind::Upload, b2(429), 5),
            (CallKind::Write, b2(503), 5),
        ] {
            assert_eq!(cost(kind, &failure), expected, "{kind:?}: {failure}");
        }
    }
}
