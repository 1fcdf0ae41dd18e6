//! [`RetryState`]: the retry state of one call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use b2kit_core::time::{FOREVER, fraction};

use super::classifier::{
    Decision, Delay, FailureClass, History, MAX_INVALID_RESPONSE_RETRIES, MAX_NON_B2_RETRIES,
    classify, decide,
};
use super::outage::{Blocked, FailureScope};
use super::policy::RetryPolicy;
use super::quota::{RetryQuota, cost};
use crate::api::{ApiVersion, CallKind, CallMetadata, LostResponse};
use crate::error::{Error, RetryStopReason};
use crate::types::Timestamp;

/// The minimum pause between attempts that don't draw on the quota, regardless of the policy.
const MIN_UNCHARGED_PAUSE: Duration = Duration::from_millis(100);

/// The retry state of one call. Pure except for the shared quota: time and jitter are parameters.
#[derive(Debug)]
pub(in crate::client) struct RetryState<'a> {
    metadata: &'a CallMetadata,
    policy: Arc<RetryPolicy>,
    began: Instant,
    first_failure: Option<Instant>,
    attempts: u32,
    /// The number of backoff pauses so far.
    backoffs: u32,
    history: History,
    since: Option<Timestamp>,
    /// Whether B2 may still execute an earlier attempt.
    may_still_execute: bool,
    /// Whether B2 may also have stored the result of an earlier attempt.
    possible_duplicate: bool,
    /// The last attempt's failure, which is returned if the deadline passes.
    last: Option<Error>,
    /// The attempts with mismatched responses, and their error messages.
    mismatches: Vec<(u32, String)>,
    /// The context of the last failure.
    context: FailureContext,
    /// Whether any server has ever answered this client.
    answered: bool,
    /// The minimum pause before the next attempt, for a reason other than the failure.
    min_pause: Duration,
    /// The attempts of other calls that failed while this call waited for an outage to end.
    observed_failures: u32,
    /// The number of successful calls when this machine last ran out of resources.
    progress: Option<u64>,
}

/// The context of a failure, which decides whether a retry draws on the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureContext {
    /// Specific to the call: a retry draws on the quota.
    Isolated,
    /// Shared with other calls: a retry costs no quota.
    Shared,
    /// Part of an outage: a retry costs no quota, and the pause is shared.
    Outage,
    /// This machine ran out of file descriptors or ports.
    LocalExhaustion,
}

/// The maximum number of mismatched responses listed in the error.
const MAX_REPORTED_MISMATCHES: usize = 3;

/// The next action of the retry loop.
#[derive(Debug)]
pub(in crate::client) enum RetryAction {
    /// Wait, then retry. If `is_shared`, all calls of the kind wait.
    Retry { pause: Duration, is_shared: bool },
    /// Renew the token, then retry.
    Reauthorize,
    /// Ask B2 whether the call took effect.
    Reconcile(LostResponse),
    /// Fail the call.
    Stop(Option<RetryStopReason>),
}

impl<'a> RetryState<'a> {
    /// The state of a new call.
    pub(in crate::client) fn new(
        metadata: &'a CallMetadata,
        policy: &Arc<RetryPolicy>,
        now: Instant,
    ) -> Self {
        let history = History {
            reconcile_on_first_error: metadata.reconcile_on_first_error,
            ..History::default()
        };
        Self {
            metadata,
            policy: Arc::clone(policy),
            began: now,
            first_failure: None,
            attempts: 0,
            backoffs: 0,
            history,
            since: None,
            may_still_execute: false,
            possible_duplicate: false,
            last: None,
            mismatches: Vec::new(),
            context: FailureContext::Isolated,
            answered: true,
            min_pause: Duration::ZERO,
            observed_failures: 0,
            progress: None,
        }
    }

    /// Starts an attempt. `since` is the last known server time, from the authorization or the
    /// upload URL if this is the first call.
    pub(in crate::client) fn start_attempt(&mut self, since: Option<Timestamp>) {
        if self.attempts == 0 {
            self.since = since;
        }
        self.attempts += 1;
        // The effect of this attempt is unknown, even if that of the previous one is known.
        self.last = None;
    }

    /// Records that the account was re-authorized for this call. This happens only once: if a new
    /// token is rejected too, the token is not the reason.
    pub(in crate::client) const fn reauthorized(&mut self) {
        self.history.reauthorized = true;
    }

    /// Remembers the failure of an attempt that is retried.
    pub(in crate::client) fn remember_failure(&mut self, failure: Error) {
        self.last = Some(failure);
    }

    /// Remembers the cause of a wait, unless an attempt of this call has failed.
    pub(in crate::client) fn remember_failure_if_none(&mut self, why: impl FnOnce() -> Error) {
        self.last.get_or_insert_with(why);
    }

    /// Takes the last attempt's failure, if it failed.
    pub(in crate::client) const fn take_last_failure(&mut self) -> Option<Error> {
        self.last.take()
    }

    /// Whether no attempt has been made yet.
    pub(in crate::client) const fn is_first_attempt(&self) -> bool {
        self.attempts == 0
    }

