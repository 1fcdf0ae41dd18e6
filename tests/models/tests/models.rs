//! No wake-up is lost, nothing is leased twice, no permit leaks on a drop, and every waiter is served: in random
//! schedules of the model checker, which panics if all tasks wait. Each model is also run on the same code with a
//! planted bug, which it has to find.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use b2kit_models::fakes;
use futures_util::future::pending;
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::sync::{Arc, Barrier, Mutex};
use shuttle::thread;

/// Schedules for each model.
const SCHEDULES: usize = 2_000;

fn check(model: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(model, SCHEDULES);
}

/// Polls a future once, and drops it if it is not ready.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// A model, as a test on the sound code and on code with each of these bugs.
macro_rules! model {
    ($name:ident, $model:ident, [$($bug:ident),*]) => {
        #[test]
        fn $name() {
            check($model!(sound));
        }

        mod $model {
            use super::*;
            $(
                #[test]
                #[should_panic]
                fn $bug() {
                    check($model!($bug));
                }
            )*
        }
    };
}

/// The memory budget and the open files: reservations of several sizes, some of which are shrunk, or dropped while
/// they wait.
macro_rules! semaphore {
    ($set:ident) => {
        || {
            use b2kit_models::$set::semaphore::Semaphore;
            const CAPACITY: u64 = 3;
            let (semaphore, held) = (Semaphore::new(CAPACITY), Arc::new(AtomicU64::new(0)));
            let mut tasks = Vec::new();
            for amount in [3, 1, 2, 1] {
                let (semaphore, held) = (Arc::clone(&semaphore), Arc::clone(&held));
                tasks.push(spawn(async move {
                    let mut reservation = semaphore.acquire(amount).await;
                    let now = held.fetch_add(amount, Ordering::SeqCst) + amount;
                    assert!(now <= CAPACITY, "{now} of {CAPACITY} are held");
                    yield_now().await;
                    held.fetch_sub(amount, Ordering::SeqCst);
                    if amount == 2 {
                        held.fetch_add(1, Ordering::SeqCst);
                        reservation.shrink_to(1);
                        yield_now().await;
                        held.fetch_sub(1, Ordering::SeqCst);
                    }
                }));
            }
            let gives_up = Arc::clone(&semaphore);
            tasks.push(spawn(async move {
                let mut waiting = pin!(gives_up.acquire(CAPACITY));
                for _ in 0..2 {
                    let waited = poll_once(waiting.as_mut()).await;
                    if waited.is_some() {
                        return;
                    }
                    yield_now().await;
                }
            }));
            block_on(async move {
                for task in tasks {
                    task.await.expect("no task panics");
                }
                drop(semaphore.acquire(CAPACITY).await);
            });
        }
    };
}
model!(
    every_waiter_of_a_semaphore_is_served_and_nothing_leaks,
    semaphore,
    [
        dropped_reservation_wakes_nobody,
        dropped_waiter_wakes_nobody,
        shrinking_releases_twice
    ]
);

/// Two reservations that fit beside each other, each of which is held until the other one is made.
macro_rules! both_fit {
    ($set:ident) => {
        || {
            use b2kit_models::$set::semaphore::Semaphore;
            let semaphore = Semaphore::new(2);
            let (all, both) = (block_on(semaphore.acquire(2)), Arc::new(Barrier::new(2)));
            let tasks = [(); 2].map(|()| {
                let (semaphore, both) = (Arc::clone(&semaphore), Arc::clone(&both));
                spawn(async move {
                    let _one = semaphore.acquire(1).await;
                    both.wait();
                })
            });
            drop(all);
            block_on(async move {
                for task in tasks {
                    task.await.expect("no task panics");
                }
            });
        }
    };
}
model!(
    waiters_that_fit_together_are_served_together,
    both_fit,
    [served_waiter_wakes_nobody]
);

/// Calls in a lane whose limit was lowered to one, some of which are dropped while they wait.
macro_rules! limiter {
    ($set:ident) => {
        || {
            use b2kit_models::$set::limiter::Limiter;
            const KIND: fakes::CallKind = fakes::CallKind::Read;
            let (limiter, held) = (Arc::new(Limiter::default()), Arc::new(AtomicU64::new(0)));
            // One in flight, and a 429: the limit is one.
            let first = limiter.try_acquire(KIND).expect("there is no limit yet");
            first.throttled();
            drop(first);
            let mut tasks = Vec::new();
            for _ in 0..3 {
                let (limiter, held) = (Arc::clone(&limiter), Arc::clone(&held));
                tasks.push(spawn(async move {
                    let permit = limiter.acquire(KIND).await;
                    let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                    assert_eq!(now, 1, "more calls than the limit");
                    yield_now().await;
                    held.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }));
            }
            let gives_up = Arc::clone(&limiter);
            tasks.push(spawn(async move {
                let mut waiting = pin!(gives_up.acquire(KIND));
                if poll_once(waiting.as_mut()).await.is_none() {
                    yield_now().await;
                }
            }));
            block_on(async move {
                for task in tasks {
                    task.await.expect("no task panics");
                }
                assert!(limiter.try_acquire(KIND).is_some(), "a permit has leaked");
            });
        }
    };
}
model!(
    every_call_gets_a_permit_and_none_leaks,
    limiter,
    [
        dropped_permit_wakes_nobody,
        dropped_permit_is_not_returned,
        unneeded_permit_is_not_passed_on,
        permit_is_taken_after_the_lock
    ]
);

