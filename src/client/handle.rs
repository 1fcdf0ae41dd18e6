//! [`Client`]: a handle to what all clones share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use b2kit_core::time::fraction;
use b2kit_core::{CheckedClient, Deadlines, Timer};
use tracing::warn;

use super::auth::authorization::Authorization;
use super::auth::endpoint_policy::EndpointPolicy;
use super::auth::server_clock::ServerClock;
use super::limits::bandwidth::Bandwidth;
use super::limits::semaphore::Semaphore;
use super::metrics::{CallCounts, Counters};
use super::redaction::Redactor;
use super::retry::limiter::Limiter;
use super::retry::outage::Outages;
use super::retry::policy::RetryPolicy;
use super::retry::quota::RetryQuota;
#[cfg(feature = "fs")]
use super::signing_key::SigningKey;
use super::telemetry::TransferLabel;
use super::unfinished::UnfinishedUploads;
use super::upload_urls::UploadUrls;
use crate::error::Error;
#[cfg(feature = "fs")]
use crate::types::Secret;
use crate::types::{BucketName, Timestamp};

/// A client for one B2 account: authorization, retries, checks, and the limits that all its calls
/// share.
///
/// Clones are cheap and share everything: the session, upload URLs, limits and counters. Make one
/// client for each account and clone it. It is `Send` and `Sync`, and spawns nothing, so a call
/// makes progress only while its future is polled.
///
/// ```
/// # use b2kit::backend::emulator::Emulator;
/// use b2kit::{Client, Credentials};
/// # use b2kit::types::{BucketName, BucketType};
///
/// # futures::executor::block_on(async {
/// # /*
/// let b2 = Client::from_env()?; // B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY
/// # */
/// # let emulator = Emulator::new();
/// # let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
/// # let b2 = Client::builder().credentials(credentials).endpoint(emulator.url()).backend(emulator).build()?;
/// let bucket = b2.get_or_create_bucket("holiday-photos", BucketType::AllPrivate).await?;
/// bucket.upload("2026/cat.txt", "meow").await?;
/// assert_eq!(b2.buckets().await?.len(), 1);
/// # Ok::<(), b2kit::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) policy: Arc<RetryPolicy>,
    /// The bucket and file of its calls, if they all belong to one transfer.
    pub(super) transfer: Option<Arc<TransferLabel>>,
}

/// The state that all clones share.
pub(super) struct Shared {
    pub(super) backend: CheckedClient,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) authorization: Authorization,
    pub(super) endpoint_policy: EndpointPolicy,
    /// Whether downloads by name must continue by name.
    pub(super) downloads_by_name: bool,
    pub(super) user_agent: http::HeaderValue,
    pub(super) test_mode: Option<http::HeaderValue>,
    /// The deadlines of every request; the time to the head of the response depends on the call.
    pub(super) deadlines: Deadlines,
    pub(super) upload_urls: UploadUrls,
    pub(super) quota: RetryQuota,
    pub(super) limiter: Limiter,
    pub(super) outages: Outages,
    pub(super) counters: Counters,
    pub(super) server_clock: ServerClock,
    pub(super) unfinished_uploads: Arc<UnfinishedUploads>,
    pub(super) redactor: Redactor,
    /// The bytes that transfers may hold; `None` without a memory budget.
    pub(super) memory: Option<Arc<Semaphore>>,
    /// The bytes of small files that transfers may hold.
    #[cfg(feature = "fs")]
    pub(super) small_files: Arc<Semaphore>,
    /// The files that transfers may have open; set when the first one is opened. `None` means no
    /// limit.
    #[cfg(feature = "fs")]
    pub(super) files: std::sync::OnceLock<Option<Arc<Semaphore>>>,
    /// The bandwidth limit, if there is one.
    pub(super) bandwidth: Option<Arc<Bandwidth>>,
    pub(super) rng: Mutex<fastrand::Rng>,
}

impl Client {
    /// Returns the same client, sharing everything, but with this retry policy.
    ///
    /// The retry quota, pauses and outages stay shared with the original.
    #[must_use]
    pub fn with_retry_policy(&self, policy: RetryPolicy) -> Self {
        Self {
            policy: Arc::new(policy),
            ..self.clone()
        }
    }