    /// The attempts so far, and how many the policy allows.
    pub(in crate::client) fn attempts_and_limit(&self) -> (u32, u32) {
        (self.attempts, self.policy.attempts(self.metadata.kind))
    }

    /// The attempts so far.
    pub(in crate::client) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Records that an attempt is retried although it may have taken effect.
    pub(in crate::client) const fn mark_possible_duplicate(&mut self) {
        self.possible_duplicate = true;
    }

    /// Whether B2 may have stored the results of several attempts.
    pub(in crate::client) const fn is_possible_duplicate(&self) -> bool {
        self.possible_duplicate
    }

    /// The remaining time; `None` without a deadline.
    pub(in crate::client) fn time_left(&self, now: Instant) -> Option<Duration> {
        let deadline = self.policy.deadline_of(self.metadata)?;
        Some(deadline.saturating_sub(now.saturating_duration_since(self.began)))
    }

    /// The maximum wait before another attempt.
    pub(in crate::client) fn max_wait(&self, now: Instant) -> Duration {
        self.time_left(now)
            .map_or(FOREVER, |left| left.min(FOREVER))
    }

    /// Whether an attempt may use a pooled upload URL, and whether the URL of the last one goes
    /// back to the pool. After most failures, pooled URLs may all be invalid, and after a proxy's
    /// response B2 may still be reading. B2's own 429 says nothing about the URL, nor does a
    /// failure on this machine.
    pub(in crate::client) fn may_reuse_url(&self) -> bool {
        let is_limited = || {
            let b2 = self.last.as_ref().and_then(Error::b2);
            b2.is_some_and(|b2| b2.status == 429)
        };
        self.is_first_attempt() || self.context == FailureContext::LocalExhaustion || is_limited()
    }

    /// Whether nothing has failed yet.
    pub(in crate::client) const fn has_not_failed(&self) -> bool {
        self.history.failures == 0
    }

    /// Whether the last attempt failed in an outage, which is logged once for all calls.
    pub(in crate::client) fn is_in_outage(&self) -> bool {
        self.context == FailureContext::Outage
    }

    /// Sets the scope of the last failure, and whether any server has ever `answered` this client.
    pub(in crate::client) const fn set_failure_scope(
        &mut self,
        scope: FailureScope,
        answered: bool,
    ) {
        self.answered = answered;
        self.context = match scope {
            FailureScope::Isolated => FailureContext::Isolated,
            FailureScope::Shared => FailureContext::Shared,
            FailureScope::Outage => FailureContext::Outage,
        };
    }

    /// Sets the minimum pause before the next authorization, since authorizations are rate-limited.
    pub(in crate::client) const fn set_min_pause(&mut self, pause: Duration) {
        self.min_pause = pause;
    }

    /// Records that this machine had no resources for the last attempt. While other calls succeed,
    /// resources will become available, so the retry duration restarts with each success;
    /// `progress` is the number of successes.
    pub(in crate::client) fn set_local_exhaustion(&mut self, progress: u64, now: Instant) {
        if self.progress.replace(progress) != Some(progress) {
            self.first_failure = Some(now);
        }
        self.context = FailureContext::LocalExhaustion;
    }

    /// Waits for the end of an outage. `failed` is the number of probes that failed since the last
    /// check. Returns how long to wait, or why the call stops.
    pub(in crate::client) fn wait_for_recovery(
        &mut self,
        blocked: &Blocked,
        failed: u64,
        answered: bool,
        now: Instant,
    ) -> Result<Duration, RetryStopReason> {
        self.answered = answered;
        self.first_failure.get_or_insert(now);
        let failed = u32::try_from(failed).unwrap_or(u32::MAX);
        self.observed_failures = self.observed_failures.saturating_add(failed);
        // Without a failure the next attempt may succeed: another call's is in progress, or the
        // endpoint is recovering.
        if failed > 0 && self.is_exhausted(now) {
            return Err(RetryStopReason::Attempts);
        }
        let until = blocked.until.saturating_duration_since(now);
        let mut wait = until;
        for (left, why) in [
            (self.max_wait(now), RetryStopReason::Deadline),
            (
                self.first_connection_time_left(now),
                RetryStopReason::NeverConnected,
            ),
        ] {
            // Don't wait if nothing can end the wait before the limit.
            if left.is_zero() || blocked.is_idle && until >= left {
                return Err(why);
            }
            wait = wait.min(left);
        }
        Ok(wait)
    }

    /// Whether both the attempts and the minimum retry duration are used up.
    fn is_exhausted(&self, now: Instant) -> bool {
        let since_first = self
            .first_failure
            .map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
        let attempts = self.attempts.saturating_add(self.observed_failures);
        attempts >= self.policy.attempts(self.metadata.kind)
            && since_first >= self.policy.min_retry_duration
    }

    /// The remaining time of `first_connection_timeout`.
    fn first_connection_time_left(&self, now: Instant) -> Duration {
        if self.answered {
            return Duration::MAX;
        }
        let elapsed = now.saturating_duration_since(self.began);
        self.policy.first_connection_timeout.saturating_sub(elapsed)
    }

