//! [`ResumePolicy`]: how often and for how long an interrupted download is resumed.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use b2kit_core::time::saturating_add;
use b2kit_core::{HttpError, HttpErrorKind};

use super::outage::FailureScope;
use super::policy::PROGRESS_BYTES;
use super::quota::cost;
use super::state::{RetryAction, RetryState};
use crate::api::{Call as _, CallMetadata, DownloadFileById};
use crate::client::handle::Client;
use crate::client::telemetry::{CallLabel, RetryWait};
use crate::error::{Error, RetryStopReason};

const METADATA: &CallMetadata = &DownloadFileById::METADATA;

/// The retry state of one download. It uses the policy and quota of a call, and is reset on progress.
#[derive(Debug)]
pub(crate) struct ResumePolicy {
    client: Client,
    state: RetryState<'static>,
    /// The bytes received since the last failure.
    bytes_since_failure: u64,
    /// Whether the download was interrupted and has not made progress since.
    failing: bool,
    /// The units withdrawn from the quota since then.
    withdrawn: u32,
    /// The deadline of the current response's bytes, if it is shorter than the policy's because the
    /// download was resumed.
    shortened: Option<Duration>,
}

impl ResumePolicy {
    /// The state of a new download.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            state: fresh_state(client, client.now()),
            bytes_since_failure: 0,
            failing: false,
            withdrawn: 0,
            shortened: None,
        }
    }

    /// Records received bytes.
    pub(crate) fn on_progress(&mut self, bytes: u64) {
        self.bytes_since_failure = self.bytes_since_failure.saturating_add(bytes);
        if self.failing && self.bytes_since_failure >= PROGRESS_BYTES {
            self.client.shared.quota.deposit(self.withdrawn);
            (self.failing, self.withdrawn) = (false, 0);
        }
    }

    /// Records an interruption. Returns the pause before resuming, and the client to resume with,
    /// whose deadline is the remaining time.
    ///
    /// # Errors
    /// Returns the failure if it is permanent or the policy allows no further attempt.
    pub(crate) fn on_interruption(&mut self, failure: Error) -> Result<(Duration, Client), Error> {
        self.bytes_since_failure = 0;
        let now = self.client.now();
        let shortened = self.shortened.take();
        let late = self.client.policy.deadline.is_some()
            && failure.http_error().is_some_and(|error| {
                error.kind() == HttpErrorKind::Timeout && !is_os_timeout(error)
            });
        if late && (self.failing || shortened.is_none()) {
            // Too few bytes arrived within the time limit.
            let (attempts, elapsed) = self.state.attempts_and_elapsed(now);
            let error = self
                .state
                .error(failure, Some(RetryStopReason::Deadline), now);
            return Err(error.in_all(attempts, elapsed));
        }
        if !self.failing {
            // The time before the first failure does not count, except that the bytes after progress
            // were waited for until a shortened deadline.
            let waited = shortened.filter(|_| late).unwrap_or_default();
            self.state = fresh_state(&self.client, now.checked_sub(waited).unwrap_or(now));
            self.failing = true;
        }
        let shared = &self.client.shared;
        let scope = match late {
            true => FailureScope::Isolated,
            false => self.scope(&failure, now),
        };
        self.state.set_failure_scope(scope, true);
        let step = self
            .state
            .on_failure(&failure, false, now, &shared.quota, shared.jitter());
        let why = match step {
            RetryAction::Retry { pause, .. } => {
                let (redactor, transfer) = (&shared.redactor, self.client.transfer.as_deref());
                let label = CallLabel::of_transfer(redactor, transfer, METADATA.name);
                let is_shared = self.state.is_in_outage();
                label.log_retry(
                    &failure,
                    self.state.attempts_and_limit(),
                    RetryWait { pause, is_shared },
                );
                if self.state.draws_on_quota() {
                    self.withdrawn = self.withdrawn.saturating_add(cost(METADATA.kind, &failure));
                }
                self.state.start_attempt(None);
                return Ok((pause, self.client_with_remaining_time(pause)));
            }
            RetryAction::Stop(why) => why,
            RetryAction::Reauthorize | RetryAction::Reconcile(_) => None,
        };
        let (attempts, elapsed) = self.state.attempts_and_elapsed(now);
        let error = self.state.error(failure, why, now);
        Err(error.in_all(attempts, elapsed))
    }

    /// The scope of the failure: a connection that broke or stalled may be one of many.
    fn scope(&self, failure: &Error, now: Instant) -> FailureScope {
        use HttpErrorKind::{Closed, Reset, Stalled, Timeout};
        let shared = &self.client.shared;
        let kind = failure.http_error().map(HttpError::kind);
        let broken = kind.filter(|kind| matches!(kind, Closed | Reset | Stalled | Timeout));
        let session = shared.authorization.current();
        let uri = session.and_then(|current| current.session.download_url().parse().ok());
        let (Some(kind), Some(uri)) = (broken, uri) else {
            return FailureScope::Isolated;
        };
        shared.outages.broke(&uri, now, kind, &self.client.policy)
    }
}

impl ResumePolicy {
    /// The client, with the remaining time after `pause` as its deadline.
    fn client_with_remaining_time(&mut self, pause: Duration) -> Client {
        if self.client.policy.deadline.is_none() {
            return self.client.clone();
        }
        let left = self
            .state
            .max_wait(saturating_add(self.client.now(), pause));
        self.shortened = Some(left);
        let policy = self.client.policy.as_ref().clone();
        self.client.with_retry_policy(policy.with_deadline(left))
    }
}

/// Whether the operating system timed out (an unresponsive peer), as opposed to the client's
/// deadline.
fn is_os_timeout(error: &HttpError) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.is::<io::Error>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn fresh_state(client: &Client, began: Instant) -> RetryState<'static> {
    let mut state = RetryState::new(METADATA, &client.policy, began);
    state.start_attempt(None);
    state
}
