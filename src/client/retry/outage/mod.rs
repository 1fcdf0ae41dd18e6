//! [`Outages`]: a circuit breaker for each endpoint. An unreachable endpoint is one outage, not a
//! failure of every call.
//!
//! An endpoint is an origin. All upload hosts other than the API's own count as one endpoint: an
//! upload's first failure may be due to a single bad host and is ignored, a failure at the next
//! host counts.
//!
//! An outage begins after three consecutive connection failures, broken connections or timeouts,
//! with no response in between. From then on calls wait, at no cost to the retry quota. One call at
//! a time makes its next attempt as the probe, with the same backoff as between the attempts of a
//! call. A probe without a result after ten seconds, which may be a large upload, no longer keeps
//! others from probing. Each waiting call counts failed probes as its own attempts, several that
//! ran concurrently as one, and so gives up when its policy says so, as if it were alone. Any
//! response ends the outage, even an error. Concurrency then ramps up: two calls, one more with
//! each response, and twice as many each second.
//!
//! So however many calls wait, an outage costs the requests in progress when it began, and then at
//! most one request in half of
//! [`RetryPolicy::initial_backoff`](crate::client::RetryPolicy::initial_backoff), then in half of
//! twice that, up to half of [`max_backoff`](crate::client::RetryPolicy::max_backoff); or one in
//! ten seconds while probes have no result.

mod endpoint_health;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use b2kit_core::{HttpError, HttpErrorKind, Phase};
use http::Uri;
use http::uri::Authority;
use tracing::{info, warn};

pub(in crate::client) use self::endpoint_health::{Blocked, FailureScope};

use self::endpoint_health::{Admission, EndpointHealth, Signal, Transition};
use crate::client::limits::waiters::WaiterId;
use crate::client::retry::policy::RetryPolicy;
use crate::error::Error;
use crate::types::Quoted;

/// The maximum number of endpoints tracked for failures that are not an outage.
const MAX_ENDPOINTS: usize = 64;

/// The identity of the endpoint that a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct EndpointId {
    hash: u64,
    /// Whether it is an upload host other than the API's own.
    is_upload_host: bool,
}

/// All endpoints that failed recently.
#[derive(Debug)]
pub(in crate::client) struct Outages {
    endpoints: Mutex<HashMap<u64, EndpointHealth>>,
    /// The size of `endpoints`: while 0, the lock is not taken.
    unhealthy: AtomicUsize,
    /// The number of endpoints ever tracked.
    ever: AtomicU32,
    ever_answered: AtomicBool,
    hashing: RandomState,
    /// The hash of all upload hosts.
    upload_hosts: u64,
    rng: Mutex<fastrand::Rng>,
}

impl Outages {
    pub(in crate::client) fn new(rng: fastrand::Rng) -> Self {
        let hashing = RandomState::new();
        Self {
            endpoints: Mutex::default(),
            unhealthy: AtomicUsize::new(0),
            ever: AtomicU32::new(0),
            ever_answered: AtomicBool::new(false),
            upload_hosts: hashing.hash_one("upload hosts"),
            hashing,
            rng: Mutex::new(rng),
        }
    }

    /// The endpoint of an origin, given by any URI at it.
    pub(in crate::client) fn endpoint(&self, uri: &Uri) -> EndpointId {
        EndpointId {
            hash: self
                .hashing
                .hash_one((uri.scheme_str(), uri.authority().map(folded))),
            is_upload_host: false,
        }
    }

    /// The endpoint that an upload goes to, for a client whose API is at `api`.
    pub(in crate::client) fn upload_endpoint(&self, uri: &Uri, api: &str) -> EndpointId {
        let api = api.split_once("://").map_or(api, |(_, rest)| rest);
        let api = api.trim_end_matches('/');
        if uri.authority().is_some_and(|authority| *authority == *api) {
            return self.endpoint(uri);
        }
        EndpointId {
            hash: self.upload_hosts,
            is_upload_host: true,
        }
    }

