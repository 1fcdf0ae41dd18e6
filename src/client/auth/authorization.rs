//! [`Authorization`]: the session that all calls share, and its renewal.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use b2kit_core::time::{fraction, saturating_add};
use b2kit_core::{HttpError, HttpErrorKind, Phase};
use futures_util::future::{Either, select};
use futures_util::lock::Mutex as AsyncMutex;

use crate::api::{ApiVersion, AuthorizeAccount, Credentials, DownloadOrigin, Session, Target};
use crate::client::retry::policy::RetryPolicy;
#[cfg(feature = "fs")]
use crate::client::signing_key::SigningKey;
use crate::error::{Error, ErrorKind, RetryStopReason};
use crate::types::AccountId;

/// How long a rejected key is not tried again. Until then calls fail with the same error.
const REJECTION_TTL: Duration = Duration::from_secs(5);

/// The minimum pause between two authorizations. While they fail it grows to the maximum; half of it is
/// jitter.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(64);

/// The session that all calls share.
///
/// Each session has a generation. A call whose token has expired names the generation of that token, so late errors
/// about an old token don't discard a new one, and a thousand of them cause one authorization. All calls that wait for
/// an authorization share its outcome, except that a failure is not shared with calls whose own policy would have
/// retried longer.
pub(in crate::client) struct Authorization {
    realm: String,
    version: ApiVersion,
    credentials: Option<Credentials>,
    /// The download origin that replaces B2's in each session.
    download_origin: Option<DownloadOrigin>,
    state: Mutex<State>,
    /// Held during an authorization. If its future is dropped, the next waiting call takes over.
    turn: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    generation: u64,
    session: Option<Arc<Session>>,
    /// The account of the first session: a key never changes accounts.
    account_id: Option<AccountId>,
    /// Completed authorizations, successful or not.
    authorizations: u64,
    /// The last failure.
    failure: Option<Failure>,
    /// Failed attempts since the last success.
    failed_attempts: u32,
    not_before: Option<Instant>,
}

/// A failed authorization, and the policy that it was tried with.
struct Failure {
    error: Error,
    at: Instant,
    policy: Arc<RetryPolicy>,
}

/// A session and its number.
#[derive(Clone)]
pub(in crate::client) struct Generation {
    number: u64,
    pub(in crate::client) session: Arc<Session>,
}

impl Authorization {
    pub(in crate::client) fn new(
        realm: String,
        version: ApiVersion,
        credentials: Option<Credentials>,
        session: Option<Session>,
        download_origin: Option<DownloadOrigin>,
    ) -> Self {
        let session = session.map(|mut session| {
            session.download_origin.clone_from(&download_origin);
            Arc::new(session)
        });
        let account_id = session.as_ref().map(|session| session.account_id().clone());
        let state = State {
            session,
            account_id,
            ..State::default()
        };
        let realm = realm.trim_end_matches('/').to_owned();
        Self {
            realm,
            version,
            credentials,
            download_origin,
            state: Mutex::new(state),
            turn: AsyncMutex::new(()),
        }
    }

    /// Whether downloads are from another origin than B2's.
    pub(in crate::client) const fn replaces_download_origin(&self) -> bool {
        self.download_origin.is_some()
    }

    /// The version of the API that its sessions speak.
    pub(in crate::client) const fn version(&self) -> ApiVersion {
        self.version
    }

    /// See [`Client::signing_key`](crate::client::Client::signing_key).
    #[cfg(feature = "fs")]
    pub(in crate::client) fn signing_key(&self) -> Option<SigningKey> {
        if let Some(credentials) = &self.credentials {
            return Some(SigningKey::derived_from(credentials.application_key()));
        }
        let session = self.current()?.session;
        Some(SigningKey::derived_from(&session.authorization_token))
    }

