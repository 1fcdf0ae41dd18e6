//! [`UploadUrls`]: the pool of upload URLs.
//!
//! An upload URL accepts one upload at a time. So it is taken out for one upload, and returned only
//! after a success: after a failed or dropped upload B2 may still be reading from it. A second
//! attempt never takes a URL from the pool, since all of them may have become invalid together; it
//! gets a fresh one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api::{UploadPartUrl, UploadTarget, UploadUrl};
use crate::types::Secret;

/// They are valid for 24 hours.
const MAX_AGE: Duration = Duration::from_secs(23 * 3_600);

/// Targets that have pooled URLs; the least recently used is evicted.
const MAX_PLACES: usize = 100;

/// The pool.
#[derive(Default)]
pub(super) struct UploadUrls(Mutex<HashMap<UploadTarget, Free>>);

struct Free {
    urls: Vec<Lease>,
    used: Instant,
}

/// An upload URL that is taken out for one upload. Dropping it discards it.
pub(super) struct Lease {
    pub(super) url: String,
    pub(super) token: Secret,
    born: Instant,
}

impl Lease {
    pub(super) fn of_file(url: UploadUrl, now: Instant) -> Self {
        Self {
            url: url.upload_url,
            token: url.authorization_token,
            born: now,
        }
    }

    pub(super) fn of_part(url: UploadPartUrl, now: Instant) -> Self {
        Self {
            url: url.upload_url,
            token: url.authorization_token,
            born: now,
        }
    }
}

impl UploadUrls {
    /// Takes out a URL for this target, if there is one.
    pub(super) fn take(&self, place: &UploadTarget, now: Instant) -> Option<Lease> {
        let mut places = self.lock();
        let free = places.get_mut(place)?;
        free.used = now;
        // The one that was used last is the most likely to have a connection still.
        std::iter::from_fn(|| free.urls.pop())
            .find(|lease| now.saturating_duration_since(lease.born) < MAX_AGE)
    }

    /// Returns a URL after a successful upload.
    pub(super) fn give_back(&self, place: UploadTarget, lease: Lease, now: Instant) {
        let mut places = self.lock();
        if places.len() >= MAX_PLACES && !places.contains_key(&place) {
            let oldest = places
                .iter()
                .min_by_key(|(_, free)| free.used)
                .map(|(place, _)| place.clone());
            oldest.and_then(|oldest| places.remove(&oldest));
        }
        let free = places.entry(place).or_insert_with(|| Free {
            urls: Vec::new(),
            used: now,
        });
        free.used = now;
        free.urls.push(lease);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadTarget, Free>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UploadUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadUrls")
            .field("places", &self.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use super::*;

    fn lease(url: &str, born: Instant) -> Lease {
        Lease {
            url: url.to_owned(),
            token: Secret::new("t"),
            born,
        }
    }

    fn bucket(id: &str) -> UploadTarget {
        UploadTarget::Bucket(id.into())
    }

    #[test]
    fn a_url_is_out_while_it_is_used_and_back_when_it_is_given_back() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        assert!(urls.take(&bucket("a"), now).is_none());
        urls.give_back(bucket("a"), lease("1", now), now);
        assert!(urls.take(&bucket("b"), now).is_none());
        let out = urls.take(&bucket("a"), now).unwrap();
        assert_eq!(out.url, "1");
        assert!(urls.take(&bucket("a"), now).is_none());
    }

    #[test]
    fn a_url_that_is_too_old_is_thrown_away() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        urls.give_back(bucket("a"), lease("young", now + MAX_AGE / 2), now);
        urls.give_back(bucket("a"), lease("old", now), now);
        assert_eq!(urls.take(&bucket("a"), now + MAX_AGE).unwrap().url, "young");
        assert!(urls.take(&bucket("a"), now + MAX_AGE).is_none());
    }

    #[test]
    fn only_so_many_places_are_remembered() {
        let (urls, now) = (UploadUrls::default(), SystemTimer.now());
        for n in 0..=MAX_PLACES {
            let at = now + Duration::from_secs(n as u64);
            urls.give_back(bucket(&n.to_string()), lease("x", at), at);
        }
        assert!(urls.take(&bucket("0"), now).is_none());
        assert!(urls.take(&bucket("1"), now).is_some());
    }
}