    /// Whether any server has ever answered this client.
    pub(in crate::client) fn ever_answered(&self) -> bool {
        self.ever_answered.load(Ordering::Relaxed)
    }

    /// Admits an attempt, unconditionally if `must` is set.
    pub(in crate::client) fn enter(
        &self,
        endpoint: EndpointId,
        now: Instant,
        must: bool,
    ) -> Result<AttemptGuard<'_>, Blocked> {
        let mut admission = Admission::Freely;
        if !must && self.unhealthy.load(Ordering::Acquire) > 0 {
            let mut endpoints = self.lock();
            if let Some(health) = endpoints.get_mut(&endpoint.hash) {
                admission = health.enter(now)?;
            }
        }
        Ok(AttemptGuard {
            outages: self,
            endpoint,
            host: None,
            admission,
            now,
        })
    }

    /// Records a connection that broke after the response had begun.
    pub(in crate::client) fn broke(
        &self,
        uri: &Uri,
        now: Instant,
        kind: HttpErrorKind,
        policy: &RetryPolicy,
    ) -> FailureScope {
        let (endpoint, host) = (self.endpoint(uri), uri.authority());
        let why = HttpError::new(kind, Phase::ResponseBegun);
        self.failed(endpoint, host, Admission::Freely, now, (kind, &why), policy)
    }

    /// Waits until the endpoint's state has changed since the attempt was blocked.
    pub(in crate::client) const fn recovery(
        &self,
        endpoint: EndpointId,
        blocked: &Blocked,
    ) -> RecoveryWait<'_> {
        RecoveryWait {
            outages: self,
            endpoint,
            epoch: blocked.epoch,
            waiter: WaiterId::new(),
        }
    }

    fn failed(
        &self,
        endpoint: EndpointId,
        host: Option<&Authority>,
        admission: Admission,
        now: Instant,
        (kind, why): (HttpErrorKind, &dyn fmt::Display),
        policy: &RetryPolicy,
    ) -> FailureScope {
        let rng = || {
            self.rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .f64()
        };
        let pause = |failed| policy.pause(failed, rng());
        let mut endpoints = self.lock();
        if endpoints.len() >= MAX_ENDPOINTS {
            endpoints.retain(|_, one| !one.is_up());
        }
        let new = || EndpointHealth::new(self.ever.fetch_add(1, Ordering::Relaxed));
        let health = endpoints.entry(endpoint.hash).or_insert_with(new);
        let epoch = health.epoch;
        let (scope, change) = health.failed(admission, now, kind, pause);
        self.update(endpoints, endpoint, epoch);
        if change == Transition::Began {
            warn!(
                host = host.map(|host| display(Quoted(host.as_str()))),
                ?kind,
                "outage detected ({why}): calls to this host wait, and one at a time is retried"
            );
        }
        scope
    }

    fn with(&self, endpoint: EndpointId, act: impl FnOnce(&mut EndpointHealth) -> Transition) {
        let mut endpoints = self.lock();
        let Some(health) = endpoints.get_mut(&endpoint.hash) else {
            return;
        };
        let (epoch, waiting) = (health.epoch, health.waiters.len());
        let change = act(health);
        self.update(endpoints, endpoint, epoch);
        if change == Transition::Ended {
            info!(waiting, "the outage has ended");
        }
    }

    /// Forgets a healthy endpoint and wakes the calls that can continue, after releasing the lock: an
    /// executor may poll at once.
    fn update(
        &self,
        mut endpoints: MutexGuard<'_, HashMap<u64, EndpointHealth>>,
        endpoint: EndpointId,
        epoch: u64,
    ) {
        let (mut woken, mut forgotten) = (Vec::new(), None);
        if let Some(health) = endpoints.get_mut(&endpoint.hash) {
            woken = health.wakers(epoch);
            if health.is_healthy() {
                forgotten = endpoints.remove(&endpoint.hash);
            }
        }
        self.unhealthy.store(endpoints.len(), Ordering::Release);
        drop(endpoints);
        drop(forgotten);
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, EndpointHealth>> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// An authority in lower case. The case-insensitive hash of an `Authority` itself takes several times
/// as long as that of a text.
fn folded(authority: &Authority) -> Cow<'_, str> {
    let text = authority.as_str();
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => text.to_ascii_lowercase().into(),
        false => text.into(),
    }
}

