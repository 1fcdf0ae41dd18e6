//! [`RetryState`]: the retry state of one call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use b2kit_core::time::{FOREVER, share};

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

/// The minimum pause between attempts that don't draw on the quota, whatever the policy says.
const MIN_UNCHARGED_PAUSE: Duration = Duration::from_millis(100);

/// The retry state of one call. Pure except for the shared quota: time and jitter are parameters.
#[derive(Debug)]
pub(in crate::client) struct RetryState<'a> {
    metadata: &'a CallMetadata,
    policy: Arc<RetryPolicy>,
    began: Instant,
    first_failure: Option<Instant>,
    attempts: u32,
    /// Pauses with backoff so far.
    backoffs: u32,
    history: History,
    since: Option<Timestamp>,
    /// Some attempt may still be carried out.
    may_still_execute: bool,
    /// B2 may have stored the result of an earlier attempt as well.
    possible_duplicate: bool,
    /// Why the last attempt failed: the error if the deadline passes next.
    last: Option<Error>,
    /// The attempts with mismatched responses, and what those said.
    mismatches: Vec<(u32, String)>,
    /// The context of the last failure.
    context: FailureContext,
    /// Whether any server has ever answered this client.
    answered: bool,
    /// The next attempt waits at least this long for another reason.
    min_pause: Duration,
    /// Others' attempts that failed while this call waited for the end of an outage.
    observed_failures: u32,
    /// How many calls had succeeded when this machine last ran out of resources.
    progress: Option<u64>,
}

/// The context of a failure, which decides whether a retry draws on the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureContext {
    /// It is the call's own: a retry draws on the quota.
    Isolated,
    /// It is shared with other calls: a retry is free.
    Shared,
    /// It is part of an outage: a retry is free, and the pause is shared.
    Outage,
    /// This machine ran out of descriptors or ports.
    LocalExhaustion,
}

/// So many mismatched responses are named in the error.
const MAX_REPORTED_MISMATCHES: usize = 3;

/// What the loop does next.
#[derive(Debug)]
pub(in crate::client) enum RetryAction {
    /// Waits, and makes another attempt. If `is_shared`, all calls of the kind wait.
    Retry { pause: Duration, is_shared: bool },
    /// Renews the token, and makes another attempt.
    Reauthorize,
    /// Asks B2 whether the call has taken effect.
    Reconcile(LostResponse),
    /// Stops.
    Stop(Option<RetryStopReason>),
}

impl<'a> RetryState<'a> {
    /// A call begins.
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

    /// An attempt begins. `since` is the server's time, as last heard: of the authorization or the upload
    /// URL, for a first call.
    pub(in crate::client) fn start_attempt(&mut self, since: Option<Timestamp>) {
        if self.attempts == 0 {
            self.since = since;
        }
        self.attempts += 1;
        // It is unknown whether this attempt has an effect, whatever is known of the previous one.
        self.last = None;
    }

    /// The account is authorized again for this call. Once is enough: if a new token is rejected,
    /// the token is not the reason.
    pub(in crate::client) const fn reauthorized(&mut self) {
        self.history.reauthorized = true;
    }

    /// Remembers why an attempt failed that is followed by another.
    pub(in crate::client) fn remember_failure(&mut self, failure: Error) {
        self.last = Some(failure);
    }

    /// Remembers what the call waits for, unless an attempt of its own has failed.
    pub(in crate::client) fn remember_failure_if_none(&mut self, why: impl FnOnce() -> Error) {
        self.last.get_or_insert_with(why);
    }

    /// Why the last attempt failed, if one did.
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

    /// It is unknown whether an attempt that is followed by another has taken effect.
    pub(in crate::client) const fn mark_possible_duplicate(&mut self) {
        self.possible_duplicate = true;
    }

    /// Whether B2 may hold the result of more attempts than one.
    pub(in crate::client) const fn is_possible_duplicate(&self) -> bool {
        self.possible_duplicate
    }

    /// The time that is left to a call that has a deadline.
    pub(in crate::client) fn time_left(&self, now: Instant) -> Option<Duration> {
        let deadline = self.policy.deadline_of(self.metadata)?;
        Some(deadline.saturating_sub(now.saturating_duration_since(self.began)))
    }

    /// How long the call may wait before another attempt.
    pub(in crate::client) fn max_wait(&self, now: Instant) -> Duration {
        self.time_left(now)
            .map_or(FOREVER, |left| left.min(FOREVER))
    }

