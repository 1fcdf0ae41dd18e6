//! [`Outages`]: when a place can't be reached, that is one event, and not as many failures as there are calls.
//!
//! A place is an origin. The hosts that uploads go to are one place together, unless they are the API's own: an upload that
//! fails at one of them first goes to another URL, which is no sign of anything; that it fails there too is.
//!
//! An outage begins with three failures to connect, connections that broke, or silences in a row, with no answer between
//! them. From then on calls wait, at no cost to the retry quota. One of them at a time makes its next attempt, which is
//! the probe; the pauses between probes grow as a call's do. Whoever waits counts the probes that fail as its own attempts,
//! and so gives up when its policy says so, as if it had been alone. Any answer ends the outage, an error too. Then calls
//! return in a ramp: two, one more with each answer, and twice as many with each second.
//!
//! So an outage costs the requests that were under way when it began, and after them at most one in
//! half of [`RetryPolicy::initial_backoff`](crate::client::RetryPolicy::initial_backoff), then in half of twice that, up to half of
//! [`max_backoff`](crate::client::RetryPolicy::max_backoff); or one in ten seconds while probes hang. However many calls
//! wait.

mod endpoint_health;

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

pub(in crate::client) use self::endpoint_health::{Standstill, Trouble};

use self::endpoint_health::{Change, Entered, Place, Sign, Waiting};
use crate::client::retry::policy::RetryPolicy;
use crate::error::Error;
use crate::types::Shown;

/// Places that are remembered, at most, for failures that were no outage.
const MOST_PLACES: usize = 64;

/// Which place a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct PlaceId {
    hash: u64,
    /// An upload host that is not the API's own.
    is_upload_host: bool,
}

/// All places that are not well.
#[derive(Debug)]
pub(in crate::client) struct Outages {
    places: Mutex<HashMap<u64, Place>>,
    /// How many those are: where none is, there is nothing to lock.
    troubled: AtomicUsize,
    /// How many were ever remembered.
    ever: AtomicU32,
    ever_answered: AtomicBool,
    hashing: RandomState,
    chance: Mutex<fastrand::Rng>,
}

impl Outages {
    pub(in crate::client) fn new(chance: fastrand::Rng) -> Self {
        Self {
            places: Mutex::default(),
            troubled: AtomicUsize::new(0),
            ever: AtomicU32::new(0),
            ever_answered: AtomicBool::new(false),
            hashing: RandomState::new(),
            chance: Mutex::new(chance),
        }
    }

    /// The place of an origin, which may be any URI there.
    pub(in crate::client) fn place(&self, uri: &Uri) -> PlaceId {
        PlaceId {
            hash: self.hashing.hash_one((uri.scheme(), uri.authority())),
            is_upload_host: false,
        }
    }

    /// The place that an upload goes to, for a client whose API is at `api`.
    pub(in crate::client) fn upload_place(&self, uri: &Uri, api: &str) -> PlaceId {
        let api = api.split_once("://").map_or(api, |(_, rest)| rest);
        let api = api.trim_end_matches('/');
        if uri.authority().is_some_and(|authority| *authority == *api) {
            return self.place(uri);
        }
        PlaceId {
            hash: self.hashing.hash_one("upload hosts"),
            is_upload_host: true,
        }
    }

    /// Whether anybody has answered this client, ever.
    pub(in crate::client) fn ever_answered(&self) -> bool {
        self.ever_answered.load(Ordering::Relaxed)
    }

