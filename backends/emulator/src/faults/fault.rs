//! [`Fault`]: a rule that injects a [`FaultKind`] into some requests.

use super::kind::FaultKind;
use super::subject::Subject;
use crate::calls::table;

/// A rule that injects a [`FaultKind`] into the requests that match.
///
/// Without conditions it hits every request; with several, all must match. If several rules hit one
/// request, all delays are waited for and all changes are made; of faults that exclude each other,
/// the rule added first wins.
///
/// ```
/// use b2kit_emulator::{Emulator, Fault, FaultKind};
///
/// let emulator = Emulator::new();
/// // the third part is stored, but its response is lost, once
/// let lost = Fault::new(FaultKind::LoseResponse).on("b2_upload_part").part(3).times(1);
/// let lost = emulator.faults().add(lost);
/// // every fifth upload gets a 503
/// let full = Fault::new(FaultKind::service_unavailable()).on("b2_upload_file").every(5);
/// emulator.faults().add(full);
/// assert_eq!(emulator.faults().hits(lost), 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) is_after: bool,
    call: Option<String>,
    bucket: Option<String>,
    file: Option<String>,
    name: Option<String>,
    part: Option<u64>,
    pub(super) when: When,
    pub(super) times: Option<u64>,
    pub(super) seed: Option<u64>,
}

/// Which of the matching requests are hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Always,
    Nth(u64),
    Every(u64),
    Probability(f64),
}

impl Fault {
    /// A rule that injects this fault into every request.
    pub const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            is_after: false,
            call: None,
            bucket: None,
            file: None,
            name: None,
            part: None,
            when: When::Always,
            times: None,
            seed: None,
        }
    }

    /// Hits only requests of this call, by B2's name: `b2_list_buckets`, `b2_upload_part`,
    /// `b2_download_file_by_name`.
    ///
    /// # Panics
    /// If B2 has no such call: the fault would never hit, and the test would prove nothing.
    pub fn on(mut self, call: impl Into<String>) -> Self {
        let call = call.into();
        assert!(table::is_call(&call), "B2 has no call {call:?}");
        self.call = Some(call);
        self
    }

    /// Hits only requests about the bucket with this id.
    pub fn bucket(mut self, id: impl Into<String>) -> Self {
        self.bucket = Some(id.into());
        self
    }

    /// Hits only requests with this file id. Downloads by name have none.
    pub fn file(mut self, id: impl Into<String>) -> Self {
        self.file = Some(id.into());
        self
    }

    /// Hits only requests with this file name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Hits only requests with this part number.
    pub const fn part(mut self, number: u64) -> Self {
        self.part = Some(number);
        self
    }

    /// Hits only the `n`th matching request, counted from 1.
    pub const fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// Hits only every `k`th matching request.
    pub const fn every(mut self, k: u64) -> Self {
        self.when = When::Every(k);
        self
    }

    /// Hits each matching request with this probability, from 0 to 1. The hits follow from the
    /// emulator's seed.
    pub const fn probability(mut self, probability: f64) -> Self {
        self.when = When::Probability(probability);
        self
    }

    /// Sets a seed of this rule's own for [`probability`](Self::probability), so that other rules
    /// don't affect which requests it hits.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Hits at most this many requests.
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Injects the fault after the call has taken effect: only then is the error or other response
    /// sent, or does the wait begin. No effect on faults that have a fixed moment, such as a cut
    /// response.
    pub const fn after_commit(mut self) -> Self {
        self.is_after = true;
        self
    }

    /// Whether matching needs fields of the request's body.
    pub(super) const fn needs_fields(&self) -> bool {
        self.bucket.is_some() || self.file.is_some() || self.name.is_some() || self.part.is_some()
    }

    pub(super) fn matches(&self, subject: &Subject) -> bool {
        let is = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == given)
        };
        is(&self.call, subject.call)
            && is(&self.bucket, subject.bucket.as_deref())
            && is(&self.file, subject.file.as_deref())
            && is(&self.name, subject.name.as_deref())
            && self.part.is_none_or(|part| Some(part) == subject.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "B2 has no call \"b2_list_bucket\"")]
    fn a_fault_on_an_unknown_call_panics() {
        let _ = Fault::new(FaultKind::LoseResponse).on("b2_list_bucket");
    }
}
