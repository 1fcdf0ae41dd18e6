//! The loop of every call: authorize, build the request, wait for admission, send, classify the
//! outcome, retry.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use b2kit_core::time::saturating_add;
use b2kit_core::{HttpError, HttpErrorKind, Phase, Request};
use futures_util::future::{BoxFuture, Either, select};
use http::header::AUTHORIZATION;
use tracing::{Instrument as _, debug, warn};

use super::admission::{admit, pause_kind};
use super::attempt::{AttemptContext, apply_common_headers, build_request, deadlines};
use super::erased_call::{CallWithOutput, ErasedCall};
use super::exchange::exchange;
use super::handle::Client;
use super::retry::classifier::is_local_exhaustion;
use super::retry::limiter::Permit;
use super::retry::state::{RetryAction, RetryState};
use super::telemetry::{CallLabel, RetryWait};
use crate::api::{
    Call, CallExecutor, CallKind, CallMetadata, LostResponse, Reconciliation, Subject,
};
use crate::error::{Error, RetryStopReason};

impl Client {
    /// Makes one call.
    ///
    /// Authorizes the account first if necessary, and again when B2 says that the token has
    /// expired. Transient errors are retried with backoff, as the
    /// [`RetryPolicy`](crate::RetryPolicy) says. If a response is lost, the client asks B2 whether
    /// the call has taken effect before it repeats the call, so nothing harmful is done twice.
    ///
    /// ```
    /// # use b2kit::{Client, Error, api::GetFileInfo, types::FileId};
    /// # async fn size(b2: Client, file_id: FileId) -> Result<u64, Error> {
    /// let file = b2.call(GetFileInfo::new(file_id)).await?;
    /// # Ok(file.content_length)
    /// # }
    /// ```
    ///
    /// # Errors
    /// Any [`ErrorKind`](crate::ErrorKind) except `Destination` and `ShutDown`, which are errors of
    /// transfers. [`CallMetadata`](crate::api::CallMetadata) and the call's own page say more.
    /// [`Error::is_retryable`] says whether trying again later makes sense,
    /// [`Error::may_have_taken_effect`] whether B2 may have carried out the call despite the error.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. B2 may still carry out what it has received by
    /// then; each call's page says what that leaves behind.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Output, Error> {
        run(self, &call).await
    }
}

impl CallExecutor for Client {
    async fn execute<C: Call + 'static>(&self, call: C) -> Result<C::Output, Error> {
        run(self, &call).await
    }
}

/// Makes a call.
async fn run<C: Call>(client: &Client, call: &C) -> Result<C::Output, Error> {
    let mut call = CallWithOutput::new(call);
    run_erased(client, call.subject(), &mut call).await?;
    Ok(call.into_output().expect("the call has succeeded"))
}

/// Makes a call, which then has its output.
///
/// The future is boxed for two reasons: it would be by far the largest part of every future that
/// makes a call, and those are moved; and an attempt may need another call, for its upload URL or
/// its session, so the future would contain itself.
fn run_erased<'a>(
    client: &'a Client,
    subject: Subject<'a>,
    call: &'a mut dyn ErasedCall,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let (redactor, transfer) = (&client.shared.redactor, client.transfer.as_deref());
        let metadata = call.metadata();
        let label = CallLabel::new(redactor, transfer, metadata.name, subject);
        let mut call_loop = CallLoop {
            client,
            metadata,
            call,
            label,
        };
        let outcome = call_loop.run_in_time().instrument(label.span()).await;
        // Not earlier: the classifier needs B2's unredacted response.
        outcome.map_err(|error| client.redacted(label.add_to(error)))
    })
}

/// The state of the loop.
struct CallLoop<'a> {
    client: &'a Client,
    metadata: &'static CallMetadata,
    call: &'a mut dyn ErasedCall,
    label: CallLabel<'a>,
}

/// An attempt that has failed.
struct FailedAttempt {
    context: AttemptContext,
    failure: Error,
    elapsed: Duration,
    /// A random number from 0 to 1, for the pause after the attempt.
    jitter: f64,
}