    /// Records a failed attempt. Returns the next action.
    pub(in crate::client) fn on_failure(
        &mut self,
        failure: &Error,
        body_spent: bool,
        now: Instant,
        quota: &RetryQuota,
        jitter: f64,
    ) -> RetryAction {
        self.first_failure.get_or_insert(now);
        let class = classify(failure);
        let next = decide(self.metadata.kind, class, self.history);
        self.record(class, next);
        if matches!(class, FailureClass::Mismatch)
            && self.mismatches.len() < MAX_REPORTED_MISMATCHES
        {
            self.mismatches
                .push((self.attempts, failure.what().to_owned()));
        }
        match next {
            Decision::Stop => RetryAction::Stop(None),
            Decision::Reauthorize => RetryAction::Reauthorize,
            Decision::Reconcile => RetryAction::Reconcile(LostResponse {
                since: self.since,
                rejection: match class {
                    FailureClass::Rejected(b2) => Some(b2.clone()),
                    _ => None,
                },
                version: ApiVersion::default(),
                may_still_execute: self.may_still_execute,
            }),
            Decision::Retry(pause) => self.retry(pause, failure, body_spent, now, quota, jitter),
        }
    }

    /// The next action after reconciliation found that the call has not taken effect.
    pub(in crate::client) fn on_not_executed(
        &mut self,
        failure: &Error,
        body_spent: bool,
        now: Instant,
        quota: &RetryQuota,
        jitter: f64,
    ) -> RetryAction {
        match classify(failure) {
            FailureClass::Rejected(_) => return RetryAction::Stop(None),
            FailureClass::Mismatch | FailureClass::Unreadable
                if self.history.invalid_responses > MAX_INVALID_RESPONSE_RETRIES =>
            {
                return RetryAction::Stop(None);
            }
            FailureClass::NonB2(status)
                if status != 429 && self.history.non_b2_responses > MAX_NON_B2_RETRIES =>
            {
                return RetryAction::Stop(None);
            }
            _ => {}
        }
        let kind = self.metadata.kind;
        let pause = if kind == CallKind::Upload && self.history.failures <= 2 {
            Delay::None
        } else {
            Delay::Backoff
        };
        self.retry(pause, failure, body_spent, now, quota, jitter)
    }

    /// The number of attempts so far, and the time since the call began.
    pub(in crate::client) fn attempts_and_elapsed(&self, now: Instant) -> (u32, Duration) {
        (self.attempts, now.saturating_duration_since(self.began))
    }

    /// The final error of the call, with attempts, duration and possible effect.
    pub(in crate::client) fn error(
        &self,
        failure: Error,
        retry_stop_reason: Option<RetryStopReason>,
        now: Instant,
    ) -> Error {
        let changes = matches!(self.metadata.kind, CallKind::Write | CallKind::Upload);
        let class = classify(&failure);
        // B2 stores only what it has received completely.
        let unread =
            self.metadata.kind == CallKind::Upload && matches!(class, FailureClass::RequestTimeout);
        let maybe = failure.may_have_taken_effect() && !unread;
        let effect = changes && (maybe || self.history.ambiguous);
        // The mismatch of the last attempt is the error itself.
        let is_last =
            |attempt: u32| attempt == self.attempts && matches!(class, FailureClass::Mismatch);
        let earlier = self
            .mismatches
            .iter()
            .filter(|(attempt, _)| !is_last(*attempt));
        let earlier = earlier.map(|(attempt, what)| format!("attempt {attempt}: {what}"));
        let earlier: Vec<_> = earlier.collect();
        let (attempts, elapsed) = self.attempts_and_elapsed(now);
        // A nested call may have its own stop reason.
        let retry_stop_reason = retry_stop_reason.or(failure.retry_stop_reason());
        let failure = match earlier.is_empty() {
            true => failure,
            false => failure.with_earlier(earlier),
        };
        failure
            .with_effect(effect)
            .with_retry_stop_reason(retry_stop_reason)
            .in_call(self.metadata.name, attempts, elapsed)
    }

    fn record(&mut self, class: FailureClass<'_>, next: Decision) {
        match class {
            FailureClass::Ambiguous | FailureClass::ConnectionLost => self.history.ambiguous = true,
            FailureClass::RequestTimeout => {
                self.history.ambiguous |= self.metadata.kind != CallKind::Upload
            }
            FailureClass::NonB2(_) => {
                self.history.ambiguous = true;
                self.history.non_b2_responses += 1;
            }
            FailureClass::MayStillExecute => {
                self.history.ambiguous = true;
                self.may_still_execute = true;
            }
            FailureClass::Mismatch | FailureClass::Unreadable => {
                self.history.invalid_responses += 1;
                self.history.ambiguous = true;
                // B2 stores an upload that arrived corrupted.
                self.possible_duplicate |= self.metadata.kind == CallKind::Upload
                    && matches!(class, FailureClass::Mismatch);
            }
            FailureClass::Rejected(b2)
                if b2.status == 400
                    && b2.code != "auth_token_limit"
                    && next == Decision::Retry(Delay::None) =>
            {
                self.history.invalid_responses += 1
            }
            FailureClass::Rejected(b2) if b2.status == 401 => self.history.rejected_urls += 1,
            _ => {}
        }
        if next != Decision::Reauthorize {
            self.history.failures += 1;
        }
    }

