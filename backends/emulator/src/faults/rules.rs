//! [`Rules`]: all faults of an emulator with their counters.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, When};
use super::plan::{FaultId, Hit, Plan};
use super::subject::Subject;
use super::test_mode;
use crate::model::random::SplitMix64;

/// The faults of an emulator: [`Emulator::faults`](crate::Emulator::faults).
pub struct Faults<'a>(&'a Mutex<Rules>);

impl<'a> Faults<'a> {
    pub(crate) const fn new(rules: &'a Mutex<Rules>) -> Self {
        Self(rules)
    }

    /// Adds a fault for requests that start from now on.
    pub fn add(&self, fault: Fault) -> FaultId {
        self.lock().add(fault)
    }

    /// Removes a fault. Requests that it has already hit still fail.
    pub fn remove(&self, id: FaultId) {
        self.lock().rules.retain(|rule| rule.id != id);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// All faults, oldest first, each with the number of requests that it matched and hit.
    #[cfg(feature = "server")]
    pub(crate) fn list(&self) -> Vec<(FaultId, u64, u64)> {
        let rules = self.lock();
        let rules = rules.rules.iter();
        rules
            .map(|rule| (rule.id, rule.matched, rule.hits))
            .collect()
    }

    /// Number of requests that a fault has hit; 0 if it was removed.
    #[must_use]
    pub fn hits(&self, id: FaultId) -> u64 {
        let rules = self.lock();
        let rule = rules.rules.iter().find(|rule| rule.id == id);
        rule.map_or(0, |rule| rule.hits)
    }

    fn lock(&self) -> MutexGuard<'a, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&*self.lock()).finish()
    }
}

/// All faults and their counters.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    added: u64,
    rng: SplitMix64,
    test_mode: test_mode::Counts,
}

struct Rule {
    id: FaultId,
    fault: Fault,
    matched: u64,
    hits: u64,
    /// Its own, if it has a seed.
    rng: Option<SplitMix64>,
}

impl Rules {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            added: 0,
            // independent of the numbers in ids
            rng: SplitMix64::new(seed ^ 0x000F_A017_5EED),
            test_mode: test_mode::Counts::new(seed),
        }
    }

    /// Counts a token that [may](Subject::may_limit_token) expire early. Returns whether it does.
    pub(crate) const fn limits_token(&mut self) -> bool {
        self.test_mode.limits()
    }

    fn add(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.added);
        self.added += 1;
        let rng = fault.seed.map(SplitMix64::new);
        self.rules.push(Rule {
            id,
            fault,
            rng,
            matched: 0,
            hits: 0,
        });
        id
    }

    /// Plans a request by its head.
    pub(crate) fn plan(&mut self, subject: &Subject) -> Plan {
        let mut plan = Plan::default();
        let asked = subject.test_mode.zip(subject.call);
        if let Some(kind) = asked.and_then(|(mode, call)| self.test_mode.fault(mode, call)) {
            plan.add(&kind, false);
            plan.hits.push(Hit {
                fault: None,
                kind: kind.name(),
            });
        }
        self.apply(&mut plan, subject, |fault| {
            subject.is_complete || !fault.needs_fields()
        });
        plan.awaits_fields =
            !subject.is_complete && self.rules.iter().any(|rule| rule.fault.needs_fields());
        plan
    }

    /// Adds faults that match fields of the body.
    pub(crate) fn plan_with_fields(&mut self, plan: &mut Plan, subject: &Subject) {
        self.apply(plan, subject, Fault::needs_fields);
    }

    fn apply(&mut self, plan: &mut Plan, subject: &Subject, judged: impl Fn(&Fault) -> bool) {
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
                    rule.rng.as_mut().unwrap_or(&mut self.rng).next_f64() < probability
                }
            };
            if hits {
                rule.hits += 1;
                plan.add(&rule.fault.kind, rule.fault.is_after);
                plan.hits.push(Hit {
                    fault: Some(rule.id),
                    kind: rule.fault.kind.name(),
                });
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
    use crate::faults::kind::FaultKind;

    fn subject(call: &'static str) -> Subject {
        Subject {
            call: Some(call),
            is_complete: true,
            ..Subject::default()
        }
    }

    fn hits_of(fault: Fault, requests: usize) -> Vec<usize> {
        let mut rules = Rules::new(7);
        rules.add(fault);
        (1..=requests)
            .filter(|_| rules.plan(&subject("b2_list_keys")).loses_response)
            .collect()
    }

    #[test]
    fn rules_count_the_requests_that_match() {
        let lose = || Fault::new(FaultKind::LoseResponse);
        assert_eq!(hits_of(lose(), 3), [1, 2, 3]);
        assert_eq!(hits_of(lose().nth(2), 5), [2]);
        assert_eq!(hits_of(lose().every(2), 5), [2, 4]);
        assert!(hits_of(lose().every(0), 5).is_empty());
        assert_eq!(hits_of(lose().times(2), 5), [1, 2]);
        assert_eq!(hits_of(lose().every(2).times(1), 9), [2]);
        assert!(hits_of(lose().on("b2_list_buckets"), 9).is_empty());
        assert!(hits_of(lose().probability(0.0), 50).is_empty());
        assert_eq!(hits_of(lose().probability(1.0), 2), [1, 2]);
        let half = hits_of(lose().probability(0.5), 1000);
        assert!((400..600).contains(&half.len()), "{}", half.len());
        assert_eq!(half, hits_of(lose().probability(0.5), 1000), "by seed");
        let own = hits_of(lose().probability(0.5).seed(1), 1000);
        assert_ne!(own, half);
        assert_ne!(own, hits_of(lose().probability(0.5).seed(2), 1000));
        let mut rules = Rules::new(7);
        rules.add(Fault::new(FaultKind::WrongSha1).probability(0.5));
        rules.add(lose().probability(0.5).seed(1));
        let both = (1..=1000).filter(|_| rules.plan(&subject("b2_list_keys")).loses_response);
        assert_eq!(
            both.collect::<Vec<_>>(),
            own,
            "whatever other rules there are"
        );
    }

    #[test]
    fn a_rule_about_fields_waits_until_they_are_known() {
        let mut rules = Rules::new(0);
        let id = rules.add(Fault::new(FaultKind::LoseResponse).file("id").nth(1));
        let mut request = subject("b2_get_file_info");
        request.is_complete = false;
        let mut plan = rules.plan(&request);
        assert!(!plan.loses_response);
        request.file = Some("id".to_owned());
        rules.plan_with_fields(&mut plan, &request);
        assert!(plan.loses_response);
        assert_eq!(rules.rules[0].hits, 1);
        assert_eq!(rules.rules[0].id, id);
    }
}