/// The admission of one attempt. Dropping it admits another.
#[derive(Debug)]
pub(in crate::client) struct AttemptGuard<'a> {
    outages: &'a Outages,
    endpoint: EndpointId,
    host: Option<Authority>,
    admission: Admission,
    now: Instant,
}

impl AttemptGuard<'_> {
    /// Adds the host that the attempt goes to, for the warning about a detected outage.
    pub(in crate::client) fn to(mut self, uri: &Uri) -> Self {
        self.host = uri.authority().cloned();
        self
    }

    /// Records the outcome of the attempt. Returns the scope of its failure. `first`: the call had
    /// not failed before.
    pub(in crate::client) fn finish<T>(
        mut self,
        outcome: &Result<T, Error>,
        deadline_passed: bool,
        first: bool,
        now: Instant,
        policy: &RetryPolicy,
    ) -> FailureScope {
        self.now = now;
        let outages = self.outages;
        match Signal::of(outcome, deadline_passed) {
            Signal::None => FailureScope::Isolated,
            Signal::Answered => {
                outages.ever_answered.store(true, Ordering::Relaxed);
                if outages.unhealthy.load(Ordering::Acquire) > 0 {
                    outages.with(self.endpoint, |health| health.answered(now));
                }
                FailureScope::Isolated
            }
            Signal::Failed
                if first && self.endpoint.is_upload_host && self.admission == Admission::Freely =>
            {
                FailureScope::Shared
            }
            Signal::Failed => {
                let error = outcome.as_ref().err();
                let kind = error.and_then(Error::http_error);
                let kind = kind.map_or(HttpErrorKind::Other, HttpError::kind);
                let why = error.map_or("", Error::what);
                outages.failed(
                    self.endpoint,
                    self.host.as_ref(),
                    self.admission,
                    now,
                    (kind, &why),
                    policy,
                )
            }
        }
    }
}

impl Drop for AttemptGuard<'_> {
    fn drop(&mut self) {
        if self.admission != Admission::Freely {
            let (admission, now) = (self.admission, self.now);
            self.outages.with(self.endpoint, |health| {
                health.leave(admission, now);
                Transition::Nothing
            });
        }
    }
}

/// Waits for a blocked endpoint to recover.
#[derive(Debug)]
pub(in crate::client) struct RecoveryWait<'a> {
    outages: &'a Outages,
    endpoint: EndpointId,
    epoch: u64,
    waiter: WaiterId,
}

impl Future for RecoveryWait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let outages = self.outages;
        let mut endpoints = outages.lock();
        let Some(health) = endpoints.get_mut(&self.endpoint.hash) else {
            return Poll::Ready(());
        };
        if health.epoch != self.epoch || health.is_up() {
            return Poll::Ready(());
        }
        if self.waiter.is_waiting() && health.waiters.is_notified(&self.waiter) {
            return Poll::Ready(());
        }
        let before = health.waiters.wait(&mut self.waiter, cx.waker().clone());
        drop(endpoints);
        drop(before);
        Poll::Pending
    }
}