    fn retry(
        &mut self,
        pause: Delay,
        failure: &Error,
        body_spent: bool,
        now: Instant,
        quota: &RetryQuota,
        jitter: f64,
    ) -> RetryAction {
        if body_spent {
            return RetryAction::Stop(Some(RetryStopReason::BodyNotReplayable));
        }
        if self.is_exhausted(now) {
            return RetryAction::Stop(Some(RetryStopReason::Attempts));
        }
        let wish = failure.retry_after();
        if wish.is_some_and(|wish| wish > self.policy.max_retry_after) {
            return RetryAction::Stop(Some(RetryStopReason::Deadline));
        }
        let pause_for = self.pause(pause, wish, jitter);
        if pause_for >= self.max_wait(now) {
            return RetryAction::Stop(Some(RetryStopReason::Deadline));
        }
        if matches!(classify(failure), FailureClass::NotSent)
            && pause_for.max(self.min_pause) >= self.first_connection_time_left(now)
        {
            return RetryAction::Stop(Some(RetryStopReason::NeverConnected));
        }
        if self.draws_on_quota() && !quota.withdraw(cost(self.metadata.kind, failure)) {
            return RetryAction::Stop(Some(RetryStopReason::RetryQuotaExhausted));
        }
        RetryAction::Retry {
            pause: pause_for,
            is_shared: pause == Delay::Shared,
        }
    }

    /// Whether a retry draws on the quota, which bounds isolated failures.
    pub(in crate::client) const fn draws_on_quota(&self) -> bool {
        matches!(self.context, FailureContext::Isolated)
    }

    /// The pause before a retry. Half of a backoff is jitter; a `Retry-After` gets up to a second
    /// of jitter added.
    fn pause(&mut self, pause: Delay, wish: Option<Duration>, jitter: f64) -> Duration {
        let mut backoff = Duration::ZERO;
        match self.context {
            // The wait for recovery is shared.
            FailureContext::Outage => {}
            // The pause also lets other calls release resources.
            FailureContext::LocalExhaustion => {
                backoff = self.policy.pause(0, jitter).max(MIN_UNCHARGED_PAUSE)
            }
            _ if pause == Delay::None => {}
            _ => {
                backoff = self.policy.pause(self.backoffs, jitter);
                self.backoffs = self.backoffs.saturating_add(1);
                if !self.draws_on_quota() {
                    backoff = backoff.max(MIN_UNCHARGED_PAUSE);
                }
            }
        }
        match wish {
            Some(wish) => {
                let apart = fraction(Duration::from_secs(1), jitter);
                wish.max(backoff).saturating_add(apart)
            }
            None => backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use b2kit_core::{HttpError, HttpErrorKind, Phase, SystemTimer, Timer as _};

    use super::*;
    use crate::api::{Call as _, ListBuckets, Reply, UpdateBucket, UploadFile};
    use crate::error::{B2Error, ErrorKind};

    fn busy() -> Error {
        Error::from_b2(B2Error {
            status: 503,
            code: "service_unavailable".to_owned(),
            message: String::new(),
        })
    }

    /// Fails every attempt with `failure`. Returns the pauses, and the stop reason.
    fn state(
        metadata: &CallMetadata,
        policy: RetryPolicy,
        failure: &Error,
        jitter: f64,
    ) -> (Vec<Duration>, Option<RetryStopReason>) {
        let (mut now, quota) = (SystemTimer.now(), RetryQuota::default());
        let mut state = RetryState::new(metadata, &Arc::new(policy), now);
        let mut pauses = Vec::new();
        loop {
            state.start_attempt(None);
            match state.on_failure(failure, false, now, &quota, jitter) {
                RetryAction::Retry { pause, .. } => {
                    now += pause;
                    pauses.push(pause);
                }
                RetryAction::Stop(why) => return (pauses, why),
                step => panic!("{step:?}"),
            }
        }
    }

    #[test]
    fn backoff_doubles_up_to_the_maximum_with_jitter_of_half() {
        let policy = RetryPolicy {
            deadline: Some(Duration::from_secs(100_000)),
            max_api_attempts: 9,
            ..RetryPolicy::default()
        };
        for (jitter, factor) in [(0.0, 0.5), (0.5, 0.75)] {
            let (pauses, why) = state(&ListBuckets::METADATA, policy.clone(), &busy(), jitter);
            let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0];
            let pauses: Vec<_> = pauses.iter().map(Duration::as_secs_f64).take(8).collect();
            assert_eq!(pauses, expected.map(|seconds| seconds * factor));
            assert_eq!(why, Some(RetryStopReason::Attempts));
        }
    }

    #[test]
    fn a_call_is_retried_for_the_minimum_duration_regardless_of_its_attempts() {
        let (pauses, why) = state(&ListBuckets::METADATA, RetryPolicy::default(), &busy(), 0.0);
        assert!(
            pauses.len() >= 8 && pauses.iter().sum::<Duration>() >= Duration::from_secs(120),
            "{pauses:?}"
        );
        assert_eq!(why, Some(RetryStopReason::Attempts));
        assert_eq!(
            state(
                &ListBuckets::METADATA,
                RetryPolicy::disabled(),
                &busy(),
                0.0
            ),
            (vec![], Some(RetryStopReason::Attempts))
        );
    }

    #[test]
    fn a_call_fails_at_once_if_the_pause_exceeds_the_deadline() {
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(4));
        let (pauses, why) = state(&ListBuckets::METADATA, policy.clone(), &busy(), 0.99);
        assert_eq!(
            (pauses.len(), why),
            (2, Some(RetryStopReason::Deadline)),
            "{pauses:?}"
        );
    }

