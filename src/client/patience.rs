//! [`Patience`]: how long a download goes on whose bytes break off in the middle.

use std::time::Duration;

use b2kit_core::HttpErrorKind;
use b2kit_core::time::later;

use super::Client;
use super::budget::cost;
use super::course::{Course, Step};
use super::told::{Title, Wait};
use crate::api::{Call as _, DownloadFileById, Facts};
use crate::error::{Error, GaveUp};

/// With so many bytes since the last failure, the failures before are forgotten.
pub(super) const PROGRESS: u64 = 256 << 10;

const FACTS: &Facts = &DownloadFileById::FACTS;

/// How long to go on with the bytes of one file. It has the same policy and the same purse as a call.
#[derive(Debug)]
pub(crate) struct Patience {
    client: Client,
    course: Course<'static>,
    /// The bytes since the last failure.
    fresh: u64,
    /// What the failures since the last progress have cost.
    paid: u32,
}

impl Patience {
    /// The bytes begin to come.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            course: begin(client),
            fresh: 0,
            paid: 0,
        }
    }

    /// So many more have come.
    pub(crate) fn arrived(&mut self, bytes: u64) {
        self.fresh = self.fresh.saturating_add(bytes);
        if self.paid > 0 && self.fresh >= PROGRESS {
            self.client.shared.budget.give_back(self.paid);
            self.paid = 0;
        }
    }

    /// They have broken off: how long to wait before they are asked for again, and the client that has time for it.
    ///
    /// # Errors
    /// The failure, where that is not worth another attempt.
    pub(crate) fn broke_off(&mut self, failure: Error) -> Result<(Duration, Client), Error> {
        self.fresh = 0;
        let now = self.client.now();
        let late = failure
            .http_error()
            .is_some_and(|error| error.kind() == HttpErrorKind::Timeout);
        if late && self.client.policy.deadline.is_some() {
            // Too few bytes came in all the time that there was.
            let (attempts, elapsed) = self.course.so_far(now);
            let error = self.course.error(failure, Some(GaveUp::Deadline), now);
            return Err(error.in_all(attempts, elapsed));
        }
        if self.paid == 0 {
            // The time in which all went well does not count.
            self.course = begin(&self.client);
        }
        let shared = &self.client.shared;
        let step = self
            .course
            .failed(&failure, false, now, &shared.budget, shared.chance());
        let why = match step {
            Step::Again { pause, .. } => {
                let (title, everyone) = (Title::of(&self.client, FACTS.name), false);
                title.again(
                    &failure,
                    self.course.attempts_of(),
                    Wait { pause, everyone },
                );
                self.paid += cost(FACTS.kind, &failure);
                self.course.attempt(None);
                return Ok((pause, self.in_time(pause)));
            }
            Step::Stop(why) => why,
            Step::Renew | Step::Settle(_) => None,
        };
        let (attempts, elapsed) = self.course.so_far(now);
        let error = self.course.error(failure, why, now);
        Err(error.in_all(attempts, elapsed))
    }
}

impl Patience {
    /// The client, with the time that is left for the next bytes once `pause` has passed.
    fn in_time(&self, pause: Duration) -> Client {
        if self.client.policy.deadline.is_none() {
            return self.client.clone();
        }
        let left = self.course.patience(later(self.client.now(), pause));
        let policy = self.client.policy.as_ref().clone();
        self.client.with_retry(policy.with_deadline(left))
    }
}

fn begin(client: &Client) -> Course<'static> {
    let mut course = Course::begin(FACTS, &client.policy, client.now());
    course.attempt(None);
    course
}
