//! [`Fault`]: which requests run into which [`FaultKind`].

use super::kind::FaultKind;
use super::subject::Subject;
use crate::calls::table;

/// A rule: which requests run into which [`FaultKind`].
///
/// Without conditions it is all of them, always. Conditions add up. Of several rules that strike one request, all delays
/// are waited for, all changes made, and of what excludes each other the rule that was added first wins.
///
/// ```
/// use b2kit_emulator::{Emulator, Fault, FaultKind};
///
/// let emulator = Emulator::new();
/// // the third part is stored, but nobody hears of it, once
/// let lost = Fault::new(FaultKind::LoseReply).on("b2_upload_part").part(3).times(1);
/// let lost = emulator.faults().add(lost);
/// // one upload in five finds its pod full
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

/// Which of the requests that match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Always,
    Nth(u64),
    Every(u64),
    Probability(f64),
}

impl Fault {
    /// This kind, for every request.
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

    /// Only this call, by B2's name for it: `b2_list_buckets`, `b2_upload_part`, `b2_download_file_by_name`.
    ///
    /// # Panics
    /// If B2 has no call of this name: the fault would never strike, and the test would prove nothing.
    pub fn on(mut self, call: impl Into<String>) -> Self {
        let call = call.into();
        assert!(table::is_call(&call), "B2 has no call {call:?}");
        self.call = Some(call);
        self
    }

    /// Only requests that concern the bucket with this id.
    pub fn bucket(mut self, id: impl Into<String>) -> Self {
        self.bucket = Some(id.into());
        self
    }

    /// Only requests that name the file with this id; downloads by name don't.
    pub fn file(mut self, id: impl Into<String>) -> Self {
        self.file = Some(id.into());
        self
    }

    /// Only requests that say this file name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only this part.
    pub const fn part(mut self, number: u64) -> Self {
        self.part = Some(number);
        self
    }

    /// Only the `n`th request that matches, counted from 1.
    pub const fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// Only the `k`th request that matches, the `2k`th, and so on.
    pub const fn every(mut self, k: u64) -> Self {
        self.when = When::Every(k);
        self
    }

    /// Each request that matches with this probability from 0 to 1, by dice that follow from the emulator's seed.
    pub const fn probability(mut self, probability: f64) -> Self {
        self.when = When::Probability(probability);
        self
    }

    /// The seed of this rule's own dice for [`probability`](Self::probability), so that other rules don't take part in how
    /// they fall.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// So many times at most.
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// After the effect: the call does what it does, and then the error or the other answer comes, or the wait begins.
    /// What happens at a fixed moment anyway is not changed by it.
    pub const fn after_commit(mut self) -> Self {
        self.is_after = true;
        self
    }

    /// Whether it can only be judged once the fields of the request are known.
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
    fn a_fault_on_a_call_that_does_not_exist_is_refused() {
        let _ = Fault::new(FaultKind::LoseReply).on("b2_list_bucket");
    }
}