    #[test]
    fn retry_after_is_the_minimum_pause_and_too_long_a_one_ends_the_call() {
        let policy = RetryPolicy {
            max_api_attempts: 2,
            min_retry_duration: Duration::ZERO,
            ..RetryPolicy::default()
        };
        let wish = |seconds| busy().with_retry_after(Some(Duration::from_secs(seconds)));
        let (pauses, _) = state(&ListBuckets::METADATA, policy.clone(), &wish(7), 0.5);
        assert_eq!(pauses, [Duration::from_millis(7_500)]);
        for seconds in [301, 1_000_000_000, u64::MAX] {
            let retry_stop_reason =
                state(&ListBuckets::METADATA, policy.clone(), &wish(seconds), 0.5);
            assert_eq!(retry_stop_reason, (vec![], Some(RetryStopReason::Deadline)));
        }
    }

    #[test]
    fn a_consumed_body_is_not_retried() {
        let metadata = UploadFile::METADATA;
        let (now, quota, policy) = (
            SystemTimer.now(),
            RetryQuota::default(),
            RetryPolicy::default(),
        );
        let mut state = RetryState::new(&metadata, &Arc::new(policy), now);
        state.start_attempt(None);
        let step = state.on_failure(&busy(), true, now, &quota, 0.0);
        assert!(
            matches!(
                step,
                RetryAction::Stop(Some(RetryStopReason::BodyNotReplayable))
            ),
            "{step:?}"
        );
    }

    #[test]
    fn a_deadline_during_an_attempt_is_not_reported_as_the_earlier_failure() {
        let metadata = ListBuckets::METADATA;
        let (now, policy) = (SystemTimer.now(), RetryPolicy::default());
        let mut state = RetryState::new(&metadata, &Arc::new(policy), now);
        state.start_attempt(None);
        state.remember_failure(busy());
        state.start_attempt(None);
        // The first was certainly rejected; the second may have been executed.
        assert!(state.take_last_failure().is_none());
    }

    fn refused() -> Error {
        Error::http(HttpError::new(HttpErrorKind::Connect, Phase::NotSent))
    }

