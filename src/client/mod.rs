//! What B2 expects of a well-behaved caller: authorization, and the loop through which every call goes.
//!
//! Left to others: what a call says ([`api`](crate::api)), and how a request reaches a server
//! ([`b2kit_core`](crate::HttpClient)).

mod authorization;
mod builder;
mod endpoint;
mod judge;
mod run;

use std::fmt;
use std::sync::Arc;

use b2kit_core::Guard;

pub use self::builder::ClientBuilder;

use self::authorization::Authorization;
use self::endpoint::EndpointPolicy;
use crate::api::{Call, Session};
use crate::error::Error;

/// A client of one B2 account. Clones are cheap and share everything.
///
/// It never spawns, so a call makes progress only while its future is polled.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    backend: Guard,
    authorization: Authorization,
    policy: EndpointPolicy,
    user_agent: http::HeaderValue,
}

impl Client {
    /// Sets up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Makes one call.
    ///
    /// Authorizes the account first if that was not done yet, and once more if B2 says that the token has expired.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. What B2 has received by then it may still do; each call's page says
    /// what that leaves behind.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Output, Error> {
        run::run(&self.0, &call).await
    }

    /// The session: what B2 said when the account was authorized, which it is now if it was not yet.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        run::session(&self.0).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("authorization", &self.0.authorization)
            .finish_non_exhaustive()
    }
}
