//! [`Waiters`]: a FIFO queue of futures waiting for the same resource.
//!
//! All methods are called under the lock of the queue's owner. Wakers are returned instead of woken
//! or dropped under the lock, since both may run foreign code: an executor may poll immediately,
//! and dropping a waker may drop a task.

use std::collections::BTreeMap;
use std::task::Waker;

/// The queue of waiting futures.
#[derive(Debug, Default)]
pub(in crate::client) struct Waiters {
    next: u64,
    waiting: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    notified: bool,
}

/// A future's position in the queue, assigned when it first waits.
#[derive(Debug, Default)]
pub(in crate::client) struct WaiterId(Option<u64>);

impl WaiterId {
    pub(in crate::client) const fn new() -> Self {
        Self(None)
    }

    pub(in crate::client) const fn is_waiting(&self) -> bool {
        self.0.is_some()
    }
}

impl Waiters {
    /// A queue whose first waiter gets this number, so that it doesn't contain a `WaiterId` of an
    /// earlier queue.
    pub(in crate::client) const fn starting_at(next: u64) -> Self {
        Self {
            next,
            waiting: BTreeMap::new(),
        }
    }

    pub(in crate::client) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(in crate::client) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Enqueues the waker at the position of `waiter`, or at the end of the queue. Returns the
    /// previous waker, to be dropped after releasing the lock.
    #[must_use]
    pub(in crate::client) fn wait(&mut self, waiter: &mut WaiterId, waker: Waker) -> Option<Waker> {
        let number = *waiter.0.get_or_insert(self.next);
        self.next = self.next.max(number.saturating_add(1));
        let waiter = Waiter {
            waker,
            notified: false,
        };
        let before = self.waiting.insert(number, waiter);
        before.map(|before| before.waker)
    }

    /// Leaves the queue. Returns the waker, to be dropped after releasing the lock.
    #[must_use]
    pub(in crate::client) fn leave(&mut self, waiter: &mut WaiterId) -> Option<Waker> {
        let own = self.waiting.remove(&waiter.0.take()?);
        own.map(|own| own.waker)
    }

    /// Whether this waiter is first in the queue.
    pub(in crate::client) fn is_next(&self, waiter: &WaiterId) -> bool {
        self.waiting.keys().next() == waiter.0.as_ref()
    }

    /// Whether this waiter was notified since it last waited, or is no longer in the queue.
    pub(in crate::client) fn is_notified(&self, waiter: &WaiterId) -> bool {
        let own = waiter.0.and_then(|number| self.waiting.get(&number));
        own.is_none_or(|own| own.notified)
    }

    /// The number of notified waiters still in the queue.
    pub(in crate::client) fn notified(&self) -> usize {
        self.waiting.values().filter(|one| one.notified).count()
    }

    /// Notifies the first `count` waiters that were not notified before. Returns their wakers, to
    /// be woken after releasing the lock.
    #[must_use]
    pub(in crate::client) fn notify(&mut self, count: usize) -> Vec<Waker> {
        let waiting = self.waiting.values_mut();
        let next = waiting.filter(|one| !one.notified).take(count);
        next.map(|one| {
            one.notified = true;
            one.waker.clone()
        })
        .collect()
    }

    /// Notifies all waiters, including those already notified.
    #[must_use]
    pub(in crate::client) fn notify_all(&mut self) -> Vec<Waker> {
        let waiting = self.waiting.values_mut();
        waiting
            .map(|one| {
                one.notified = true;
                one.waker.clone()
            })
            .collect()
    }

    /// The waker of the first waiter, notified or not.
    #[must_use]
    pub(in crate::client) fn first(&self) -> Option<Waker> {
        self.waiting
            .values()
            .next()
            .map(|first| first.waker.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(waiters: &mut Waiters) -> WaiterId {
        let mut waiter = WaiterId::new();
        assert!(waiters.wait(&mut waiter, Waker::noop().clone()).is_none());
        waiter
    }

    #[test]
    fn waiters_are_notified_once_each_in_order_of_arrival() {
        let mut waiters = Waiters::default();
        let [first, second, third] = [(); 3].map(|()| waiting(&mut waiters));
        assert!(waiters.is_next(&first) && !waiters.is_next(&second));
        assert_eq!(waiters.notify(2).len(), 2);
        let notified = [&first, &second, &third].map(|one| waiters.is_notified(one));
        assert_eq!(notified, [true, true, false]);
        assert_eq!((waiters.notify(9).len(), waiters.notify(9).len()), (1, 0));
        assert_eq!((waiters.notified(), waiters.notify_all().len()), (3, 3));
    }

    #[test]
    fn a_notified_waiter_that_waits_again_keeps_its_position() {
        let mut waiters = Waiters::default();
        let mut first = waiting(&mut waiters);
        let mut second = waiting(&mut waiters);
        assert_eq!(waiters.notify(1).len(), 1);
        assert!(waiters.wait(&mut first, Waker::noop().clone()).is_some());
        assert!(!waiters.is_notified(&first) && waiters.is_next(&first));
        assert!(waiters.leave(&mut first).is_some());
        assert!(!first.is_waiting() && waiters.is_next(&second));
        assert!(waiters.leave(&mut second).is_some() && waiters.is_empty());
    }

    #[test]
    fn a_waiter_of_an_earlier_queue_takes_no_position_in_a_later_one() {
        let mut earlier = Waiters::default();
        let mut old = waiting(&mut earlier);
        let mut later = Waiters::starting_at(1 << 32);
        let new = waiting(&mut later);
        assert!(later.is_notified(&old) && !later.is_next(&old));
        assert!(later.leave(&mut old).is_none());
        assert!(later.is_next(&new));
    }
}