/// Uploads that take a URL each, and return it.
macro_rules! upload_urls {
    ($set:ident) => {
        || {
            use b2kit_models::$set::upload_urls::{PooledUrl, UploadUrls};
            let bucket = || fakes::UploadTarget::Bucket("b".to_owned());
            let (urls, now) = (Arc::new(UploadUrls::default()), fakes::now());
            let leased: Arc<[AtomicBool; 2]> = Arc::default();
            for number in 0..2 {
                urls.give_back(bucket(), PooledUrl::new(number, now));
            }
            let uploads = (0..3).map(|_| {
                let (urls, leased) = (Arc::clone(&urls), Arc::clone(&leased));
                thread::spawn(move || {
                    for _ in 0..2 {
                        let Some(pooled) = urls.take(&bucket(), now) else {
                            continue;
                        };
                        let lease = &leased[pooled.address];
                        assert!(!lease.swap(true, Ordering::SeqCst), "a URL is leased twice");
                        thread::yield_now();
                        lease.store(false, Ordering::SeqCst);
                        urls.give_back(bucket(), pooled);
                    }
                })
            });
            for upload in uploads.collect::<Vec<_>>() {
                upload.join().expect("no upload panics");
            }
            let left = std::iter::from_fn(|| urls.take(&bucket(), now)).take(3);
            assert_eq!(left.count(), 2, "a URL was lost or doubled");
        }
    };
}
model!(
    no_upload_url_is_leased_twice_or_lost,
    upload_urls,
    [url_stays_in_the_pool]
);

/// Uploads that are dropped, others that resume what they leave, and cleanups that cancel it.
macro_rules! unfinished {
    ($set:ident) => {
        || {
            use b2kit_models::$set::unfinished::{UnfinishedState, UnfinishedUploads};
            let uploads = Arc::new(UnfinishedUploads::default());
            let (bucket, file) = ("b".to_owned(), "f".to_owned());
            let entry = uploads.register(&bucket, "name", "id");
            entry.started(&file);
            let owned = Arc::new(AtomicBool::new(false));
            let own = |owned: &AtomicBool| {
                assert!(
                    !owned.swap(true, Ordering::SeqCst),
                    "two have the large file"
                );
                thread::yield_now();
                owned.store(false, Ordering::SeqCst);
            };
            let mut threads = vec![thread::spawn(move || drop(entry))];
            for _ in 0..2 {
                let (uploads, owned) = (Arc::clone(&uploads), Arc::clone(&owned));
                let (bucket, file) = (bucket.clone(), file.clone());
                threads.push(thread::spawn(move || {
                    if let Some(entry) = uploads.adopt(&bucket, "name", &file, "id") {
                        own(&owned);
                        drop(entry);
                    }
                }));
            }
            for _ in 0..2 {
                let (uploads, owned) = (Arc::clone(&uploads), Arc::clone(&owned));
                threads.push(thread::spawn(move || {
                    for one in uploads.all() {
                        if let Some(cancellation) = uploads.begin_cancellation(one.number) {
                            own(&owned);
                            drop(cancellation);
                        }
                    }
                }));
            }
            for thread in threads {
                thread.join().expect("no thread panics");
            }
            let left = uploads.all();
            assert_eq!(left.len(), 1, "the large file is forgotten, or there twice");
            assert_eq!(left[0].unfinished.state, UnfinishedState::Orphaned);
            let last = uploads.begin_cancellation(left[0].number);
            assert!(last.is_some(), "nobody could cancel it any more");
        }
    };
}
model!(
    a_large_file_has_one_owner_and_is_never_forgotten,
    unfinished,
    [
        file_that_is_being_cancelled_is_adopted,
        file_is_cancelled_twice,
        file_is_checked_and_adopted_in_two_steps,
        dropped_upload_is_forgotten
    ]
);

/// Calls that need a session, which expires once, and calls that are dropped while they wait for it or make it.
macro_rules! authorization {
    ($set:ident) => {
        || {
            use b2kit_models::$set::authorization::Authorization;
            let (realm, version) = ("https://api.example".to_owned(), fakes::ApiVersion);
            let credentials = Some(fakes::Credentials);
            let authorization = Authorization::new(realm, version, credentials, None, None);
            let (authorization, made) = (Arc::new(authorization), Arc::new(AtomicU64::new(0)));
            let expired = Arc::new(Mutex::new(Vec::new()));
            let mut tasks = Vec::new();
            for number in 0..4 {
                let (authorization, made) = (Arc::clone(&authorization), Arc::clone(&made));
                let expired = Arc::clone(&expired);
                tasks.push(spawn(async move {
                    let policy = Arc::new(fakes::RetryPolicy);
                    let session = || {
                        let made = Arc::clone(&made);
                        authorization.session(&policy, fakes::now, pending(), |_| async move {
                            yield_now().await;
                            made.fetch_add(1, Ordering::SeqCst);
                            Ok(fakes::Session::new())
                        })
                    };
                    if number == 3 {
                        poll_once(session()).await;
                        return;
                    }
                    let first = session().await.expect("it is made");
                    yield_now().await;
                    expired
                        .lock()
                        .expect("no task panics")
                        .push(Arc::clone(&first.session));
                    authorization.expired(&first);
                    session().await.expect("it is made again");
                }));
            }
            block_on(async move {
                for task in tasks {
                    task.await.expect("no task panics");
                }
                let mut expired = expired.lock().expect("no task panics").clone();
                expired.sort_by_key(Arc::as_ptr);
                expired.dedup_by(|one, other| Arc::ptr_eq(one, other));
                let (made, expired) = (made.load(Ordering::SeqCst), expired.len() as u64);
                assert!(
                    made <= expired + 1,
                    "{made} authorizations for {expired} expiries"
                );
                assert!(authorization.current().is_some() || made == expired);
            });
        }
    };
}
model!(
    all_calls_get_a_session_and_none_is_made_in_vain,
    authorization,
    [new_session_is_not_noticed, late_expiry_drops_a_new_session]
);
