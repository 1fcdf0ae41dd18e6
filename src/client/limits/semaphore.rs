//! [`Semaphore`]: a fair (FIFO) semaphore for resources that all transfers share: bytes of memory,
//! open files.
//!
//! A reservation is made before a part is read and released when the part is done. Its holder needs
//! no second one to finish, so there is no deadlock.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[cfg(feature = "fs")]
use futures_util::FutureExt as _;

use super::waiters::{WaiterId, Waiters};

/// The shared capacity.
#[derive(Debug)]
pub(in crate::client) struct Semaphore {
    capacity: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u64,
    waiters: Waiters,
}

/// A reservation of some units. Dropping it releases them.
#[derive(Debug)]
pub(crate) struct Reservation {
    semaphore: Arc<Semaphore>,
    amount: u64,
}

impl Semaphore {
    pub(in crate::client) fn new(capacity: u64) -> Arc<Self> {
        let state = State {
            free: capacity,
            waiters: Waiters::default(),
        };
        Arc::new(Self {
            capacity,
            state: Mutex::new(state),
        })
    }

    /// Waits its turn until `amount` is free. More than the capacity counts as the capacity.
    pub(in crate::client) fn acquire(self: &Arc<Self>, amount: u64) -> Acquire {
        Acquire {
            semaphore: Arc::clone(self),
            amount: amount.min(self.capacity),
            waiter: WaiterId::new(),
        }
    }

    /// Reserves this much immediately, unless others wait for it or hold it.
    #[cfg(feature = "fs")]
    pub(in crate::client) fn try_acquire(self: &Arc<Self>, amount: u64) -> Option<Reservation> {
        self.acquire(amount).now_or_never()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, amount: u64) {
        let mut state = self.lock();
        state.free += amount;
        wake_first(state);
    }
}

/// Wakes the first waiter after releasing the lock: an executor may poll at once.
fn wake_first(state: MutexGuard<'_, State>) {
    let first = state.waiters.first();
    drop(state);
    first.into_iter().for_each(Waker::wake);
}

impl Reservation {
    /// Releases all but `amount`.
    pub(crate) fn shrink_to(&mut self, amount: u64) {
        if let Some(excess) = self.amount.checked_sub(amount) {
            self.amount = amount;
            self.semaphore.release(excess);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.semaphore.release(self.amount);
    }
}

/// Waits for a reservation.
pub(in crate::client) struct Acquire {
    semaphore: Arc<Semaphore>,
    amount: u64,
    waiter: WaiterId,
}

impl Future for Acquire {
    type Output = Reservation;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reservation> {
        let semaphore = Arc::clone(&self.semaphore);
        let mut state = semaphore.lock();
        if state.waiters.is_next(&self.waiter) && self.amount <= state.free {
            state.free -= self.amount;
            let own = state.waiters.leave(&mut self.waiter);
            // There may be enough for the next waiter too.
            wake_first(state);
            drop(own);
            let amount = self.amount;
            return Poll::Ready(Reservation { semaphore, amount });
        }
        let before = state.waiters.wait(&mut self.waiter, cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if self.waiter.is_waiting() {
            let mut state = self.semaphore.lock();
            let own = state.waiters.leave(&mut self.waiter);
            // It may have blocked waiters that need less.
            wake_first(state);
            drop(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn ask(memory: &Arc<Semaphore>, bytes: u64) -> Option<Reservation> {
        memory.acquire(bytes).now_or_never()
    }

    /// Polls once.
    fn poll(asking: &mut Acquire) -> Option<Reservation> {
        asking.now_or_never()
    }

    #[test]
    fn reservations_never_exceed_the_capacity_unless_a_larger_one_is_alone() {
        let memory = Semaphore::new(10);
        let (six, four) = (ask(&memory, 6).unwrap(), ask(&memory, 4).unwrap());
        assert!(ask(&memory, 1).is_none());
        drop(six);
        assert!(ask(&memory, 7).is_none() && ask(&memory, 11).is_none());
        drop(four);
        let all = ask(&memory, 1_000).unwrap();
        assert!(ask(&memory, 1).is_none());
        drop(all);
        assert!(ask(&memory, 10).is_some());
    }

    #[test]
    fn waiters_are_served_in_order_and_a_dropped_one_does_not_block() {
        let memory = Semaphore::new(10);
        let nine = ask(&memory, 9).unwrap();
        let (mut large, mut small) = (memory.acquire(10), memory.acquire(1));
        assert!(poll(&mut large).is_none());
        // There is capacity for it, but letting it overtake could starve the large one.
        assert!(poll(&mut small).is_none());
        drop(large);
        let one = poll(&mut small).unwrap();
        drop(nine);
        assert!(ask(&memory, 10).is_none());
        drop((one, small));
        assert!(ask(&memory, 10).is_some());
    }

    #[test]
    fn shrinking_a_reservation_releases_the_excess() {
        let memory = Semaphore::new(10);
        let mut reservation = ask(&memory, 10).unwrap();
        reservation.shrink_to(12);
        assert!(ask(&memory, 1).is_none());
        reservation.shrink_to(3);
        let seven = ask(&memory, 7).unwrap();
        assert!(ask(&memory, 1).is_none());
        drop((reservation, seven));
        assert!(ask(&memory, 10).is_some());
    }

    #[test]
    fn released_capacity_wakes_waiters_one_after_another() {
        let memory = Semaphore::new(2);
        let all = ask(&memory, 2).unwrap();
        let (served, pool) = (
            Arc::new(Mutex::new(Vec::new())),
            &mut futures::executor::LocalPool::new(),
        );
        let spawner = futures::task::LocalSpawnExt::spawn_local;
        for number in 0..5 {
            let (memory, served) = (Arc::clone(&memory), Arc::clone(&served));
            let task = async move {
                let _room = memory.acquire(1 + number % 2).await;
                served.lock().unwrap().push(number);
            };
            spawner(&pool.spawner(), task).unwrap();
        }
        pool.run_until_stalled();
        assert!(served.lock().unwrap().is_empty());
        drop(all);
        pool.run_until_stalled();
        assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4]);
    }
}
