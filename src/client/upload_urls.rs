//! [`UploadUrls`]: the pool of upload URLs.
//!
//! An upload URL accepts one upload at a time. So it is taken out for one upload, and returned only
//! after a success or a failure that says nothing about it: B2's own 429, or one on this machine.
//! After any other failure, or if the upload is dropped, B2 may still be reading from it. A second
//! attempt after such a failure gets a new URL, since all pooled ones may have become invalid
//! together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api::{UploadPartUrl, UploadTarget, UploadUrl};
use crate::types::Secret;

/// The maximum age of a pooled URL; B2 accepts it for 24 hours.
const MAX_AGE: Duration = Duration::from_secs(23 * 3_600);

/// Targets that have pooled URLs; the least recently used is evicted.
const MAX_TARGETS: usize = 100;

/// The pool.
#[derive(Default)]
pub(super) struct UploadUrls(Mutex<HashMap<UploadTarget, TargetUrls>>);

struct TargetUrls {
    urls: Vec<PooledUrl>,
    used: Instant,
}

/// An upload URL that is taken out for one upload. Dropping it discards it.
pub(super) struct PooledUrl {
    pub(super) url: String,
    pub(super) token: Secret,
    obtained: Instant,
}

impl PooledUrl {
    pub(super) fn of_file(url: UploadUrl, now: Instant) -> Self {
        Self {
            url: url.upload_url,
            token: url.authorization_token,
            obtained: now,
        }
    }

    pub(super) fn of_part(url: UploadPartUrl, now: Instant) -> Self {
        Self {
            url: url.upload_url,
            token: url.authorization_token,
            obtained: now,
        }
    }
}

impl UploadUrls {
    /// Takes out a URL for this target, if there is one.
    pub(super) fn take(&self, target: &UploadTarget, now: Instant) -> Option<PooledUrl> {
        let mut targets = self.lock();
        let idle = targets.get_mut(target)?;
        idle.used = now;
        // The URL used last is the most likely to still have an open connection.
        std::iter::from_fn(|| idle.urls.pop())
            .find(|pooled| now.saturating_duration_since(pooled.obtained) < MAX_AGE)
    }

    /// Returns a URL to the pool.
    pub(super) fn give_back(&self, target: UploadTarget, pooled: PooledUrl, now: Instant) {
        let mut targets = self.lock();
        if targets.len() >= MAX_TARGETS && !targets.contains_key(&target) {
            let oldest = targets
                .iter()
                .min_by_key(|(_, idle)| idle.used)
                .map(|(target, _)| target.clone());
            oldest.and_then(|oldest| targets.remove(&oldest));
        }
        let idle = targets.entry(target).or_insert_with(|| TargetUrls {
            urls: Vec::new(),
            used: now,
        });
        idle.used = now;
        idle.urls.push(pooled);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadTarget, TargetUrls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    fn pooled(url: &str, obtained: Instant) -> PooledUrl {
        PooledUrl {
            url: url.to_owned(),
            token: Secret::new("t"),
            obtained,
        }
    }

    fn bucket(id: &str) -> UploadTarget {
        UploadTarget::Bucket(id.into())
    }

    #[test]
    fn a_url_in_use_is_not_in_the_pool_until_it_is_returned() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        assert!(urls.take(&bucket("a"), now).is_none());
        urls.give_back(bucket("a"), pooled("1", now), now);
        assert!(urls.take(&bucket("b"), now).is_none());
        let out = urls.take(&bucket("a"), now).unwrap();
        assert_eq!(out.url, "1");
        assert!(urls.take(&bucket("a"), now).is_none());
    }

    #[test]
    fn a_url_older_than_the_maximum_age_is_discarded() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        urls.give_back(bucket("a"), pooled("young", now + MAX_AGE / 2), now);
        urls.give_back(bucket("a"), pooled("old", now), now);
        assert_eq!(urls.take(&bucket("a"), now + MAX_AGE).unwrap().url, "young");
        assert!(urls.take(&bucket("a"), now + MAX_AGE).is_none());
    }

    #[test]
    fn the_pool_evicts_the_least_recently_used_target() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        for n in 0..=MAX_TARGETS {
            let at = now + Duration::from_secs(n as u64);
            urls.give_back(bucket(&n.to_string()), pooled("x", at), at);
        }
        assert!(urls.take(&bucket("0"), now).is_none());
        assert!(urls.take(&bucket("1"), now).is_some());
    }
}
