//! Admission: when an attempt may be sent. Not while its endpoint is down, while all calls of its
//! kind are paused, or while the limit of concurrent calls is reached.

use std::time::{Duration, Instant};

use b2kit_core::time::fraction;
use futures_util::future::{Either, select};

use super::handle::Client;
use super::retry::limiter::Permit;
use super::retry::outage::{AttemptGuard, EndpointId};
use super::retry::state::RetryState;
use super::telemetry::log_shared_pause;
use crate::api::CallKind;
use crate::error::{Error, RetryStopReason};

/// How long to wait for a permit. One that is held by a future which is not polled is never
/// released.
const MAX_PERMIT_WAIT: Duration = Duration::from_secs(60);

/// Waits until the call may make an attempt: while its endpoint is down, while all calls of its
/// kind are paused, and for a permit.
pub(super) async fn admit<'a>(
    client: &'a Client,
    kind: CallKind,
    endpoint: EndpointId,
    state: &mut RetryState<'_>,
) -> Result<(Permit<'a>, AttemptGuard<'a>), Error> {
    let outages = &client.shared.outages;
    let mut probes = None;
    loop {
        let permit = acquire_permit(client, kind, state).await?;
        let now = client.now();
        let blocked = match outages.enter(endpoint, now, client.policy.is_once(kind)) {
            Ok(guard) => return Ok((permit, guard)),
            Err(blocked) => blocked,
        };
        drop(permit);
        let before = probes.replace(blocked.probes);
        let failed = before.map_or(0, |before| blocked.probes.saturating_sub(before));
        match state.wait_for_recovery(&blocked, failed, outages.ever_answered(), now) {
            Ok(wait) => {
                state.remember_failure_if_none(|| blocked.why());
                let enough = client.shared.timer.sleep(wait);
                select(outages.recovery(endpoint, &blocked), enough).await;
            }
            Err(why) => {
                let cause = state.take_last_failure().unwrap_or_else(|| blocked.why());
                return Err(state.error(cause, Some(why), now));
            }
        }
    }
}

/// Waits until the pause of this kind of call ends, up to a second longer to spread the calls out,
/// and then for a permit. A call without the time for that fails with the error that caused the
/// pause.
async fn acquire_permit<'a>(
    client: &'a Client,
    kind: CallKind,
    state: &mut RetryState<'_>,
) -> Result<Permit<'a>, Error> {
    let limiter = &client.shared.limiter;
    loop {
        if let Some(left) = limiter.paused_for(kind, client.now()) {
            let spread = fraction(Duration::from_secs(1), client.shared.jitter());
            let pause = left.saturating_add(spread);
            if pause < state.max_wait(client.now()) {
                client.sleep(pause).await;
                continue;
            }
            if let Some(why) = state
                .take_last_failure()
                .or_else(|| limiter.pause_cause(kind))
            {
                return Err(state.error(why, Some(RetryStopReason::Deadline), client.now()));
            }
        }
        let permit = match limiter.try_acquire(kind) {
            Some(permit) => permit,
            None => {
                let max_wait = state.max_wait(client.now()).min(MAX_PERMIT_WAIT);
                let enough = client.shared.timer.sleep(max_wait);
                match select(limiter.acquire(kind), enough).await {
                    Either::Left((permit, _)) => permit,
                    Either::Right(_) => limiter.acquire_unlimited(kind),
                }
            }
        };
        // A pause may have begun in the meantime.
        if limiter.paused_for(kind, client.now()).is_none() {
            return Ok(permit);
        }
    }
}

/// Pauses all calls of this kind until `until`. It is logged once, however many calls are refused
/// during it.
pub(super) fn pause_kind(client: &Client, kind: CallKind, until: Instant, failure: &Error) {
    let now = client.now();
    if client.shared.limiter.pause(kind, now, until, failure) {
        let pause = until.saturating_duration_since(now);
        log_shared_pause(&client.shared.redactor, kind, pause, failure);
    }
}