    /// Fails every attempt in this context. Returns how long the call was retried, and the stop
    /// reason.
    fn goes_on(
        quota: &RetryQuota,
        policy: RetryPolicy,
        context: impl Fn(&mut RetryState<'_>, Instant),
    ) -> (Duration, Option<RetryStopReason>) {
        let metadata = ListBuckets::METADATA;
        let began = SystemTimer.now();
        let mut now = began;
        let mut state = RetryState::new(&metadata, &Arc::new(policy), now);
        loop {
            state.start_attempt(None);
            context(&mut state, now);
            match state.on_failure(&refused(), false, now, quota, 0.0) {
                // In an outage the pause is shared, so it is not part of the action.
                RetryAction::Retry { pause, .. } => now += pause.max(Duration::from_secs(1)),
                RetryAction::Stop(why) => return (now - began, why),
                step => panic!("{step:?}"),
            }
        }
    }

    #[test]
    fn outages_and_local_exhaustion_cost_no_quota_and_end_by_policy() {
        let quota = RetryQuota::default();
        assert!(quota.withdraw(500));
        let policy = RetryPolicy::default;
        let own = goes_on(&quota, policy(), |state, _| {
            state.set_failure_scope(FailureScope::Isolated, true)
        });
        assert_eq!(
            own,
            (Duration::ZERO, Some(RetryStopReason::RetryQuotaExhausted))
        );
        for scope in [FailureScope::Shared, FailureScope::Outage] {
            let shared = |state: &mut RetryState<'_>, _| state.set_failure_scope(scope, true);
            let (took, why) = goes_on(&quota, policy(), shared);
            assert!(took >= policy().min_retry_duration, "{scope:?}: {took:?}");
            assert_eq!(why, Some(RetryStopReason::Attempts), "{scope:?}");
        }
        let full = |state: &mut RetryState<'_>, now| state.set_local_exhaustion(0, now);
        let (took, why) = goes_on(&quota, policy(), full);
        assert_eq!(
            (took, why),
            (policy().min_retry_duration, Some(RetryStopReason::Attempts))
        );
    }

    #[test]
    fn a_throttled_call_is_retried_up_to_its_deadline_while_others_succeed() {
        let others = Cell::new(0);
        let full = |state: &mut RetryState<'_>, now| {
            others.set(others.get() + 1);
            state.set_local_exhaustion(others.get() / 100, now);
        };
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(1_000));
        let (took, why) = goes_on(&RetryQuota::default(), policy, full);
        assert!(took > Duration::from_secs(990), "{took:?}");
        assert_eq!(why, Some(RetryStopReason::Deadline));
    }

    #[test]
    fn a_client_that_never_connected_fails_after_first_connection_timeout() {
        for scope in [
            FailureScope::Isolated,
            FailureScope::Shared,
            FailureScope::Outage,
        ] {
            for (limit, most) in [(10, 10), (0, 0), (60, 60)] {
                let policy = RetryPolicy {
                    first_connection_timeout: Duration::from_secs(limit),
                    ..RetryPolicy::default()
                };
                let never = |state: &mut RetryState<'_>, _| state.set_failure_scope(scope, false);
                let (took, why) = goes_on(&RetryQuota::default(), policy, never);
                assert!(took <= Duration::from_secs(most), "{scope:?}: {took:?}");
                assert_eq!(why, Some(RetryStopReason::NeverConnected), "{scope:?}");
            }
        }
    }

    #[test]
    fn an_exhausted_quota_ends_the_call() {
        let (now, quota, policy) = (
            SystemTimer.now(),
            RetryQuota::default(),
            RetryPolicy::default(),
        );
        assert!(quota.withdraw(500));
        let metadata = ListBuckets::METADATA;
        let mut state = RetryState::new(&metadata, &Arc::new(policy), now);
        state.start_attempt(None);
        let step = state.on_failure(&busy(), false, now, &quota, 0.0);
        assert!(
            matches!(
                step,
                RetryAction::Stop(Some(RetryStopReason::RetryQuotaExhausted))
            ),
            "{step:?}"
        );
    }

    #[test]
    fn the_longest_retry_after_is_honored() {
        let policy = RetryPolicy::default()
            .with_max_api_attempts(2)
            .with_min_retry_duration(Duration::ZERO)
            .with_deadline(Duration::from_secs(1_000));
        let longest = policy.max_retry_after;
        let wish = busy().with_retry_after(Some(longest));
        let (pauses, _) = state(&ListBuckets::METADATA, policy, &wish, 0.0);
        assert_eq!(pauses, [longest]);
    }

    fn non_b2(status: u16) -> Error {
        let response = http::Response::builder().status(status).body(()).unwrap();
        let reply = Reply::whole(response.into_parts().0, "<html>".into());
        Error::from_non_b2(reply.error(false).unwrap_err())
    }

    /// The pauses in milliseconds before the retries of a call whose attempts all fail like this, and of which
    /// reconciliation finds each time that it did not execute. `None` if the call stops.
    fn after_reconciliation(metadata: &CallMetadata, failure: &Error) -> [Option<u128>; 3] {
        let (now, quota) = (SystemTimer.now(), RetryQuota::default());
        let mut state = RetryState::new(metadata, &Arc::new(RetryPolicy::default()), now);
        [(); 3].map(|()| {
            state.start_attempt(None);
            let action = state.on_failure(failure, false, now, &quota, 0.0);
            assert!(matches!(action, RetryAction::Reconcile(_)), "{action:?}");
            match state.on_not_executed(failure, false, now, &quota, 0.0) {
                RetryAction::Retry { pause, .. } => Some(pause.as_millis()),
                RetryAction::Stop(None) => None,
                action => panic!("{action:?}"),
            }
        })
    }

    #[test]
    fn a_call_that_did_not_execute_is_retried_unless_its_responses_stay_invalid() {
        let unreadable = Error::new(ErrorKind::Protocol, "the response is not JSON");
        let backoff = [Some(500), Some(1_000), Some(2_000)];
        let twice = [Some(500), Some(1_000), None];
        for (metadata, failure, expected) in [
            (UpdateBucket::METADATA, &reset(), backoff),
            (
                UploadFile::METADATA,
                &reset(),
                [Some(0), Some(0), Some(500)],
            ),
            (UpdateBucket::METADATA, &unreadable, twice),
            (UpdateBucket::METADATA, &non_b2(403), twice),
            (UpdateBucket::METADATA, &non_b2(429), backoff),
        ] {
            let pauses = after_reconciliation(&metadata, failure);
            assert_eq!(pauses, expected, "{}: {failure}", metadata.name);
        }
    }

    #[test]
    fn a_rejection_that_reconciliation_explains_no_other_way_ends_the_call() {
        let (now, quota) = (SystemTimer.now(), RetryQuota::default());
        let metadata = UpdateBucket::METADATA;
        let mut state = RetryState::new(&metadata, &Arc::default(), now);
        state.start_attempt(None);
        let action = state.on_not_executed(&busy(), false, now, &quota, 0.0);
        assert!(matches!(action, RetryAction::Stop(None)), "{action:?}");
    }

    fn b2(status: u16, code: &str, message: &str) -> Error {
        Error::from_b2(B2Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    fn reset() -> Error {
        Error::http(HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun))
    }

    fn new_state(metadata: &CallMetadata) -> RetryState<'_> {
        RetryState::new(metadata, &Arc::default(), SystemTimer.now())
    }

    /// Fails another attempt.
    fn fail(state: &mut RetryState<'_>, failure: &Error) -> RetryAction {
        state.start_attempt(None);
        state.on_failure(failure, false, state.began, &RetryQuota::default(), 0.0)
    }

    #[test]
    fn reconciliation_learns_when_the_call_began_and_what_may_have_happened() {
        let time = |millis| Some(Timestamp::from_millis(millis));
        let metadata = UpdateBucket::METADATA;
        let mut state = new_state(&metadata);
        let mut fail_at = |since, failure| {
            state.start_attempt(since);
            let now = state.began;
            match state.on_failure(&failure, false, now, &RetryQuota::default(), 0.0) {
                RetryAction::Reconcile(lost) => lost,
                action => panic!("{action:?}"),
            }
        };
        let lost = fail_at(time(1), reset());
        assert_eq!((lost.since, lost.may_still_execute), (time(1), false));
        assert!(lost.rejection.is_none());
        // A proxy timed out.
        let lost = fail_at(time(2), b2(504, "", ""));
        assert_eq!((lost.since, lost.may_still_execute), (time(1), true));
        // An earlier attempt may be the reason for this.
        let lost = fail_at(time(3), b2(409, "conflict", ""));
        assert_eq!(lost.rejection.map(|b2| b2.status), Some(409));
        assert!(lost.may_still_execute);
    }

    #[test]
    fn only_responses_about_corrupt_bytes_count_as_invalid_responses_to_an_upload() {
        let metadata = UploadFile::METADATA;
        let corrupt = b2(400, "bad_request", "Sha1 did not match data received");
        let in_use = b2(400, "auth_token_limit", "");
        let mut state = new_state(&metadata);
        for failure in [&busy(), &in_use, &corrupt, &corrupt] {
            let action = fail(&mut state, failure);
            assert!(matches!(action, RetryAction::Retry { .. }), "{action:?}");
        }
        let action = fail(&mut state, &corrupt);
        assert!(matches!(action, RetryAction::Stop(None)), "{action:?}");
    }

    #[test]
    fn an_upload_stops_at_the_second_url_that_it_may_not_use() {
        let metadata = UploadFile::METADATA;
        let denied = b2(401, "unauthorized", "");
        let mut state = new_state(&metadata);
        for failure in [&busy(), &denied] {
            let action = fail(&mut state, failure);
            assert!(matches!(action, RetryAction::Retry { .. }), "{action:?}");
        }
        let action = fail(&mut state, &denied);
        assert!(matches!(action, RetryAction::Stop(None)), "{action:?}");
    }

    #[test]
    fn a_token_is_renewed_once_for_a_call_and_that_is_no_failure() {
        let metadata = ListBuckets::METADATA;
        let expired = b2(401, "expired_auth_token", "");
        let mut state = new_state(&metadata);
        let action = fail(&mut state, &expired);
        assert!(matches!(action, RetryAction::Reauthorize), "{action:?}");
        assert!(state.has_not_failed());
        state.reauthorized();
        let action = fail(&mut state, &expired);
        assert!(matches!(action, RetryAction::Stop(None)), "{action:?}");
        assert!(!state.has_not_failed());
        assert_eq!(state.attempts(), 2);
        assert_eq!(state.attempts_and_limit(), (2, 8));
        let elapsed = Duration::from_secs(3);
        let now = state.began + elapsed;
        assert_eq!(state.attempts_and_elapsed(now), (2, elapsed));
    }

    #[test]
    fn only_an_upload_that_arrived_corrupt_may_be_stored_besides_its_retry() {
        let (upload, update) = (UploadFile::METADATA, UpdateBucket::METADATA);
        let corrupt = Error::new(ErrorKind::Integrity, "another SHA-1");
        let unreadable = Error::new(ErrorKind::Protocol, "not JSON");
        for (metadata, failure, expected) in [
            (&upload, &corrupt, true),
            (&upload, &unreadable, false),
            (&upload, &busy(), false),
            (&update, &corrupt, false),
        ] {
            let mut state = new_state(metadata);
            fail(&mut state, failure);
            assert_eq!(state.is_possible_duplicate(), expected, "{failure}");
            // It remains so.
            fail(&mut state, &busy());
            assert_eq!(state.is_possible_duplicate(), expected, "{failure}");
            state.mark_possible_duplicate();
            assert!(state.is_possible_duplicate());
        }
    }

    #[test]
    fn a_pooled_upload_url_is_used_at_first_and_after_failures_that_do_not_concern_it() {
        let metadata = UploadFile::METADATA;
        for (failure, expected) in [
            (b2(429, "too_many_requests", ""), true),
            (busy(), false),
            (reset(), false),
        ] {
            let mut state = new_state(&metadata);
            assert!(state.is_first_attempt() && state.may_reuse_url());
            fail(&mut state, &failure);
            state.remember_failure(failure.clone());
            assert!(!state.is_first_attempt());
            assert_eq!(state.may_reuse_url(), expected, "{failure}");
            state.set_local_exhaustion(0, state.began);
            assert!(state.may_reuse_url(), "{failure}");
        }
    }

    #[test]
    fn the_failure_of_the_last_attempt_is_kept_until_the_next_one_begins() {
        let metadata = ListBuckets::METADATA;
        let mut state = new_state(&metadata);
        state.start_attempt(None);
        state.remember_failure(busy());
        state.remember_failure_if_none(|| unreachable!("there is one"));
        let status = |failure: Option<Error>| failure.and_then(|failure| failure.status());
        assert_eq!(status(state.take_last_failure()), Some(503));
        state.remember_failure_if_none(|| b2(429, "too_many_requests", ""));
        assert_eq!(status(state.take_last_failure()), Some(429));
        assert_eq!(status(state.take_last_failure()), None);
    }

    #[test]
    fn an_error_says_whether_the_call_may_have_taken_effect() {
        let (read, write, upload) = (
            ListBuckets::METADATA,
            UpdateBucket::METADATA,
            UploadFile::METADATA,
        );
        let late = || b2(408, "request_timeout", "");
        for (metadata, failures, expected) in [
            (&read, vec![reset()], false),
            (&write, vec![reset()], true),
            (&write, vec![busy()], false),
            (&write, vec![refused()], false),
            (&write, vec![reset(), busy()], true),
            (&write, vec![late(), busy()], true),
            (&write, vec![non_b2(403), busy()], true),
            (&write, vec![b2(504, "", ""), busy()], true),
            (&upload, vec![reset()], true),
            (&upload, vec![late()], false),
            (&upload, vec![late(), busy()], false),
        ] {
            let mut state = new_state(metadata);
            for failure in &failures {
                fail(&mut state, failure);
            }
            let last = failures.last().unwrap().clone();
            let error = state.error(last, None, state.began);
            let told = format!("{}: {failures:?}", metadata.name);
            assert_eq!(error.may_have_taken_effect(), expected, "{told}");
        }
        // The last failure counts even if it was not recorded.
        let state = new_state(&upload);
        let error = state.error(reset(), None, state.began);
        assert!(error.may_have_taken_effect());
    }

    #[test]
    fn an_error_lists_the_corrupt_responses_of_earlier_attempts() {
        let metadata = ListBuckets::METADATA;
        let corrupt = |what: &str| Error::new(ErrorKind::Integrity, what);
        let mut state = new_state(&metadata);
        for failure in [busy(), corrupt("first"), corrupt("second")] {
            fail(&mut state, &failure);
        }
        let told = |state: &RetryState<'_>, failure| {
            let error = state.error(failure, None, state.began).to_string();
            let listed: Vec<_> = error.match_indices("attempt ").collect();
            (listed.len(), error)
        };
        let (listed, same) = told(&state, corrupt("second"));
        assert!(listed == 1 && same.contains("attempt 2: first"), "{same}");
        let (listed, other) = told(&state, busy());
        assert!(
            listed == 2 && other.contains("attempt 3: second"),
            "{other}"
        );
        for failure in [corrupt("third"), corrupt("fourth"), busy()] {
            fail(&mut state, &failure);
        }
        let (listed, other) = told(&state, busy());
        assert!(listed == 3 && other.contains("attempt 4: third"), "{other}");
    }

    #[test]
    fn a_pause_is_shared_after_429_and_left_to_the_outage_during_one() {
        let metadata = ListBuckets::METADATA;
        for (failure, expected) in [(b2(429, "too_many_requests", ""), true), (busy(), false)] {
            let action = fail(&mut new_state(&metadata), &failure);
            let RetryAction::Retry { is_shared, .. } = action else {
                panic!("{action:?}");
            };
            assert_eq!(is_shared, expected, "{failure}");
        }
        let policy = RetryPolicy::default().with_initial_backoff(Duration::from_millis(1));
        for (scope, millis) in [
            (FailureScope::Isolated, 0),
            (FailureScope::Shared, 100),
            (FailureScope::Outage, 0),
        ] {
            let mut state =
                RetryState::new(&metadata, &Arc::new(policy.clone()), SystemTimer.now());
            state.set_failure_scope(scope, true);
            assert_eq!(state.is_in_outage(), scope == FailureScope::Outage);
            let action = fail(&mut state, &reset());
            let RetryAction::Retry { pause, .. } = action else {
                panic!("{action:?}");
            };
            assert_eq!(pause.as_millis(), millis, "{scope:?}");
        }
    }

    #[test]
    fn the_pause_of_authorizations_counts_towards_the_first_connection() {
        let metadata = ListBuckets::METADATA;
        for (seconds, expected) in [(9, false), (10, true)] {
            let mut state = new_state(&metadata);
            state.set_failure_scope(FailureScope::Isolated, false);
            state.set_min_pause(Duration::from_secs(seconds));
            let action = fail(&mut state, &refused());
            let never = matches!(
                action,
                RetryAction::Stop(Some(RetryStopReason::NeverConnected))
            );
            assert_eq!(never, expected, "{seconds} s: {action:?}");
        }
    }
}
