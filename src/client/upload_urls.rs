//! [`UploadUrls`]: the pool of upload URLs.
//!
//! An upload URL accepts one upload at a time. So it is taken out for one upload, and returned only
//! after a success or a failure that says nothing about it: B2's own 429, or one on this machine.
//! After any other failure, or if the upload is dropped, B2 may still be reading from it. A second
//! attempt after such a failure gets a new URL, since all pooled ones may have become invalid
//! together.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api::{UploadAddress, UploadTarget};

/// The maximum age of a pooled URL; B2 accepts it for 24 hours.
const MAX_AGE: Duration = Duration::from_secs(23 * 3_600);

/// Targets that have pooled URLs; the least recently used is evicted.
const MAX_TARGETS: usize = 100;

/// The pool's targets. The one used last is at the end; nearly always it is the one that is looked
/// for.
#[derive(Default)]
pub(super) struct UploadUrls(Mutex<Vec<TargetUrls>>);

struct TargetUrls {
    target: UploadTarget,
    urls: Vec<PooledUrl>,
}

/// An upload URL that is taken out for one upload. Dropping it discards it.
pub(super) struct PooledUrl {
    pub(super) address: UploadAddress,
    obtained: Instant,
}

impl PooledUrl {
    pub(super) const fn new(address: UploadAddress, now: Instant) -> Self {
        Self {
            address,
            obtained: now,
        }
    }
}

impl UploadUrls {
    /// Takes out a URL for this target, if there is one.
    pub(super) fn take(&self, target: &UploadTarget, now: Instant) -> Option<PooledUrl> {
        let mut targets = self.lock();
        let idle = touch(&mut targets, target)?;
        // The URL used last is the most likely to still have an open connection.
        std::iter::from_fn(|| idle.urls.pop())
            .find(|pooled| now.saturating_duration_since(pooled.obtained) < MAX_AGE)
    }

    /// Returns a URL to the pool.
    pub(super) fn give_back(&self, target: UploadTarget, pooled: PooledUrl) {
        let mut targets = self.lock();
        if let Some(idle) = touch(&mut targets, &target) {
            idle.urls.push(pooled);
            return;
        }
        if targets.len() >= MAX_TARGETS {
            targets.remove(0);
        }
        let urls = vec![pooled];
        targets.push(TargetUrls { target, urls });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TargetUrls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves a target to the end.
fn touch<'a>(targets: &'a mut [TargetUrls], target: &UploadTarget) -> Option<&'a mut TargetUrls> {
    let at = targets.iter().rposition(|idle| idle.target == *target)?;
    targets.get_mut(at..)?.rotate_left(1);
    targets.last_mut()
}

impl fmt::Debug for UploadUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadUrls")
            .field("targets", &self.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use super::*;
    use crate::types::Secret;

    fn pooled(path: &str, obtained: Instant) -> PooledUrl {
        let address = UploadAddress::new(&format!("https://pod/{path}"), &Secret::new("t"));
        PooledUrl::new(address.unwrap(), obtained)
    }

    fn bucket(id: &str) -> UploadTarget {
        UploadTarget::Bucket(id.into())
    }

    /// Takes a URL out, and returns its path.
    fn take(urls: &UploadUrls, id: &str, now: Instant) -> Option<String> {
        let pooled = urls.take(&bucket(id), now)?;
        Some(pooled.address.uri().path().to_owned())
    }

    #[test]
    fn a_url_in_use_is_not_in_the_pool_until_it_is_returned() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        assert!(take(&urls, "a", now).is_none());
        urls.give_back(bucket("a"), pooled("1", now));
        assert!(take(&urls, "b", now).is_none());
        assert_eq!(take(&urls, "a", now).as_deref(), Some("/1"));
        assert!(take(&urls, "a", now).is_none());
    }

    #[test]
    fn a_url_older_than_the_maximum_age_is_discarded() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        urls.give_back(bucket("a"), pooled("young", now + MAX_AGE / 2));
        urls.give_back(bucket("a"), pooled("old", now));
        let later = now + MAX_AGE;
        assert_eq!(take(&urls, "a", later).as_deref(), Some("/young"));
        assert!(take(&urls, "a", later).is_none());
    }

    #[test]
    fn the_pool_evicts_the_least_recently_used_target() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        for n in 0..MAX_TARGETS {
            urls.give_back(bucket(&n.to_string()), pooled("x", now));
        }
        // A target counts as used even if it has no URL left.
        assert!(take(&urls, "0", now).is_some());
        urls.give_back(bucket("one more"), pooled("x", now));
        urls.give_back(bucket("0"), pooled("x", now));
        assert!(take(&urls, "1", now).is_none());
        for kept in ["0", "2", "99", "one more"] {
            assert!(take(&urls, kept, now).is_some(), "{kept}");
        }
    }
}
