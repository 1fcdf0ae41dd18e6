//! FaultKind on request: rules that say which requests go wrong, and how.
//!
//! [`Rules`] judges requests and makes a [`Plan`] for each; [`exchange`](crate::drivers::exchange) carries the plan out.

mod kind;
mod latch;
mod plan;
mod subject;
mod test_mode;

use std::fmt;

pub use kind::{ErrorReply, FaultKind};
pub use latch::Gate;
#[cfg(test)]
pub(crate) use plan::Cut;
pub(crate) use plan::{BodyTrouble, Change, Plan, Stage, TokenTrouble, UploadEnd, Wait};
pub(crate) use subject::Subject;
pub(crate) use test_mode::TestMode;

use crate::calls;
use crate::drivers::in_process::Emulator;
use crate::model::random::Random;

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
    trouble: FaultKind,
    is_after: bool,
    call: Option<String>,
    bucket: Option<String>,
    file: Option<String>,
    name: Option<String>,
    part: Option<u64>,
    when: When,
    times: Option<u64>,
    seed: Option<u64>,
}

/// Which of the requests that match.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Always,
    Nth(u64),
    Every(u64),
    Probability(f64),
}

/// Which rule it is; given out when it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(pub(crate) u64);

/// The rules of an emulator: [`Emulator::faults`].
#[derive(Debug)]
pub struct Faults<'a>(&'a Emulator);

impl Fault {
    /// This trouble, for every request.
    pub const fn new(trouble: FaultKind) -> Self {
        Self {
            trouble,
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
        assert!(calls::table::is_call(&call), "B2 has no call {call:?}");
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
    const fn needs_fields(&self) -> bool {
        self.bucket.is_some() || self.file.is_some() || self.name.is_some() || self.part.is_some()
    }

    fn matches(&self, subject: &Subject) -> bool {
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

impl<'a> Faults<'a> {
    pub(crate) const fn of(emulator: &'a Emulator) -> Self {
        Self(emulator)
    }

    /// Adds a rule, for requests that begin from now on.
    pub fn add(&self, fault: Fault) -> FaultId {
        self.0.rules().add(fault)
    }

    /// Takes a rule away. Requests that it struck already go wrong all the same.
    pub fn remove(&self, id: FaultId) {
        self.0.rules().rules.retain(|rule| rule.id != id);
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.0.rules().rules.clear();
    }

    /// The rules that there are, oldest first, each with how many requests it matched and how often it struck.
    #[cfg(feature = "server")]
    pub(crate) fn listed(&self) -> Vec<(FaultId, u64, u64)> {
        let rules = self.0.rules();
        let rules = rules.rules.iter();
        rules
            .map(|rule| (rule.id, rule.matched, rule.hits))
            .collect()
    }

    /// How often a rule has struck; 0 if it was taken away.
    #[must_use]
    pub fn hits(&self, id: FaultId) -> u64 {
        let rules = self.0.rules();
        let rule = rules.rules.iter().find(|rule| rule.id == id);
        rule.map_or(0, |rule| rule.hits)
    }
}

/// All rules, and how far they have counted.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    added: u64,
    dice: Random,
    test_mode: test_mode::Counts,
}

struct Rule {
    id: FaultId,
    fault: Fault,
    matched: u64,
    hits: u64,
    /// If it has some of its own.
    dice: Option<Random>,
}

impl Rules {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            added: 0,
            // other numbers than the ids get
            dice: Random::new(seed ^ 0x000F_A017_5EED),
            test_mode: test_mode::Counts::new(seed),
        }
    }

    /// Whether the token that was given out expires early, for a request that [may](Subject::may_tire_tokens) get one.
    pub(crate) const fn tires_token(&mut self) -> bool {
        self.test_mode.tires()
    }

    fn add(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.added);
        self.added += 1;
        let dice = fault.seed.map(Random::new);
        self.rules.push(Rule {
            id,
            fault,
            dice,
            matched: 0,
            hits: 0,
        });
        id
    }

    /// What will go wrong, by all that the head of a request says.
    pub(crate) fn plan(&mut self, subject: &Subject) -> Plan {
        let mut plan = Plan::default();
        if let Some(trouble) = self.test_mode.trouble(subject) {
            plan.add(&trouble, false);
        }
        self.strike(&mut plan, subject, |fault| {
            subject.is_complete || !fault.needs_fields()
        });
        plan.awaits_fields =
            !subject.is_complete && self.rules.iter().any(|rule| rule.fault.needs_fields());
        plan
    }