impl CallLoop<'_> {
    /// Runs the loop within the deadline of the call, whatever it is waiting for.
    async fn run_in_time(&mut self) -> Result<(), Error> {
        let (client, metadata) = (self.client, self.metadata);
        self.call
            .check()
            .map_err(|error| error.in_call(metadata.name, 0, Duration::ZERO))?;
        let mut state = RetryState::new(metadata, &client.policy, client.now());
        let too_late = match client.policy.deadline_of(metadata) {
            Some(deadline) => Either::Left(client.shared.timer.sleep(deadline)),
            None => Either::Right(pending()),
        };
        {
            let attempts = pin!(self.run(&mut state));
            if let Either::Left((outcome, _)) = select(attempts, too_late).await {
                return outcome;
            }
        }
        let phase = if state.is_first_attempt() {
            Phase::NotSent
        } else {
            Phase::MaybeReceived
        };
        let late = || Error::http(HttpError::new(HttpErrorKind::Timeout, phase));
        let cause = state.take_last_failure().unwrap_or_else(late);
        Err(self.error(&state, cause, Some(RetryStopReason::Deadline)))
    }

    /// Makes attempts until one succeeds or no further attempt is allowed.
    async fn run(&mut self, state: &mut RetryState<'_>) -> Result<(), Error> {
        while let Err(failed) = self.attempt(state).await? {
            // Boxed: the futures of calls that succeed need no room for it.
            if Box::pin(self.recover(state, failed)).await? {
                break;
            }
        }
        if state.is_possible_duplicate() {
            warn!("B2 may have stored the result twice");
            self.call.mark_possible_duplicate();
        }
        Ok(())
    }

    /// Prepares another attempt, or returns `true` if the failed attempt took effect after all.
    async fn recover(
        &mut self,
        state: &mut RetryState<'_>,
        failed: FailedAttempt,
    ) -> Result<bool, Error> {
        let action = match self.next_action(state, &failed) {
            RetryAction::Reconcile(lost) => match self.reconcile(state, &failed, lost).await? {
                Reconciled::Done => return Ok(true),
                Reconciled::Then(action) => action,
            },
            action => action,
        };
        self.act(state, failed, action).await.map(|()| false)
    }

    /// Makes one attempt. The outer error is one that is never retried.
    async fn attempt(
        &mut self,
        state: &mut RetryState<'_>,
    ) -> Result<Result<(), FailedAttempt>, Error> {
        let (client, metadata) = (self.client, self.metadata);
        let context = AttemptContext::obtain(client, &*self.call, state)
            .await
            .map_err(|error| self.error(state, error, None))?;
        let mut request = build_request(client, &*self.call, &context.target(client))
            .map_err(|error| self.error(state, error, None))?;
        let endpoint = context.endpoint(client, request.uri());
        let (permit, guard) = admit(client, metadata.kind, endpoint, state).await?;
        let guard = guard.to(request.uri());
        let sent = client.now();
        apply_common_headers(client, &mut request);
        let deadlines = deadlines(client, metadata, state.time_left(sent));
        let had_token = has_token(&request);
        state.start_attempt(client.shared.server_clock.not_later_than(sent));
        let outcome = exchange(client, &mut *self.call, request, deadlines).await;
        let now = client.now();
        let elapsed = now.saturating_duration_since(sent);
        let deadline_passed = state.time_left(now).is_some_and(|left| left.is_zero());
        let first = state.has_not_failed();
        let scope = guard.finish(&outcome, deadline_passed, first, now, &client.policy);
        let failure = match outcome {
            Ok(()) => {
                debug!(attempt = state.attempts(), ?elapsed, "attempt succeeded");
                permit.succeeded();
                context.give_back(client);
                client.shared.quota.deposit(1);
                return Ok(Ok(()));
            }
            Err(failure) => failure,
        };
        state.set_failure_scope(scope, client.shared.outages.ever_answered());
        self.adjust_limits(state, &permit, &failure);
        // A 401 says nothing about the session's token if the token was not sent.
        if !had_token && failure.b2().is_some_and(|b2| b2.status == 401) {
            let hint = "no token was sent: download_origin() is set to withhold it";
            return Err(self.error(state, failure.with_hint(hint.to_owned()), None));
        }
        Ok(Err(FailedAttempt {
            context,
            failure,
            elapsed,
            jitter: client.shared.jitter(),
        }))
    }

    /// Applies a failure to the limits shared by all calls, whether or not this call is retried.
    fn adjust_limits(&self, state: &mut RetryState<'_>, permit: &Permit<'_>, failure: &Error) {
        let (client, kind) = (self.client, self.metadata.kind);
        let now = client.now();
        if failure.status() == Some(429) {
            permit.throttled();
            let asked = failure.retry_after().unwrap_or_default();
            let until = saturating_add(now, asked.min(client.policy.max_retry_after));
            pause_kind(client, kind, until, failure);
        }
        if kind == CallKind::Authorize {
            state.set_min_pause(client.shared.authorization.pause(now));
        }
        if is_local_exhaustion(failure) {
            permit.throttled();
            state.set_local_exhaustion(client.shared.limiter.successes(), now);
        }
    }

    fn next_action(&self, state: &mut RetryState<'_>, failed: &FailedAttempt) -> RetryAction {
        let (consumed, now) = (self.call.is_body_consumed(), self.client.now());
        let quota = &self.client.shared.quota;
        state.on_failure(&failed.failure, consumed, now, quota, failed.jitter)
    }

    /// Asks B2 whether a call whose response was lost has taken effect.
    async fn reconcile(
        &mut self,
        state: &mut RetryState<'_>,
        failed: &FailedAttempt,
        mut lost: LostResponse,
    ) -> Result<Reconciled, Error> {
        let (client, failure) = (self.client, &failed.failure);
        lost.version = failed.context.version(client);
        self.label
            .log_failure(failure, state.attempts(), failed.elapsed);
        debug!("asking B2 whether the call took effect");
        state.remember_failure(failure.clone());
        match self.call.reconcile(client, &lost).await {
            Reconciliation::Done(()) => return Ok(Reconciled::Done),
            Reconciliation::NotDone => {}
            Reconciliation::Unclear => state.mark_possible_duplicate(),
            Reconciliation::Unknown => {
                return Err(self.error(state, failure.clone(), None).with_effect(true));
            }
        }
        let (consumed, now) = (self.call.is_body_consumed(), client.now());
        let quota = &client.shared.quota;
        let action = state.on_not_executed(failure, consumed, now, quota, failed.jitter);
        Ok(Reconciled::Then(action))
    }

    /// Prepares another attempt, or returns the error of the call.
    async fn act(
        &self,
        state: &mut RetryState<'_>,
        failed: FailedAttempt,
        action: RetryAction,
    ) -> Result<(), Error> {
        match action {
            RetryAction::Retry { pause, is_shared } => {
                self.wait(state, failed, pause, is_shared).await;
                Ok(())
            }
            RetryAction::Reauthorize if !failed.context.is_over(self.client, &failed.failure) => {
                Err(self.stopped(state, failed, None))
            }
            RetryAction::Reauthorize => {
                self.label
                    .log_failure(&failed.failure, state.attempts(), failed.elapsed);
                debug!("waiting for a new authorization");
                state.remember_failure(failed.failure);
                // A late error about an old token renews nothing, so it doesn't count.
                if failed.context.expired(self.client) {
                    state.reauthorized();
                }
                Ok(())
            }
            RetryAction::Stop(why) => Err(self.stopped(state, failed, why)),
            RetryAction::Reconcile(_) => unreachable!("reconciled before"),
        }
    }

    fn stopped(
        &self,
        state: &mut RetryState<'_>,
        failed: FailedAttempt,
        why: Option<RetryStopReason>,
    ) -> Error {
        self.label
            .log_failure(&failed.failure, state.attempts(), failed.elapsed);
        let failure = failed
            .context
            .explain(self.client, self.metadata, failed.failure);
        self.error(state, failure, why)
    }

    async fn wait(
        &self,
        state: &mut RetryState<'_>,
        failed: FailedAttempt,
        pause: Duration,
        is_shared: bool,
    ) {
        let (client, kind) = (self.client, self.metadata.kind);
        // The next authorization may have to wait longer than the call itself.
        let authorization_pause = match kind {
            CallKind::Authorize => client.shared.authorization.pause(client.now()),
            _ => Duration::ZERO,
        };
        let wait = RetryWait {
            pause: pause.max(authorization_pause),
            is_shared: is_shared || state.is_in_outage(),
        };
        self.label
            .log_retry(&failed.failure, state.attempts_and_limit(), wait);
        if is_shared {
            let until = saturating_add(client.now(), pause);
            pause_kind(client, kind, until, &failed.failure);
        }
        state.remember_failure(failed.failure);
        if state.may_reuse_url() {
            failed.context.give_back(client);
        }
        client.sleep(pause).await;
    }

    fn error(&self, state: &RetryState<'_>, failure: Error, why: Option<RetryStopReason>) -> Error {
        state.error(failure, why, self.client.now())
    }
}

/// The result of asking B2 about a lost response.
enum Reconciled {
    /// The call took effect.
    Done,
    /// It did not, or nobody knows: the next action.
    Then(RetryAction),
}

fn has_token(request: &Request) -> bool {
    request.headers().contains_key(AUTHORIZATION)
}
