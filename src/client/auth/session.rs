//! Obtains the session of a call, with `b2_authorize_account` if there is none.

use std::sync::Arc;
use std::time::Duration;

use b2kit_core::time::FOREVER;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use tracing::debug;

use super::authorization::Generation;
use crate::api::{AuthorizeAccount, Call as _, CallExecutor as _, Session};
use crate::client::handle::Client;
use crate::error::Error;

impl Client {
    /// The session, which is B2's response to `b2_authorize_account`. Authorizes the account if it is
    /// not authorized yet.
    ///
    /// It names the account, the API's and the downloads' origins, the recommended part size and
    /// what the key may do. A session can be exported and given to
    /// [`ClientBuilder::session`](crate::ClientBuilder::session), so that another process starts
    /// without an authorization.
    ///
    /// # Errors
    /// [`Credentials`](crate::ErrorKind::Credentials) if B2 does not accept the key,
    /// [`Untrusted`](crate::ErrorKind::Untrusted) if the response names an origin that must not get
    /// the token, [`Http`](crate::ErrorKind::Http), [`Unavailable`](crate::ErrorKind::Unavailable)
    /// or [`TooManyRequests`](crate::ErrorKind::TooManyRequests) if retries did not help.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        let generation = session(self, false).await;
        generation
            .map(|generation| generation.session)
            .map_err(|error| self.redacted(error))
    }

    /// The session, if the client has one at the moment.
    #[cfg(feature = "fs")]
    pub(crate) fn current_session(&self) -> Option<Arc<Session>> {
        let current = self.shared.authorization.current()?;
        Some(current.session)
    }
}

/// The existing session, or a future that obtains one.
type SessionFuture<'a> =
    Either<Ready<Result<Generation, Error>>, BoxFuture<'a, Result<Generation, Error>>>;

/// The session, for a call with a deadline or on its own. If there is none, the future is boxed,
/// since an authorization is a call too, and its future would contain itself.
pub(in crate::client) fn session(client: &Client, is_for_a_call: bool) -> SessionFuture<'_> {
    if let Some(current) = client.shared.authorization.current() {
        return Either::Left(ready(Ok(current)));
    }
    Either::Right(Box::pin(async move {
        debug!("waiting for an authorization");
        let (metadata, began) = (&AuthorizeAccount::METADATA, client.now());
        let deadline = client.policy.deadline_of(metadata).unwrap_or(FOREVER);
        let authorize = async |call| {
            let mut in_time = client.clone();
            if !is_for_a_call {
                // Subtract the time spent on waiting for another call's authorization.
                let waited = client.now().saturating_duration_since(began);
                let policy = client.policy.as_ref().clone();
                in_time = in_time
                    .with_retry_policy(policy.with_deadline(deadline.saturating_sub(waited)));
            }
            let session: Session = in_time.execute(call).await?;
            let trusted = client.shared.endpoint_policy.check_session(&session);
            trusted.map_err(|error| error.in_call(metadata.name, 1, Duration::ZERO))?;
            Ok(session)
        };
        let authorization = &client.shared.authorization;
        let session = authorization.session(
            &client.policy,
            || client.now(),
            client.shared.timer.sleep(deadline),
            authorize,
        );
        let outcome = session.await;
        outcome.map_err(|error| {
            let waited = client.now().saturating_duration_since(began);
            error.in_call(metadata.name, 0, waited)
        })
    }))
}
