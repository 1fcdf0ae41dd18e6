//! [`Suite`]: runs the cases against a backend.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use b2kit_core::HttpClient;

use crate::case::{Backend, Case, NoTls, Subject};
use crate::cases::all;
use crate::limit::Limit;
use crate::report::{Outcome, Report};

/// A backend to test, and the limits of its library.
#[must_use = "a suite does nothing until `run`"]
pub struct Suite {
    pub(crate) backend: Backend,
    only: Option<String>,
    threads: usize,
}

impl Suite {
    /// A suite for the backend that `make` returns. `make` is called for each case, mostly outside any async runtime.
    ///
    /// Use the safest settings that a program would use: no proxy, no redirects, HTTP/1.1.
    pub fn new<C: HttpClient>(make: impl Fn() -> C + Send + Sync + 'static) -> Self {
        Self {
            backend: Backend {
                make: Box::new(move || Arc::new(make())),
                make_trusting: None,
                limits: BTreeSet::new(),
            },
            only: None,
            threads: 4,
        }
    }

    /// Sets how to make the same backend so that it trusts only the root certificate in this PEM text. Without it, the
    /// cases over HTTPS are [`NotRun`](Outcome::NotRun).
    pub fn trusting<C: HttpClient>(
        mut self,
        make: impl Fn(&str) -> C + Send + Sync + 'static,
    ) -> Self {
        self.backend.make_trusting = Some(Box::new(move |pem| Arc::new(make(pem))));
        self
    }

    /// Declares a limit of the library.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.backend.limits.insert(limit);
        self
    }

    /// Declares several [limits](Self::limit).
    pub fn limits(mut self, limits: impl IntoIterator<Item = Limit>) -> Self {
        self.backend.limits.extend(limits);
        self
    }

    /// Runs only the cases whose name contains this text.
    pub fn only(mut self, text: impl Into<String>) -> Self {
        self.only = Some(text.into());
        self
    }

    /// Sets how many cases run in parallel, 4 by default.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Runs the cases. Takes some seconds.
    pub fn run(self) -> Report {
        let selected: Vec<_> = all()
            .filter(|case| {
                let only = self.only.as_ref();
                only.is_none_or(|text| case.name.contains(text.as_str()))
            })
            .collect();
        let outcomes = Mutex::new(vec![Outcome::NotRun; selected.len()]);
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::SeqCst);
                        let Some(case) = selected.get(at) else {
                            break;
                        };
                        let outcome = self.try_case(case);
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner)[at] = outcome;
                    }
                });
            }
        });
        let outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut unused_limits = self.backend.limits.clone();
        for outcome in &outcomes {
            if let Outcome::PassedWithin(used) = outcome {
                unused_limits.retain(|limit| !used.contains(limit));
            }
        }
        if self.only.is_some() {
            unused_limits.clear();
        }
        Report {
            cases: selected
                .iter()
                .map(|case| case.name)
                .zip(outcomes)
                .collect(),
            unused_limits: unused_limits.into_iter().collect(),
        }
    }

    fn try_case(&self, case: &Case) -> Outcome {
        let subject = Subject::new(&self.backend);
        match catch_unwind(AssertUnwindSafe(|| (case.run)(&subject))) {
            Ok(()) => {
                let used = subject.into_used_limits();
                if used.is_empty() {
                    Outcome::Passed
                } else {
                    Outcome::PassedWithin(used.into_iter().collect())
                }
            }
            Err(panic) if panic.is::<NoTls>() => Outcome::NotRun,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Outcome::Failed(text.unwrap_or_else(|| "it panicked".to_owned()))
            }
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("limits", &self.backend.limits)
            .finish_non_exhaustive()
    }
}

/// The names of all cases, in their order.
pub fn cases() -> impl Iterator<Item = &'static str> {
    all().map(|case| case.name)
}