    /// Leave to make an attempt, which one that can't wait always has.
    pub(in crate::client) fn enter(
        &self,
        place: PlaceId,
        now: Instant,
        must: bool,
    ) -> Result<Way<'_>, Standstill> {
        let mut entered = Entered::Freely;
        if !must && self.troubled.load(Ordering::Acquire) > 0 {
            let mut places = self.lock();
            if let Some(there) = places.get_mut(&place.hash) {
                entered = there.enter(now)?;
            }
        }
        Ok(Way {
            outages: self,
            place,
            host: None,
            entered,
            now,
        })
    }

    /// A connection to there has broken whose answer had begun.
    pub(in crate::client) fn broke(
        &self,
        uri: &Uri,
        now: Instant,
        kind: HttpErrorKind,
        policy: &RetryPolicy,
    ) -> Trouble {
        let (place, host) = (self.place(uri), uri.authority());
        let why = HttpError::new(kind, Phase::ResponseBegun);
        self.failed(place, host, Entered::Freely, now, (kind, &why), policy)
    }

    /// Waits until there is something new since that standstill.
    pub(in crate::client) const fn change(
        &self,
        place: PlaceId,
        standstill: &Standstill,
    ) -> Waits<'_> {
        Waits {
            outages: self,
            place,
            era: standstill.era,
            number: None,
        }
    }

    fn failed(
        &self,
        place: PlaceId,
        host: Option<&Authority>,
        entered: Entered,
        now: Instant,
        (kind, why): (HttpErrorKind, &dyn fmt::Display),
        policy: &RetryPolicy,
    ) -> Trouble {
        let chance = || {
            self.chance
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .f64()
        };
        let pause = |failed| policy.pause(failed, chance());
        let mut places = self.lock();
        if places.len() >= MOST_PLACES {
            places.retain(|_, one| !one.is_up());
        }
        let new = || Place::new(self.ever.fetch_add(1, Ordering::Relaxed));
        let there = places.entry(place.hash).or_insert_with(new);
        let era = there.era;
        let (trouble, change) = there.failed(entered, now, kind, pause);
        self.settle(places, place, era);
        if change == Change::Began {
            warn!(
                host = host.map(|host| display(Shown(host.as_str()))),
                ?kind,
                "an outage has begun ({why}): calls to this host wait, and one at a time is retried"
            );
        }
        trouble
    }

    fn with(&self, place: PlaceId, act: impl FnOnce(&mut Place) -> Change) {
        let mut places = self.lock();
        let Some(there) = places.get_mut(&place.hash) else {
            return;
        };
        let (era, waiting) = (there.era, there.waiting.len());
        let change = act(there);
        self.settle(places, place, era);
        if change == Change::Ended {
            info!(waiting, "an outage is over");
        }
    }

    /// Forgets a place that is well, and wakes who can go on; not while the lock is held, since an executor may poll at once.
    fn settle(&self, mut places: MutexGuard<'_, HashMap<u64, Place>>, place: PlaceId, era: u64) {
        let (mut woken, mut forgotten) = (Vec::new(), None);
        if let Some(there) = places.get_mut(&place.hash) {
            woken = there.wakers(era);
            if there.is_sound() {
                forgotten = places.remove(&place.hash);
            }
        }
        self.troubled.store(places.len(), Ordering::Release);
        drop(places);
        drop(forgotten);
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to make one attempt. Dropping it lets another make one.
#[derive(Debug)]
pub(in crate::client) struct Way<'a> {
    outages: &'a Outages,
    place: PlaceId,
    host: Option<Authority>,
    entered: Entered,
    now: Instant,
}

impl Way<'_> {
    /// The same, for an attempt that goes to this host: it is told where an outage begins.
    pub(in crate::client) fn to(mut self, uri: &Uri) -> Self {
        self.host = uri.authority().cloned();
        self
    }

    /// What the attempt showed, and what its failure is part of. `first` is a call that had not failed before.
    pub(in crate::client) fn over<T>(
        mut self,
        outcome: &Result<T, Error>,
        hurried: bool,
        first: bool,
        now: Instant,
        policy: &RetryPolicy,
    ) -> Trouble {
        self.now = now;
        let outages = self.outages;
        match Sign::of(outcome, hurried) {
            Sign::None => Trouble::Own,
            Sign::Answered => {
                outages.ever_answered.store(true, Ordering::Relaxed);
                if outages.troubled.load(Ordering::Acquire) > 0 {
                    outages.with(self.place, |there| there.answered(now));
                }
                Trouble::Own
            }
            Sign::Failed
                if first && self.place.is_upload_host && self.entered == Entered::Freely =>
            {
                Trouble::Shared
            }
            Sign::Failed => {
                let error = outcome.as_ref().err();
                let kind = error.and_then(Error::http_error);
                let kind = kind.map_or(HttpErrorKind::Other, HttpError::kind);
                let why = error.map_or("", Error::what);
                outages.failed(
                    self.place,
                    self.host.as_ref(),
                    self.entered,
                    now,
                    (kind, &why),
                    policy,
                )
            }
        }
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        if self.entered != Entered::Freely {
            let (entered, now) = (self.entered, self.now);
            self.outages.with(self.place, |there| {
                there.leave(entered, now);
                Change::Nothing
            });
        }
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub(in crate::client) struct Waits<'a> {
    outages: &'a Outages,
    place: PlaceId,
    era: u64,
    number: Option<u64>,
}

