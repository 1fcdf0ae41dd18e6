//! [`Observer`]: observes an exchange.

use bytes::Bytes;
use http::request::Parts;

use crate::drivers::account::Account;
use crate::faults::plan::Hit;
use crate::faults::subject::Subject;

/// Observes an exchange without changing it.
pub(crate) trait Observer: Send + Sync {
    /// A request is about to be answered.
    fn begun(&mut self, _account: &Account, _head: &Parts, _subject: &Subject) {}

    /// All faults that have hit the request so far.
    fn hit_by(&mut self, _faults: &[Hit]) {}

    /// The next bytes of the request's body have arrived.
    fn received(&mut self, _bytes: &Bytes) {}
}

/// Sees nothing.
impl Observer for () {}

/// `None` observes nothing.
impl<T: Observer> Observer for Option<T> {
    fn begun(&mut self, account: &Account, head: &Parts, subject: &Subject) {
        if let Some(observer) = self {
            observer.begun(account, head, subject);
        }
    }

    fn hit_by(&mut self, faults: &[Hit]) {
        if let Some(observer) = self {
            observer.hit_by(faults);
        }
    }

    fn received(&mut self, bytes: &Bytes) {
        if let Some(observer) = self {
            observer.received(bytes);
        }
    }
}