    /// Where to authorize.
    pub(in crate::client) fn authorize_target(&self) -> Target<'_> {
        Target::realm(&self.realm, self.version)
    }

    /// The session, if there is one.
    pub(in crate::client) fn current(&self) -> Option<Generation> {
        let state = self.lock();
        let session = state.session.clone()?;
        Some(Generation {
            number: state.generation,
            session,
        })
    }

    /// The session, made by `authorize` if there is none, with the retries of `policy`.
    ///
    /// Waits for another call's authorization until `enough` is ready: the other call may have more time than this one,
    /// or never be polled again.
    pub(in crate::client) async fn session<F>(
        &self,
        policy: &Arc<RetryPolicy>,
        now: impl Fn() -> Instant + Send,
        enough: impl Future<Output = ()> + Unpin + Send,
        authorize: impl FnOnce(AuthorizeAccount) -> F + Send,
    ) -> Result<Generation, Error>
    where
        F: Future<Output = Result<Session, Error>> + Send,
    {
        let authorizations = self.lock().authorizations;
        let _turn = match select(self.turn.lock(), enough).await {
            Either::Left((turn, _)) => turn,
            Either::Right(_) => {
                let late = HttpError::new(HttpErrorKind::Timeout, Phase::NotSent).with_source(
                    "waiting for an authorization that another call had begun took \
                     too long",
                );
                return Err(
                    Error::http(late).with_retry_stop_reason(Some(RetryStopReason::Deadline))
                );
            }
        };
        if let Some(current) = self.current() {
            return Ok(current);
        }
        if let Some(failure) = self.shared_failure(authorizations, policy, now()) {
            return Err(failure);
        }
        let Some(credentials) = &self.credentials else {
            return Err(Error::new(
                ErrorKind::Credentials,
                "the session has expired, and the client has no credentials to renew it",
            ));
        };
        let outcome = authorize(AuthorizeAccount::new(credentials.clone())).await;
        self.reconcile(outcome, policy, now())
    }

    /// Whether there are credentials to renew a session with.
    pub(in crate::client) const fn can_renew(&self) -> bool {
        self.credentials.is_some()
    }

    /// Drops a session whose token has expired. `false` if there is a newer one already.
    pub(in crate::client) fn expired(&self, generation: &Generation) -> bool {
        let mut state = self.lock();
        let current = state.generation == generation.number;
        if current {
            state.session = None;
        }
        current
    }

    /// How long the next authorization attempt has to wait; grows with each failure.
    pub(in crate::client) fn pause(&self, now: Instant) -> Duration {
        self.lock()
            .not_before
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Records the end of an authorization attempt.
    pub(in crate::client) fn attempted(&self, failed: bool, now: Instant, jitter: f64) {
        let mut state = self.lock();
        state.failed_attempts = if failed { state.failed_attempts + 1 } else { 0 };
        let pause = if failed {
            let doubled = MIN_PAUSE.saturating_mul(1 << state.failed_attempts.min(10));
            let half = doubled.min(MAX_PAUSE) / 2;
            half.saturating_add(fraction(half, jitter))
        } else {
            MIN_PAUSE
        };
        state.not_before = Some(saturating_add(now, pause));
    }

    /// The failure of an authorization that ended while we waited for our turn, or of one that need not be
    /// repeated yet.
    fn shared_failure(
        &self,
        authorizations: u64,
        policy: &RetryPolicy,
        now: Instant,
    ) -> Option<Error> {
        let state = self.lock();
        let failure = state.failure.as_ref()?;
        let refused = failure.error.kind() == ErrorKind::Credentials;
        let just_now = refused && now.saturating_duration_since(failure.at) < REJECTION_TTL;
        // The call that authorized may have had less time than those that waited.
        let final_for_us = match failure.error.retry_stop_reason() {
            None => true,
            Some(RetryStopReason::Deadline) => false,
            Some(_) => failure.policy.outlasts(policy),
        };
        (state.authorizations > authorizations && final_for_us || just_now)
            .then(|| failure.error.clone())
    }

    fn reconcile(
        &self,
        outcome: Result<Session, Error>,
        policy: &Arc<RetryPolicy>,
        now: Instant,
    ) -> Result<Generation, Error> {
        let mut state = self.lock();
        state.authorizations += 1;
        let outcome = outcome.and_then(|session| match &state.account_id {
            Some(first) if first != session.account_id() => Err(Error::new(
                ErrorKind::Credentials,
                "the key now belongs to a different account; no call was made with its token",
            )),
            _ => Ok(session),
        });
        match outcome {
            Ok(mut session) => {
                session.version = self.version;
                session.download_origin.clone_from(&self.download_origin);
                state
                    .account_id
                    .get_or_insert_with(|| session.account_id().clone());
                state.generation += 1;
                state.failure = None;
                let session = Arc::new(session);
                state.session = Some(Arc::clone(&session));
                Ok(Generation {
                    number: state.generation,
                    session,
                })
            }
            Err(error) => {
                state.failure = Some(Failure {
                    error: error.clone(),
                    at: now,
                    policy: Arc::clone(policy),
                });
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorized = self.lock().session.is_some();
        f.debug_struct("Authorization")
            .field("realm", &self.realm)
            .field("version", &self.version)
            .field("authorized", &authorized)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use super::*;

    fn authorization() -> Authorization {
        let realm = "https://api.backblazeb2.com/".to_owned();
        Authorization::new(realm, ApiVersion::V4, None, None, None)
    }

    #[test]
    fn the_pause_between_failed_authorizations_doubles_up_to_the_maximum() {
        let (authorization, now) = (authorization(), SystemTimer.now());
        assert_eq!(authorization.pause(now), Duration::ZERO);
        for seconds in [1, 2, 4, 8, 16, 32, 32, 32] {
            for (jitter, times) in [(0.0, 1), (1.0, 2)] {
                let state = authorization.lock().failed_attempts;
                authorization.attempted(true, now, jitter);
                let expected = Duration::from_secs(seconds * times);
                assert_eq!(authorization.pause(now), expected, "{seconds} s");
                if jitter == 0.0 {
                    authorization.lock().failed_attempts = state;
                }
            }
        }
        (0..100).for_each(|_| authorization.attempted(true, now, 0.0));
        assert_eq!(authorization.pause(now), MAX_PAUSE / 2);
    }

    #[test]
    fn a_success_ends_the_backoff_of_authorizations() {
        let (authorization, now) = (authorization(), SystemTimer.now());
        (0..5).for_each(|_| authorization.attempted(true, now, 0.0));
        authorization.attempted(false, now, 0.0);
        assert_eq!(authorization.pause(now), MIN_PAUSE);
        assert_eq!(
            authorization.pause(now + Duration::from_millis(400)),
            Duration::from_millis(600)
        );
        assert_eq!(authorization.pause(now + MIN_PAUSE), Duration::ZERO);
        authorization.attempted(true, now, 0.0);
        assert_eq!(authorization.pause(now), MIN_PAUSE);
    }

    #[test]
    fn a_failed_authorization_is_shared_unless_a_waiting_call_would_have_retried_longer() {
        use RetryStopReason::{Attempts, Deadline};
        let now = SystemTimer.now();
        let (patient, hasty) = (RetryPolicy::default, RetryPolicy::disabled);
        for (stop_reason, its, ours, expected) in [
            (None, hasty(), patient(), true),
            (Some(Deadline), patient(), hasty(), false),
            (Some(Attempts), patient(), hasty(), true),
            (Some(Attempts), hasty(), patient(), false),
        ] {
            let authorization = authorization();
            let error =
                Error::new(ErrorKind::Http, "no route to host").with_retry_stop_reason(stop_reason);
            assert!(
                authorization
                    .reconcile(Err(error), &Arc::new(its), now)
                    .is_err()
            );
            let shared = authorization.shared_failure(0, &ours, now);
            assert_eq!(shared.is_some(), expected, "{stop_reason:?}");
            // A call that did not wait for this one authorizes by itself.
            assert!(authorization.shared_failure(1, &ours, now).is_none());
        }
    }

    #[test]
    fn a_rejected_key_is_not_tried_again_for_five_seconds() {
        let (authorization, now) = (authorization(), SystemTimer.now());
        let (policy, error) = (
            Arc::new(RetryPolicy::default()),
            Error::new(ErrorKind::Credentials, "the key was deleted"),
        );
        assert!(authorization.reconcile(Err(error), &policy, now).is_err());
        for (millis, expected) in [(0, true), (4_999, true), (5_000, false)] {
            let then = now + Duration::from_millis(millis);
            let shared = authorization.shared_failure(1, &policy, then);
            assert_eq!(shared.is_some(), expected, "{millis}");
        }
    }
}