impl Future for Waits<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let outages = self.outages;
        let mut places = outages.lock();
        let Some(there) = places.get_mut(&self.place.hash) else {
            return Poll::Ready(());
        };
        if there.era != self.era || there.is_up() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        // Dropping a waker may drop a task, and with it another who waits: not under the lock.
        let _outlives_the_lock = match self.number {
            None => {
                there.came += 1;
                self.number = Some(there.came);
                let called = false;
                there.waiting.insert(there.came, Waiting { waker, called });
                None
            }
            Some(number) => match there.waiting.get_mut(&number) {
                Some(own) if !own.called => Some(std::mem::replace(&mut own.waker, waker)),
                _ => return Poll::Ready(()),
            },
        };
        drop(places);
        Poll::Pending
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut own = None;
            self.outages.with(self.place, |there| {
                own = there.waiting.remove(&number);
                Change::Nothing
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

    use super::endpoint_health::FEW;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused<T>(kind: HttpErrorKind, phase: Phase) -> Result<T, Error> {
        Err(Error::http(HttpError::new(kind, phase)))
    }

    fn uri(uri: &str) -> Uri {
        uri.parse().unwrap()
    }

    #[test]
    fn a_place_is_an_origin_and_all_upload_hosts_are_one() {
        let outages = Outages::new(fastrand::Rng::with_seed(7));
        let place = outages.place(&uri(
            "https://api004.backblazeb2.com/b2api/v4/b2_list_buckets",
        ));
        assert_eq!(
            place,
            outages.place(&uri("https://API004.backblazeb2.com/"))
        );
        assert_ne!(place, outages.place(&uri("https://f004.backblazeb2.com/")));
        assert_ne!(place, outages.place(&uri("http://api004.backblazeb2.com/")));
        assert_ne!(
            place,
            outages.place(&uri("https://api004.backblazeb2.com:8443/"))
        );
        let pod = |host: &str| {
            let there = uri(&format!("https://{host}/b2api/v4/b2_upload_file"));
            outages.upload_place(&there, "https://api004.backblazeb2.com/")
        };
        assert_eq!(pod("pod-1.backblaze.com"), pod("pod-2.backblaze.com"));
        assert!(pod("pod-1.backblaze.com").is_upload_host);
        assert_eq!(pod("api004.backblazeb2.com"), place);
    }

    const POD: &str = "https://pod-1.backblaze.com/u";

    /// One attempt there, which fails.
    fn attempt(outages: &Outages, place: PlaceId, first: bool, now: Instant) -> Trouble {
        let outcome = refused::<()>(HttpErrorKind::Connect, Phase::NotSent);
        let way = outages.enter(place, now, true).unwrap();
        way.over(&outcome, false, first, now, &RetryPolicy::default())
    }

    #[test]
    fn an_upload_that_fails_for_the_first_time_is_no_sign_and_one_that_fails_again_is() {
        let (outages, now) = (Outages::new(fastrand::Rng::with_seed(7)), SystemTimer.now());
        let place = outages.upload_place(&uri(POD), "https://api");
        for _ in 0..100 {
            assert_eq!(attempt(&outages, place, true, now), Trouble::Shared);
        }
        assert!(outages.enter(place, now, false).is_ok());
        let troubles = [(); 3].map(|()| attempt(&outages, place, false, now));
        assert_eq!(troubles, [Trouble::Own, Trouble::Own, Trouble::Outage]);
        assert!(outages.enter(place, now, false).is_err());
        assert!(
            outages.enter(place, now, true).is_ok(),
            "who can't wait goes"
        );
        assert!(!outages.ever_answered());
    }

    /// One that waits, and how often it was woken.
    struct Waiter<'a> {
        waits: Pin<Box<Waits<'a>>>,
        woken: Arc<AtomicUsize>,
    }

    struct Counting(Arc<AtomicUsize>);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl<'a> Waiter<'a> {
        fn new(outages: &'a Outages, place: PlaceId, now: Instant) -> Self {
            let standstill = outages.enter(place, now, false).unwrap_err();
            let mut waiter = Self {
                waits: Box::pin(outages.change(place, &standstill)),
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

    /// An outage, and where.
    fn outage(now: Instant) -> (Outages, PlaceId) {
        let outages = Outages::new(fastrand::Rng::with_seed(7));
        let place = outages.place(&uri(POD));
        for _ in 0..FEW {
            attempt(&outages, place, false, now);
        }
        (outages, place)
    }

    #[test]
    fn all_who_wait_hear_of_a_probe_that_fails_or_is_dropped() {
        let now = SystemTimer.now();
        let (outages, place) = outage(now);
        for (is_dropped, then) in [(true, now + 2 * SECOND), (false, now + 3 * SECOND)] {
            let mut waiters: Vec<_> = (0..5).map(|_| Waiter::new(&outages, place, now)).collect();
            let probe = outages.enter(place, then, false).unwrap();
            assert!(waiters.iter().all(|one| one.times_woken() == 0));
            if is_dropped {
                drop(probe);
            } else {
                let outcome = refused::<()>(HttpErrorKind::Connect, Phase::NotSent);
                probe.over(&outcome, false, false, then, &RetryPolicy::default());
            }
            assert!(
                waiters
                    .iter_mut()
                    .all(|one| one.times_woken() == 1 && one.is_ready())
            );
        }
    }

    #[test]
    fn as_many_are_woken_as_the_ramp_has_room_for_in_the_order_in_which_they_came() {
        let now = SystemTimer.now();
        let (outages, place) = outage(now);
        let mut waiters: Vec<_> = (0..100)
            .map(|_| Waiter::new(&outages, place, now))
            .collect();
        let policy = RetryPolicy::default();
        let answered = |way: Way<'_>| way.over(&Ok(()), false, false, now, &policy);
        answered(outages.enter(place, now, true).unwrap());
        assert!(outages.ever_answered());
        // All hear that it is over, and those for whom there is no room wait on.
        assert!(
            waiters
                .iter_mut()
                .all(|one| one.times_woken() == 1 && one.is_ready())
        );
        let first: Vec<_> = (0..2)
            .map(|_| outages.enter(place, now, false).unwrap())
            .collect();
        waiters = (0..98).map(|_| Waiter::new(&outages, place, now)).collect();
        let woken = |waiters: &[Waiter<'_>]| waiters.iter().map(Waiter::times_woken).sum::<usize>();
        for (n, way) in first.into_iter().enumerate() {
            answered(way);
            assert_eq!(woken(&waiters), 2 * (n + 1));
        }
        // One that was woken and is dropped leaves its room to the next.
        drop(waiters.remove(0));
        assert_eq!(woken(&waiters), 4, "three, and the next");
        assert!(waiters[..4].iter_mut().all(Waiter::is_ready));
        assert!(!waiters[4].is_ready());
    }

    #[test]
    fn nobody_waits_for_a_place_that_was_forgotten() {
        let now = SystemTimer.now();
        let (outages, place) = outage(now);
        let mut waiter = Waiter::new(&outages, place, now);
        outages.lock().clear();
        assert!(waiter.is_ready());
        // And who goes takes no place from who comes later.
        for _ in 0..FEW {
            attempt(&outages, place, false, now);
        }
        let later = Waiter::new(&outages, place, now);
        drop(waiter);
        assert_eq!(outages.lock()[&place.hash].waiting.len(), 1);
        drop(later);
        assert_eq!(outages.lock()[&place.hash].waiting.len(), 0);
    }

    #[test]
    fn places_that_had_no_outage_are_not_remembered_for_ever() {
        let (outages, now) = (Outages::new(fastrand::Rng::with_seed(7)), SystemTimer.now());
        for n in 0..1_000 {
            let place = outages.place(&uri(&format!("https://f{n}.backblazeb2.com/")));
            attempt(&outages, place, false, now);
        }
        assert!(outages.lock().len() <= MOST_PLACES);
    }
}