    /// The number of requests that this client and its clones have made, by billing class.
    #[must_use]
    pub fn call_counts(&self) -> CallCounts {
        self.shared.counters.read()
    }

    /// The same client, for calls about this file. Their spans, events and errors name it.
    pub(crate) fn for_file(&self, bucket: Option<&BucketName>, file: &str) -> Self {
        self.clone().into_for_file(bucket.cloned(), file)
    }

    pub(super) fn into_for_file(mut self, bucket: Option<BucketName>, file: &str) -> Self {
        self.transfer = Some(Arc::new(TransferLabel::new(bucket, file)));
        self
    }

    /// Returns a function that tells whether the deadline of a call that begins now has passed;
    /// always `false` without a deadline.
    pub(crate) fn is_late(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let (client, began) = (self.clone(), self.now());
        move || {
            let elapsed = client.now().saturating_duration_since(began);
            client
                .policy
                .deadline
                .is_some_and(|deadline| elapsed >= deadline)
        }
    }

    /// Redacts an error that leaves the client, and not earlier, since the classifier needs B2's
    /// own text.
    pub(crate) fn redacted(&self, error: Error) -> Error {
        let redactor = &self.shared.redactor;
        error.redacted(
            |text| redactor.redacted(text),
            |name| redactor.redacted_name(name),
        )
    }

    /// Redacts an error of a transfer, which then names the file that the transfer is about.
    pub(crate) fn redacted_with_file(&self, error: Error) -> Error {
        self.redacted(match &self.transfer {
            Some(transfer) => error.about(transfer.file()),
            None => error,
        })
    }

    /// Whether the client limits its own bandwidth.
    #[cfg(feature = "fs")]
    pub(crate) fn has_bandwidth_limit(&self) -> bool {
        self.shared.bandwidth.is_some()
    }

    /// Whether a download that was begun by name continues by name.
    pub(crate) fn downloads_by_name(&self) -> bool {
        self.shared.downloads_by_name
    }

    /// The key that signs the states of partial downloads. It is derived from the application key,
    /// or from the session's token if the client has only a session: then no later process can
    /// derive it.
    #[cfg(feature = "fs")]
    pub(crate) fn signing_key(&self) -> SigningKey {
        let of_this_client = || SigningKey::derived_from(&Secret::new(self.unique()));
        self.shared
            .authorization
            .signing_key()
            .unwrap_or_else(of_this_client)
    }

    /// 128 random bits as hexadecimal digits.
    pub(crate) fn unique(&self) -> String {
        let mut rng = self
            .shared
            .rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))
    }

    /// A time that is not later than B2's own and at most a minute earlier, if a recent response of
    /// B2 shows its time.
    pub(crate) fn server_time(&self) -> Option<Timestamp> {
        self.shared.server_clock.not_later_than(self.now())
    }

    /// The current time by B2's clock or up to a minute earlier, for comparison with B2's
    /// timestamps. If no recent response has shown B2's time, it is the time of this computer's
    /// clock.
    #[must_use]
    pub fn current_time(&self) -> Timestamp {
        let here = || Timestamp::from_system_time(self.shared.timer.wall_clock());
        self.server_time()
            .or_else(here)
            .unwrap_or(Timestamp::from_millis(0))
    }

    /// Sleeps for a random part of `most`.
    pub(crate) async fn sleep_up_to(&self, most: Duration) {
        self.sleep(fraction(most, self.shared.jitter())).await;
    }

    pub(crate) fn now(&self) -> Instant {
        self.shared.timer.now()
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        if !duration.is_zero() {
            self.shared.timer.sleep(duration).await;
        }
    }
}

impl Shared {
    /// A random number from 0 to 1.
    pub(super) fn jitter(&self) -> f64 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .f64()
    }

    /// Warns once if this computer's clock is wrong. Nothing in the client depends on it, but the
    /// user's code may.
    pub(super) fn compare_clocks(&self) {
        let (here, now) = (self.timer.wall_clock(), self.timer.now());
        if let Some(seconds_ahead) = self.server_clock.skew(here, now) {
            warn!(seconds_ahead, "this computer's clock differs from B2's");
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
