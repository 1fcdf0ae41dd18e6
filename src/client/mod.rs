//! What B2 expects of a well-behaved caller: authorization, and the loop through which every call goes.
//!
//! Left to others: what a call says ([`api`](crate::api)), and how a request reaches a server
//! ([`b2kit_core`](crate::HttpClient)).
//!
//! In the order in which a call meets them: `run` is the loop; `authorization` the session; `secrets` what no error
//! shows; `restriction` what the key may not do; `upload_urls` where uploads go; `limiter` when B2 asks everyone to wait;
//! `outage` when everyone waits because nobody answers; `endpoint` where tokens may go;
//! `judge` what a failure means, `course` and `policy` how long to go on, `patience` for how long with bytes that break off,
//! `budget` when to stop; `retry_after` what B2 asks for, `server_clock` B2's own time; `counts` what it all costs, `unfinished_uploads`
//! what was begun; `local_key` signs what is left on the local disk; `told` says it all to whoever listens; `memory`,
//! `descriptors` and `bandwidth` bound what all transfers take together. `listing`, `buckets` and `cleanup` are made of calls.

mod auth;
mod buckets;
mod builder;
mod call_loop;
mod cleanup;
mod limits;
mod metrics;
mod paginate;
mod redaction;
mod retry;
#[cfg(feature = "fs")]
mod signing_key;
mod telemetry;
mod unfinished;
mod upload_urls;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use b2kit_core::time::share;
use b2kit_core::{CheckedClient, Deadlines, Timer};
use tracing::warn;

pub use self::builder::{ClientBuilder, TestMode};
pub use self::cleanup::DeleteMode;
pub(crate) use self::limits::memory::Reservation;
pub use self::metrics::CallCounts;
pub use self::retry::policy::RetryPolicy;
pub(crate) use self::retry::resume_policy::ResumePolicy;
#[cfg(feature = "fs")]
pub(crate) use self::signing_key::SigningKey;
pub(crate) use self::unfinished::UploadEntry;
pub use self::unfinished::{Unfinished, UnfinishedState};

use self::auth::authorization::Authorization;
use self::auth::endpoint_policy::EndpointPolicy;
use self::auth::server_clock::ServerClock;
use self::limits::bandwidth::Bandwidth;
use self::limits::memory::Semaphore;
use self::metrics::Counters;
use self::redaction::Redactor;
use self::retry::limiter::Limiter;
use self::retry::outage::Outages;
use self::retry::quota::RetryQuota;
use self::telemetry::TransferLabel;
use self::unfinished::UnfinishedUploads;
use self::upload_urls::UploadUrls;
use crate::api::{Call, Session};
use crate::error::Error;
#[cfg(feature = "fs")]
use crate::types::Secret;
use crate::types::Timestamp;

/// A client of one B2 account. Clones are cheap and share everything.
///
/// It never spawns, so a call makes progress only while its future is polled.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    policy: Arc<RetryPolicy>,
    /// What its calls are about, if they are all about one thing.
    transfer: Option<Arc<TransferLabel>>,
}

/// What all clones share.
struct Shared {
    backend: CheckedClient,
    timer: Arc<dyn Timer>,
    authorization: Authorization,
    policy: EndpointPolicy,
    /// Whether a download by name can't go on by id.
    downloads_by_name: bool,
    user_agent: http::HeaderValue,
    test_mode: Option<http::HeaderValue>,
    /// For every request, but for the time to its head, which depends on the call.
    deadlines: Deadlines,
    upload_urls: UploadUrls,
    quota: RetryQuota,
    limiter: Limiter,
    outages: Outages,
    counters: Counters,
    server_clock: ServerClock,
    unfinished_uploads: Arc<UnfinishedUploads>,
    redactor: Redactor,
    /// Where there is a quota.
    memory: Option<Arc<Semaphore>>,
    /// The files that transfers may have open, once the first one is to be opened. `None` is any number.
    #[cfg(feature = "fs")]
    files: std::sync::OnceLock<Option<Arc<Semaphore>>>,
    /// Where there is a limit.
    bandwidth: Option<Arc<Bandwidth>>,
    chance: Mutex<fastrand::Rng>,
}

impl Client {
    /// Sets up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Makes one call.
    ///
    /// Authorizes the account first if that was not done yet, and again when B2 says that the token has expired. What
    /// may permit is tried again, as the [`RetryPolicy`] says. Where an answer was lost, B2 is asked what became of the
    /// call before it is made again, so that nothing is done twice that would do harm.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. What B2 has received by then it may still do; each call's page says
    /// what that leaves behind.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Output, Error> {
        call_loop::run(self, &call).await
    }

    /// The session: what B2 said when the account was authorized, which it is now if it was not yet.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        call_loop::session(self).await
    }

    /// The same client, session and all, with another policy for what fails.
    #[must_use]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        Self {
            policy: Arc::new(policy),
            ..self.clone()
        }
    }

    /// How many requests this client and its clones have made, by what B2 charges for them.
    #[must_use]
    pub fn call_counts(&self) -> CallCounts {
        self.shared.counters.read()
    }

    /// An error that was made outside of any call, as it may leave the client.
    pub(crate) fn redacted(&self, error: Error) -> Error {
        call_loop::redacted(self, error)
    }

    /// A name that a server gives, as it may be told.
    pub(crate) fn redacted_name(&self, name: &str) -> String {
        self.shared.redactor.redacted_name(name)
    }

    /// Whether a download that was begun by name goes on by name.
    pub(crate) fn downloads_by_name(&self) -> bool {
        self.shared.downloads_by_name
    }

    /// What signs the things that are left on the local disk. It stays the same as long as the application key does; a client
    /// that has only a session has it from the session's token, and is alone with it when that has expired.
    #[cfg(feature = "fs")]
    pub(crate) fn signing_key(&self) -> SigningKey {
        let of_this_client = || SigningKey::derived_from(&Secret::new(self.unique()));
        self.shared
            .authorization
            .signing_key()
            .unwrap_or_else(of_this_client)
    }

    /// A name that nothing else has, as good as surely.
    pub(crate) fn unique(&self) -> String {
        let mut chance = self
            .shared
            .chance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        format!("{:016x}{:016x}", chance.u64(..), chance.u64(..))
    }

    /// A time that is not later than B2's own and earlier by a minute at most, if B2 has said lately what time it is.
    pub(crate) fn server_time(&self) -> Option<Timestamp> {
        self.shared.server_clock.not_later_than(self.now())
    }

    /// A pause of up to this, by chance.
    pub(crate) async fn sleep_up_to(&self, most: Duration) {
        self.sleep(share(most, self.shared.chance())).await;
    }

    fn now(&self) -> Instant {
        self.shared.timer.now()
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        if !duration.is_zero() {
            self.shared.timer.sleep(duration).await;
        }
    }
}

impl Shared {
    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        self.chance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .f64()
    }

    /// Nothing that the client does depends on this machine's clock, but what its user does may.
    fn compare_clocks(&self) {
        let (here, now) = (self.timer.wall_clock(), self.timer.now());
        if let Some(seconds_ahead) = self.server_clock.skew(here, now) {
            warn!(seconds_ahead, "this machine's clock differs from B2's");
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("authorization", &self.shared.authorization)
            .finish_non_exhaustive()
    }
}