    /// Whether an attempt may use a pooled upload URL. After a failure all of them may be invalid.
    pub(in crate::client) fn may_reuse_url(&self) -> bool {
        self.is_first_attempt() || self.context == FailureContext::LocalExhaustion
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

    /// The next authorization has to wait at least this long, since authorizations are rate-limited.
    pub(in crate::client) const fn set_min_pause(&mut self, pause: Duration) {
        self.min_pause = pause;
    }

    /// This machine had no resources for the last attempt. While other calls succeed it will have
    /// some, so the time counts from the last success; `progress` is the number of successes.
    pub(in crate::client) fn set_local_exhaustion(&mut self, progress: u64, now: Instant) {
        if self.progress.replace(progress) != Some(progress) {
            self.first_failure = Some(now);
        }
        self.context = FailureContext::LocalExhaustion;
    }

    /// The call waits for the end of an outage, in which so many other attempts have `failed` since
    /// it last looked. Returns how long it may wait, or why it stops.
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
        if self.is_exhausted(now) {
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
            // Where nothing can happen before, waiting is of no use.
            if left.is_zero() || blocked.is_idle && until >= left {
                return Err(why);
            }
            wait = wait.min(left);
        }
        Ok(wait)
    }

    /// Whether the attempts and the time that the policy allows are used up.
    fn is_exhausted(&self, now: Instant) -> bool {
        let since_first = self
            .first_failure
            .map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
        let attempts = self.attempts.saturating_add(self.observed_failures);
        attempts >= self.policy.attempts(self.metadata.kind)
            && since_first >= self.policy.min_retry_duration
    }

    /// How much longer the call is retried without any connection.
    fn first_connection_time_left(&self, now: Instant) -> Duration {
        if self.answered {
            return Duration::MAX;
        }
        let elapsed = now.saturating_duration_since(self.began);
        self.policy.first_connection_timeout.saturating_sub(elapsed)
    }

    /// An attempt has failed.
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
            Decision::GiveUp => RetryAction::Stop(None),
            Decision::Reauthorize => RetryAction::Reauthorize,
            Decision::Reconcile => RetryAction::Reconcile(LostResponse {
                since: self.since,
                refusal: match class {
                    FailureClass::Rejected(b2) => Some(b2.clone()),
                    _ => None,
                },
                version: ApiVersion::default(),
                may_still_execute: self.may_still_execute,
            }),
            Decision::Retry(pause) => self.retry(pause, failure, body_spent, now, quota, jitter),
        }
    }

    /// B2 says that a call whose response was lost has not taken effect.
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

    /// The attempts until now, and the time.
    pub(in crate::client) fn attempts_and_elapsed(&self, now: Instant) -> (u32, Duration) {
        (self.attempts, now.saturating_duration_since(self.began))
    }

    /// The error, with what is known of the call.
    pub(in crate::client) fn error(
        &self,
        failure: Error,
        retry_stop_reason: Option<RetryStopReason>,
        now: Instant,
    ) -> Error {
        let changes = matches!(self.metadata.kind, CallKind::Write | CallKind::Upload);
        let class = classify(&failure);
        // B2 stores nothing that it has not received completely.
        let unread =
            self.metadata.kind == CallKind::Upload && matches!(class, FailureClass::RequestTimeout);
        let maybe = failure.may_have_taken_effect() && !unread;
        let effect = changes && (maybe || self.history.ambiguous);
        // The response of the last attempt is the error itself.
        let is_last =
            |attempt: u32| attempt == self.attempts && matches!(class, FailureClass::Mismatch);
        let earlier = self
            .mismatches
            .iter()
            .filter(|(attempt, _)| !is_last(*attempt));
        let earlier = earlier.map(|(attempt, what)| format!("attempt {attempt}: {what}"));
        let earlier: Vec<_> = earlier.collect();
        let (attempts, elapsed) = self.attempts_and_elapsed(now);
        // A call within this one may have stopped for a reason of its own.
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
                // An upload that arrived corrupted is stored nevertheless.
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

    /// Half of the backoff is jitter, and so is up to a second after a `Retry-After`.
    fn pause(&mut self, pause: Delay, wish: Option<Duration>, jitter: f64) -> Duration {
        let mut backoff = Duration::ZERO;
        match self.context {
            // All wait together.
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
                let apart = share(Duration::from_secs(1), jitter);
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
    use crate::api::{Call as _, ListBuckets, UploadFile};
    use crate::error::B2Error;

    fn busy() -> Error {
        Error::from_b2(B2Error {
            status: 503,
            code: "service_unavailable".to_owned(),
            message: String::new(),
        })
    }

    /// Fails with `failure` until it is given up; the pauses, and why.
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
    fn a_call_is_retried_for_the_minimum_duration_whatever_the_attempts() {
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
        // The first was refused for sure; the second may have been carried out.
        assert!(state.take_last_failure().is_none());
    }

    fn refused() -> Error {
        Error::http(HttpError::new(HttpErrorKind::Connect, Phase::NotSent))
    }

    /// How long a call goes on whose every attempt fails like that, and why no longer.
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
                // In an outage the pause is everybody's.
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
}
