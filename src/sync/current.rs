//! [`CurrentVersions`]: whether versions that are about to be replaced or hidden are still current.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use futures_util::future::Shared;

use super::entry::RemoteFile;
use super::outcome::concerns_all;
use crate::api::ListFileNames;
use crate::bucket::BucketHandle;
use crate::error::Error;
use crate::types::FileId;

/// A listing answers checks for this long after it was requested.
const FRESH: Duration = Duration::from_secs(1);

/// Rows of a listing: the most that B2 bills as one call.
const ROWS: u32 = 1_000;

/// The number of listings requested by other checks that a check awaits before it makes a call of its own.
const SHARED: usize = 2;

/// Checks the current versions of files, those of neighbouring names with one listing.
///
/// In a run that makes its own plan, a version that the plan has read within the last second counts as current without
/// a call, and a name for which the plan found no file is not checked: an upload destroys nothing.
///
/// A check that comes alone lists one row. If another came within the last second, it lists a page, which also answers
/// the checks of the names after it, for a second. So there is never more than one call per check, and far fewer where
/// the names are close to each other.
pub(super) struct CurrentVersions {
    bucket: BucketHandle,
    /// The prefix of the names at the destination.
    prefix: String,
    trusts_plan: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_check: Option<Instant>,
    listing: Option<Listing>,
}

/// A page, requested or received.
#[derive(Clone)]
struct Listing {
    requested: Instant,
    from: Arc<str>,
    page: Shared<BoxFuture<'static, Result<Arc<Page>, Error>>>,
}

/// The current versions of all names from one on.
struct Page {
    versions: HashMap<Box<str>, FileId>,
    /// The first name that it does not cover.
    next: Option<Box<str>>,
}

impl Page {
    fn covers(&self, name: &str) -> bool {
        self.next.as_deref().is_none_or(|next| name < next)
    }
}

impl CurrentVersions {
    pub(super) fn new(bucket: &BucketHandle, prefix: &str, trusts_plan: bool) -> Self {
        Self {
            bucket: bucket.clone(),
            prefix: prefix.to_owned(),
            trusts_plan,
            state: Mutex::default(),
        }
    }

    /// Whether this version is the current one of its name, or whether there still is none.
    pub(super) async fn is_current(
        &self,
        name: &str,
        planned: Option<&RemoteFile>,
    ) -> Result<bool, Error> {
        let is_recent = |planned: &RemoteFile| {
            let requested = planned.requested.0;
            requested.is_some_and(|then| self.is_recent(then))
        };
        if self.trusts_plan && planned.is_none_or(is_recent) {
            return Ok(true);
        }
        let planned = planned.map(|planned| &planned.file_id);
        for _ in 0..SHARED {
            let Some(listing) = self.listing(name) else {
                break;
            };
            match listing.page.await {
                Ok(page) if page.covers(name) => {
                    return Ok(page.versions.get(name) == planned);
                }
                Ok(_) => {}
                Err(error) if concerns_all(&error) => return Err(error),
                // The error may be about another name.
                Err(_) => break,
            }
        }
        let now = self.bucket.stat(name).await?;
        Ok(now.as_ref().map(|now| &now.file_id) == planned)
    }

    fn is_recent(&self, then: Instant) -> bool {
        self.bucket.client().now().saturating_duration_since(then) <= FRESH
    }

    /// A listing that has this name, or may have it; `None` if the name should be listed alone.
    fn listing(&self, name: &str) -> Option<Listing> {
        let now = self.bucket.client().now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_alone = !state
            .last_check
            .replace(now)
            .is_some_and(|then| self.is_recent(then));
        let listing = state.listing.as_ref();
        if let Some(listing) = listing.filter(|listing| self.is_recent(listing.requested)) {
            let is_before = *listing.from <= *name;
            match listing.page.peek() {
                None => return is_before.then(|| listing.clone()),
                Some(Ok(page)) if is_before && page.covers(name) => return Some(listing.clone()),
                Some(_) => {}
            }
        }
        if is_alone {
            return None;
        }
        let listing = Listing {
            requested: now,
            from: name.into(),
            page: list(self.bucket.clone(), self.prefix.clone(), name.into())
                .boxed()
                .shared(),
        };
        state.listing = Some(listing.clone());
        Some(listing)
    }
}

async fn list(bucket: BucketHandle, prefix: String, from: String) -> Result<Arc<Page>, Error> {
    let call = ListFileNames::new(bucket.id())
        .start_file_name(from)
        .prefix(prefix)
        .max_file_count(ROWS);
    let page = bucket.client().call(call).await?;
    let versions = page.files.into_iter().filter_map(|row| {
        let version = row.into_version()?;
        Some((version.file_name.as_str().into(), version.file_id))
    });
    Ok(Arc::new(Page {
        versions: versions.collect(),
        next: page.next_file_name.map(Into::into),
    }))
}
