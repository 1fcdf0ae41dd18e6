//! [`Semaphore`]: how many bytes transfers may hold at once, first come, first served.
//!
//! Only what comes once is held: what can be read again needs no memory of its own. Reservation is asked for before a part is
//! read and given back when the part is over, so whoever has room needs no more of it to go on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::client::Client;

/// The bytes that may be held.
#[derive(Debug)]
pub(in crate::client) struct Semaphore {
    all: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u64,
    next: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    waker: Waker,
}

/// Leave to hold so many bytes. Dropping it lets others hold them.
#[derive(Debug)]
pub(crate) struct Reservation {
    memory: Arc<Semaphore>,
    bytes: u64,
}

impl Client {
    /// Waits until so many bytes may be held. More than there are at all count as all there are. `None`, and at once, where
    /// the client has no quota.
    pub(crate) async fn reserve_memory(&self, bytes: u64) -> Option<Reservation> {
        let memory = self.shared.memory.as_ref()?;
        Some(Semaphore::acquire(memory, bytes).await)
    }
}

impl Semaphore {
    pub(in crate::client) fn new(all: u64) -> Arc<Self> {
        let state = State {
            free: all,
            next: 0,
            waiting: VecDeque::new(),
        };
        Arc::new(Self {
            all,
            state: Mutex::new(state),
        })
    }

    pub(in crate::client) fn acquire(self: &Arc<Self>, bytes: u64) -> Acquire {
        Acquire {
            memory: Arc::clone(self),
            bytes: bytes.min(self.all),
            number: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: u64) {
        let mut state = self.lock();
        state.free += bytes;
        wake_first(state);
    }
}

/// Wakes who is next; not while the lock is held, since an executor may poll at once.
fn wake_first(state: MutexGuard<'_, State>) {
    let first = state.waiting.front().map(|first| first.waker.clone());
    drop(state);
    first.into_iter().for_each(Waker::wake);
}

impl Reservation {
    /// Gives back what was not needed.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        if let Some(excess) = self.bytes.checked_sub(bytes) {
            self.bytes = bytes;
            self.memory.give_back(excess);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
    }
}

/// Waits for room.
pub(in crate::client) struct Acquire {
    memory: Arc<Semaphore>,
    bytes: u64,
    /// Its place among those who wait, if it does.
    number: Option<u64>,
}

impl Future for Acquire {
    type Output = Reservation;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reservation> {
        let memory = Arc::clone(&self.memory);
        let mut state = memory.lock();
        let first = state.waiting.front().map(|first| first.number);
        if first == self.number && self.bytes <= state.free {
            state.free -= self.bytes;
            if self.number.take().is_some() {
                state.waiting.pop_front();
            }
            // There may be room for the next one too.
            wake_first(state);
            let bytes = self.bytes;
            return Poll::Ready(Reservation { memory, bytes });
        }
        let waker = cx.waker().clone();
        match self.number {
            None => {
                let number = state.next;
                state.next += 1;
                state.waiting.push_back(Waiting { number, waker });
                self.number = Some(number);
            }
            Some(number) => {
                let mut waiting = state.waiting.iter_mut();
                if let Some(own) = waiting.find(|waiting| waiting.number == number) {
                    own.waker = waker;
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.memory.lock();
            state.waiting.retain(|waiting| waiting.number != number);
            // It may have been the one for whom there was no room.
            wake_first(state);
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

    /// Whether this one gets its room now.
    fn poll(asking: &mut Acquire) -> Option<Reservation> {
        asking.now_or_never()
    }

    #[test]
    fn no_more_is_held_than_there_is_and_what_is_larger_passes_alone() {
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
    fn who_came_first_is_served_first_and_who_leaves_holds_nobody_up() {
        let memory = Semaphore::new(10);
        let nine = ask(&memory, 9).unwrap();
        let (mut large, mut small) = (memory.acquire(10), memory.acquire(1));
        assert!(poll(&mut large).is_none());
        // There would be room for it, but then a large one might wait for ever.
        assert!(poll(&mut small).is_none());
        drop(large);
        let one = poll(&mut small).unwrap();
        drop(nine);
        assert!(ask(&memory, 10).is_none());
        drop((one, small));
        assert!(ask(&memory, 10).is_some());
    }

    #[test]
    fn room_that_was_not_needed_is_given_back_at_once() {
        let memory = Semaphore::new(10);
        let mut room = ask(&memory, 10).unwrap();
        room.shrink_to(12);
        assert!(ask(&memory, 1).is_none());
        room.shrink_to(3);
        let seven = ask(&memory, 7).unwrap();
        assert!(ask(&memory, 1).is_none());
        drop((room, seven));
        assert!(ask(&memory, 10).is_some());
    }

    #[test]
    fn those_who_wait_are_woken_each_in_turn() {
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
