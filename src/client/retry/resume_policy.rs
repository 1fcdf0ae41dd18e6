//! [`Patience`]: how long a download goes on whose bytes break off in the middle.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use b2kit_core::time::later;
use b2kit_core::{HttpError, HttpErrorKind};

use super::outage::Trouble;
use super::quota::cost;
use super::state::{Course, Step};
use crate::api::{Call as _, CallMetadata, DownloadFileById};
use crate::client::Client;
use crate::client::telemetry::{Title, Wait};
use crate::error::{Error, RetryStopReason};

/// With so many bytes since the last failure, the failures before are forgotten.
pub(in crate::client) const PROGRESS: u64 = 256 << 10;

const METADATA: &CallMetadata = &DownloadFileById::METADATA;

/// How long to go on with the bytes of one file. It has the same policy and the same purse as a call.
#[derive(Debug)]
pub(crate) struct Patience {
    client: Client,
    course: Course<'static>,
    /// The bytes since the last failure.
    fresh: u64,
    /// They have broken off since the last progress.
    failing: bool,
    /// What that has cost.
    paid: u32,
}

impl Patience {
    /// The bytes begin to come.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            course: begin(client),
            fresh: 0,
            failing: false,
            paid: 0,
        }
    }

    /// So many more have come.
    pub(crate) fn arrived(&mut self, bytes: u64) {
        self.fresh = self.fresh.saturating_add(bytes);
        if self.failing && self.fresh >= PROGRESS {
            self.client.shared.budget.give_back(self.paid);
            (self.failing, self.paid) = (false, 0);
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
            .is_some_and(|error| error.kind() == HttpErrorKind::Timeout && !is_the_systems(error));
        if late && self.client.policy.deadline.is_some() {
            // Too few bytes came in all the time that there was.
            let (attempts, elapsed) = self.course.so_far(now);
            let error = self
                .course
                .error(failure, Some(RetryStopReason::Deadline), now);
            return Err(error.in_all(attempts, elapsed));
        }
        if !self.failing {
            // The time in which all went well does not count.
            self.course = begin(&self.client);
            self.failing = true;
        }
        let shared = &self.client.shared;
        self.course.in_trouble(self.trouble(&failure, now), true);
        let step = self
            .course
            .failed(&failure, false, now, &shared.budget, shared.chance());
        let why = match step {
            Step::Again { pause, .. } => {
                let title = Title::of(&self.client, METADATA.name);
                let everyone = self.course.is_in_outage();
                title.again(
                    &failure,
                    self.course.attempts_of(),
                    Wait { pause, everyone },
                );
                if self.course.pays() {
                    self.paid = self.paid.saturating_add(cost(METADATA.kind, &failure));
                }
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

    /// What the failure is part of: a connection that broke or fell silent may be one of many.
    fn trouble(&self, failure: &Error, now: Instant) -> Trouble {
        use HttpErrorKind::{Closed, Reset, Stalled, Timeout};
        let shared = &self.client.shared;
        let kind = failure.http_error().map(HttpError::kind);
        let broken = kind.filter(|kind| matches!(kind, Closed | Reset | Stalled | Timeout));
        let session = shared.authorization.current();
        let uri = session.and_then(|current| current.session.download_url().parse().ok());
        let (Some(kind), Some(uri)) = (broken, uri) else {
            return Trouble::Own;
        };
        shared.outages.broke(&uri, now, kind, &self.client.policy)
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

/// Whether it was the system that waited too long, as for a peer that is gone, and not the deadline that has passed.
fn is_the_systems(error: &HttpError) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.is::<io::Error>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn begin(client: &Client) -> Course<'static> {
    let mut course = Course::begin(METADATA, &client.policy, client.now());
    course.attempt(None);
    course
}