    /// What will go wrong besides, now that the fields of the request are known.
    pub(crate) fn plan_with_fields(&mut self, plan: &mut Plan, subject: &Subject) {
        self.strike(plan, subject, Fault::needs_fields);
    }

    fn strike(&mut self, plan: &mut Plan, subject: &Subject, judged: impl Fn(&Fault) -> bool) {
        for rule in &mut self.rules {
            if !judged(&rule.fault) || !rule.fault.matches(subject) {
                continue;
            }
            if rule.fault.times.is_some_and(|times| rule.hits >= times) {
                continue;
            }
            rule.matched += 1;
            let hits = match rule.fault.when {
                When::Always => true,
                When::Nth(n) => rule.matched == n,
                When::Every(k) => k > 0 && rule.matched.is_multiple_of(k),
                When::Probability(probability) => {
                    rule.dice.as_mut().unwrap_or(&mut self.dice).fraction() < probability
                }
            };
            if hits {
                rule.hits += 1;
                plan.add(&rule.fault.trouble, rule.fault.is_after);
            }
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.rules.iter().map(|rule| &rule.fault))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(call: &'static str) -> Subject {
        Subject {
            call: Some(call),
            is_complete: true,
            ..Subject::default()
        }
    }

    fn struck(fault: Fault, requests: usize) -> Vec<usize> {
        let mut rules = Rules::new(7);
        rules.add(fault);
        (1..=requests)
            .filter(|_| rules.plan(&subject("b2_list_keys")).is_reply_lost)
            .collect()
    }

    #[test]
    fn rules_count_the_requests_that_match() {
        let lose = || Fault::new(FaultKind::LoseReply);
        assert_eq!(struck(lose(), 3), [1, 2, 3]);
        assert_eq!(struck(lose().nth(2), 5), [2]);
        assert_eq!(struck(lose().every(2), 5), [2, 4]);
        assert!(struck(lose().every(0), 5).is_empty());
        assert_eq!(struck(lose().times(2), 5), [1, 2]);
        assert_eq!(struck(lose().every(2).times(1), 9), [2]);
        assert!(struck(lose().on("b2_list_buckets"), 9).is_empty());
        assert!(struck(lose().probability(0.0), 50).is_empty());
        assert_eq!(struck(lose().probability(1.0), 2), [1, 2]);
        let half = struck(lose().probability(0.5), 1000);
        assert!((400..600).contains(&half.len()), "{}", half.len());
        assert_eq!(half, struck(lose().probability(0.5), 1000), "by seed");
        let own = struck(lose().probability(0.5).seed(1), 1000);
        assert_ne!(own, half);
        assert_ne!(own, struck(lose().probability(0.5).seed(2), 1000));
        let mut rules = Rules::new(7);
        rules.add(Fault::new(FaultKind::WrongSha1).probability(0.5));
        rules.add(lose().probability(0.5).seed(1));
        let both = (1..=1000).filter(|_| rules.plan(&subject("b2_list_keys")).is_reply_lost);
        assert_eq!(
            both.collect::<Vec<_>>(),
            own,
            "whatever other rules there are"
        );
    }

    #[test]
    #[should_panic(expected = "B2 has no call \"b2_list_bucket\"")]
    fn a_fault_on_a_call_that_does_not_exist_is_refused() {
        let _ = Fault::new(FaultKind::LoseReply).on("b2_list_bucket");
    }

    #[test]
    fn a_rule_about_fields_waits_until_they_are_known() {
        let mut rules = Rules::new(0);
        let id = rules.add(Fault::new(FaultKind::LoseReply).file("id").nth(1));
        let mut request = subject("b2_get_file_info");
        request.is_complete = false;
        let mut plan = rules.plan(&request);
        assert!(!plan.is_reply_lost);
        request.file = Some("id".to_owned());
        rules.plan_with_fields(&mut plan, &request);
        assert!(plan.is_reply_lost);
        assert_eq!(rules.rules[0].hits, 1);
        assert_eq!(rules.rules[0].id, id);
    }
}