impl Drop for RecoveryWait<'_> {
    fn drop(&mut self) {
        if self.waiter.is_waiting() {
            let (outages, endpoint) = (self.outages, self.endpoint);
            let mut own = None;
            outages.with(endpoint, |health| {
                own = health.waiters.leave(&mut self.waiter);
                Transition::Nothing
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;
    use std::time::Duration;

    use b2kit_core::{Phase, SystemTimer, Timer as _};

    use super::endpoint_health::FAILURE_THRESHOLD;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused<T>(kind: HttpErrorKind, phase: Phase) -> Result<T, Error> {
        Err(Error::http(HttpError::new(kind, phase)))
    }

    fn uri(uri: &str) -> Uri {
        uri.parse().unwrap()
    }

    #[test]
    fn endpoints_are_origins_and_all_upload_hosts_share_one() {
        let outages = Outages::new(fastrand::Rng::with_seed(7));
        let endpoint = outages.endpoint(&uri(
            "https://api004.backblazeb2.com/b2api/v4/b2_list_buckets",
        ));
        assert_eq!(
            endpoint,
            outages.endpoint(&uri("https://API004.backblazeb2.com/"))
        );
        assert_ne!(
            endpoint,
            outages.endpoint(&uri("https://f004.backblazeb2.com/"))
        );
        assert_ne!(
            endpoint,
            outages.endpoint(&uri("http://api004.backblazeb2.com/"))
        );
        assert_ne!(
            endpoint,
            outages.endpoint(&uri("https://api004.backblazeb2.com:8443/"))
        );
        let pod = |host: &str| {
            let upload_url = uri(&format!("https://{host}/b2api/v4/b2_upload_file"));
            outages.upload_endpoint(&upload_url, "https://api004.backblazeb2.com/")
        };
        assert_eq!(pod("pod-1.backblaze.com"), pod("pod-2.backblaze.com"));
        assert!(pod("pod-1.backblaze.com").is_upload_host);
        assert_eq!(pod("api004.backblazeb2.com"), endpoint);
    }

    const POD: &str = "https://pod-1.backblaze.com/u";

    /// Makes a failing attempt at the endpoint.
    fn attempt(outages: &Outages, endpoint: EndpointId, first: bool, now: Instant) -> FailureScope {
        let outcome = refused::<()>(HttpErrorKind::Connect, Phase::NotSent);
        let guard = outages.enter(endpoint, now, true).unwrap();
        guard.finish(&outcome, false, first, now, &RetryPolicy::default())
    }

    #[test]
    fn the_first_failure_of_an_upload_is_not_counted_and_the_second_is() {
        let (outages, now) = (Outages::new(fastrand::Rng::with_seed(7)), SystemTimer.now());
        let endpoint = outages.upload_endpoint(&uri(POD), "https://api");
        for _ in 0..100 {
            assert_eq!(attempt(&outages, endpoint, true, now), FailureScope::Shared);
        }
        assert!(outages.enter(endpoint, now, false).is_ok());
        let troubles = [(); 3].map(|()| attempt(&outages, endpoint, false, now));
        assert_eq!(
            troubles,
            [
                FailureScope::Isolated,
                FailureScope::Isolated,
                FailureScope::Outage
            ]
        );
        assert!(outages.enter(endpoint, now, false).is_err());
        assert!(
            outages.enter(endpoint, now, true).is_ok(),
            "who can't wait goes"
        );
        assert!(!outages.ever_answered());
    }

    /// A waiting call, and how often it was woken.
    struct Waiter<'a> {
        waits: Pin<Box<RecoveryWait<'a>>>,
        woken: Arc<AtomicUsize>,
    }

    struct Counting(Arc<AtomicUsize>);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl<'a> Waiter<'a> {
        fn new(outages: &'a Outages, endpoint: EndpointId, now: Instant) -> Self {
            let blocked = outages.enter(endpoint, now, false).unwrap_err();
            let mut waiter = Self {
                waits: Box::pin(outages.recovery(endpoint, &blocked)),
                woken: Arc::default(),
            };
            assert!(!waiter.is_ready());
            waiter
        }

        fn is_ready(&mut self) -> bool {
            let waker = Waker::from(Arc::new(Counting(Arc::clone(&self.woken))));
            let mut cx = Context::from_waker(&waker);
            self.waits.as_mut().poll(&mut cx).is_ready()
        }

        fn times_woken(&self) -> usize {
            self.woken.load(Ordering::Relaxed)
        }
    }

    /// Outages with one in progress, and its endpoint.
    fn outage(now: Instant) -> (Outages, EndpointId) {
        let outages = Outages::new(fastrand::Rng::with_seed(7));
        let endpoint = outages.endpoint(&uri(POD));
        for _ in 0..FAILURE_THRESHOLD {
            attempt(&outages, endpoint, false, now);
        }
        (outages, endpoint)
    }

    #[test]
    fn a_failed_or_dropped_probe_wakes_all_waiters() {
        let now = SystemTimer.now();
        let (outages, endpoint) = outage(now);
        for (is_dropped, then) in [(true, now + 2 * SECOND), (false, now + 3 * SECOND)] {
            let mut waiters: Vec<_> = (0..5)
                .map(|_| Waiter::new(&outages, endpoint, now))
                .collect();
            let probe = outages.enter(endpoint, then, false).unwrap();
            assert!(waiters.iter().all(|one| one.times_woken() == 0));
            if is_dropped {
                drop(probe);
            } else {
                let outcome = refused::<()>(HttpErrorKind::Connect, Phase::NotSent);
                probe.finish(&outcome, false, false, then, &RetryPolicy::default());
            }
            assert!(
                waiters
                    .iter_mut()
                    .all(|one| one.times_woken() == 1 && one.is_ready())
            );
        }
    }

    #[test]
    fn as_many_waiters_are_woken_in_order_as_the_ramp_admits() {
        let now = SystemTimer.now();
        let (outages, endpoint) = outage(now);
        let mut waiters: Vec<_> = (0..100)
            .map(|_| Waiter::new(&outages, endpoint, now))
            .collect();
        let policy = RetryPolicy::default();
        let answered = |guard: AttemptGuard<'_>| guard.finish(&Ok(()), false, false, now, &policy);
        answered(outages.enter(endpoint, now, true).unwrap());
        assert!(outages.ever_answered());
        // All are woken when it ends, and those that are not admitted wait again.
        assert!(
            waiters
                .iter_mut()
                .all(|one| one.times_woken() == 1 && one.is_ready())
        );
        let first: Vec<_> = (0..2)
            .map(|_| outages.enter(endpoint, now, false).unwrap())
            .collect();
        waiters = (0..98)
            .map(|_| Waiter::new(&outages, endpoint, now))
            .collect();
        let woken = |waiters: &[Waiter<'_>]| waiters.iter().map(Waiter::times_woken).sum::<usize>();
        for (n, guard) in first.into_iter().enumerate() {
            answered(guard);
            assert_eq!(woken(&waiters), 2 * (n + 1));
        }
        // If a woken call is dropped, the next one is woken instead.
        drop(waiters.remove(0));
        assert_eq!(woken(&waiters), 4, "three, and the next");
        assert!(waiters[..4].iter_mut().all(Waiter::is_ready));
        assert!(!waiters[4].is_ready());
    }

    #[test]
    fn a_wait_for_a_forgotten_endpoint_ends_at_once() {
        let now = SystemTimer.now();
        let (outages, endpoint) = outage(now);
        let mut waiter = Waiter::new(&outages, endpoint, now);
        outages.lock().clear();
        assert!(waiter.is_ready());
        // And dropping it removes no later waiter.
        for _ in 0..FAILURE_THRESHOLD {
            attempt(&outages, endpoint, false, now);
        }
        let later = Waiter::new(&outages, endpoint, now);
        drop(waiter);
        assert_eq!(outages.lock()[&endpoint.hash].waiters.len(), 1);
        drop(later);
        assert_eq!(outages.lock()[&endpoint.hash].waiters.len(), 0);
    }

    #[test]
    fn endpoints_without_an_outage_are_forgotten() {
        let (outages, now) = (Outages::new(fastrand::Rng::with_seed(7)), SystemTimer.now());
        for n in 0..1_000 {
            let endpoint = outages.endpoint(&uri(&format!("https://f{n}.backblazeb2.com/")));
            attempt(&outages, endpoint, false, now);
        }
        assert!(outages.lock().len() <= MAX_ENDPOINTS);
    }
}
