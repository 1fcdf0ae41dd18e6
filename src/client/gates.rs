//! [`Gates`]: when B2 says "too many requests" to one call, all calls of its kind wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::CallKind;

/// A gate for each kind of traffic: to the API, of uploads, of downloads.
#[derive(Debug, Default)]
pub(super) struct Gates([Mutex<Option<Instant>>; 3]);

impl Gates {
    /// Nobody passes before `until`.
    pub(super) fn close(&self, kind: CallKind, until: Instant) {
        let mut gate = self
            .gate(kind)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *gate = (*gate).max(Some(until));
    }

    /// How long to wait; `None` if the gate is open.
    pub(super) fn closed_for(&self, kind: CallKind, now: Instant) -> Option<Duration> {
        let mut gate = self
            .gate(kind)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left = gate
            .map(|until| until.saturating_duration_since(now))
            .filter(|left| !left.is_zero());
        if left.is_none() {
            *gate = None;
        }
        left
    }

    fn gate(&self, kind: CallKind) -> &Mutex<Option<Instant>> {
        &self.0[match kind {
            CallKind::Login | CallKind::Read | CallKind::Write => 0,
            CallKind::Upload => 1,
            CallKind::Download => 2,
        }]
    }
}
