//! [`Authorization`]: the session that all calls share, and when it is made anew.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;

use crate::api::{ApiVersion, AuthorizeAccount, Credentials, Session, Target};
use crate::error::{Error, ErrorKind};

/// The session that all calls share.
///
/// Each session has a generation. Who is told that a token has expired says which generation's it was, so that a late
/// word about an old token does not throw a new one away, and a thousand of them cause one new session.
pub(super) struct Authorization {
    realm: String,
    version: ApiVersion,
    credentials: Option<Credentials>,
    current: Mutex<Current>,
    /// Held by the one who authorizes. If that one is dropped, the next one in line does it.
    turn: AsyncMutex<()>,
}

#[derive(Default)]
struct Current {
    generation: u64,
    session: Option<Arc<Session>>,
}

/// A session, and which one it is.
#[derive(Clone)]
pub(super) struct Generation {
    number: u64,
    pub(super) session: Arc<Session>,
}

impl Authorization {
    pub(super) fn new(
        realm: String,
        version: ApiVersion,
        credentials: Option<Credentials>,
        session: Option<Session>,
    ) -> Self {
        let current = Current {
            generation: 0,
            session: session.map(Arc::new),
        };
        let realm = realm.trim_end_matches('/').to_owned();
        Self {
            realm,
            version,
            credentials,
            current: Mutex::new(current),
            turn: AsyncMutex::new(()),
        }
    }

    /// Where to authorize.
    pub(super) fn realm(&self) -> Target<'_> {
        Target::realm(&self.realm, self.version)
    }

    /// The session, made by `authorize` if there is none.
    pub(super) async fn session<F>(
        &self,
        authorize: impl FnOnce(AuthorizeAccount) -> F + Send,
    ) -> Result<Generation, Error>
    where
        F: Future<Output = Result<Session, Error>> + Send,
    {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let _turn = self.turn.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let Some(credentials) = &self.credentials else {
            return Err(Error::new(
                ErrorKind::Credentials,
                "the session has expired, and the client has no credentials to make another",
            ));
        };
        let mut session = authorize(AuthorizeAccount::new(credentials.clone())).await?;
        session.version = self.version;
        let mut current = self.lock();
        current.generation += 1;
        let session = Arc::new(session);
        current.session = Some(Arc::clone(&session));
        Ok(Generation {
            number: current.generation,
            session,
        })
    }

    /// Lets go of a session whose token B2 doesn't accept any more, unless there is a newer one already.
    pub(super) fn expired(&self, generation: &Generation) {
        let mut current = self.lock();
        if current.generation == generation.number {
            current.session = None;
        }
    }

    fn current(&self) -> Option<Generation> {
        let current = self.lock();
        let session = current.session.clone()?;
        Some(Generation {
            number: current.generation,
            session,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
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
