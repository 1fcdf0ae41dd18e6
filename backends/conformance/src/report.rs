//! [`Report`]: the outcome of each case.

use std::fmt;

use crate::limit::Limit;

/// The outcome of each case, in the order of the suite.
#[derive(Debug)]
#[must_use = "a report proves nothing unless it is checked"]
pub struct Report {
    pub(crate) cases: Vec<(&'static str, Outcome)>,
    /// Declared limits that no case needed.
    pub(crate) unused_limits: Vec<Limit>,
}

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The case passed.
    Passed,
    /// The case passed with the weaker requirement of these limits.
    PassedWithin(Vec<Limit>),
    /// The case needs a client that trusts a given root certificate, and `Suite::trusting` was not called.
    NotRun,
    /// The case failed, with the message of its panic.
    Failed(String),
}

impl Report {
    /// Each case's name and outcome.
    pub fn cases(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        self.cases.iter().map(|(name, outcome)| (*name, outcome))
    }

    /// The declared limits that no case needed. If all cases ran, this is a failure.
    #[must_use]
    pub fn unused_limits(&self) -> &[Limit] {
        &self.unused_limits
    }

    /// Whether every case ran and passed, and every declared limit was needed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        let holds =
            |outcome: &Outcome| matches!(outcome, Outcome::Passed | Outcome::PassedWithin(_));
        self.unused_limits.is_empty() && self.cases.iter().all(|(_, outcome)| holds(outcome))
    }

    /// Prints the report, and panics with the cases that failed unless it [is passed](Self::is_passed).
    ///
    /// # Panics
    /// If a case failed or did not run, or a declared limit was not needed.
    #[expect(clippy::print_stdout, reason = "a test's output, shown where it fails")]
    pub fn assert_passed(&self) {
        println!("{self}");
        assert!(self.is_passed(), "the backend does not conform:\n{self:#}");
    }
}

/// A line for each case; with `{:#}` only for those that did not pass.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.cases {
            match outcome {
                Outcome::Passed | Outcome::PassedWithin(_) if f.alternate() => {}
                Outcome::Passed => writeln!(f, "passed   {name}")?,
                Outcome::PassedWithin(limits) => writeln!(f, "passed   {name} within {limits:?}")?,
                Outcome::NotRun => writeln!(f, "not run  {name}: it needs Suite::trusting")?,
                Outcome::Failed(why) => writeln!(f, "FAILED   {name}: {why}")?,
            }
        }
        for limit in &self.unused_limits {
            writeln!(
                f,
                "FAILED   the limit {limit:?} was declared, but no case needs it"
            )?;
        }
        Ok(())
    }
}
