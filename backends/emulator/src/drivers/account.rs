//! [`Account`]: an account with its settings, faults, clock and storage.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use b2kit_core::Sleep;

use super::clock::Clock;
use crate::faults::rules::Rules;
use crate::model::checksums::Checksums;
use crate::model::file_id::FileId;
use crate::model::state::State;
use crate::protocol::origins::Origins;
use crate::storage::blobs::store::BlobStore;
use crate::storage::journal::data_dir::DataDir;

/// The state that all handles of an emulator share.
pub(crate) struct Account {
    pub(crate) state: Mutex<State>,
    pub(crate) rules: Mutex<Rules>,
    pub(crate) store: Box<dyn BlobStore>,
    /// The data directory, if the account has one.
    pub(crate) data: Option<DataDir>,
    pub(crate) recovery_warnings: Vec<String>,
    pub(crate) checksums: Checksums,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) origins: Origins,
    pub(crate) latency: Latency,
    pub(crate) key_id: String,
    pub(crate) key: String,
    pub(crate) account_id: String,
}

/// Artificial latency of calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latency {
    pub(crate) default: Option<Duration>,
    /// Calls with a latency of their own.
    pub(crate) per_call: BTreeMap<String, Duration>,
}

impl Account {
    /// Locks the state. Never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the faults. Never held across an await.
    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        let rules = self.rules.lock();
        rules.unwrap_or_else(PoisonError::into_inner)
    }

    /// Persists what has changed, if the account has a data directory.
    pub(crate) fn persist(&self) -> io::Result<()> {
        match &self.data {
            None => Ok(()),
            Some(data) => data.persist(|| self.state()),
        }
    }

    /// Whether a restart would find this version as it is now and, if it was found by name, under
    /// that name. True without a data directory.
    pub(crate) fn is_persisted(&self, file_id: &str, is_by_name: bool) -> bool {
        let Some((data, file_id)) = self.data.as_ref().zip(FileId::parse(file_id)) else {
            return true;
        };
        if !is_by_name {
            return data.is_persisted(file_id, None);
        }
        let state = self.state();
        let name = state
            .version_of(file_id)
            .map(|(_, version)| Arc::clone(&version.name));
        drop(state);
        name.is_some_and(|name| data.is_persisted(file_id, Some(&name)))
    }

    /// The id of the bucket with this name.
    pub(crate) fn bucket_id(&self, name: &str) -> Option<String> {
        let state = self.state();
        state.bucket_by_name(name).map(|bucket| bucket.id.clone())
    }

    pub(crate) const fn checksums(&self) -> Checksums {
        self.checksums
    }

    /// The artificial latency of a call.
    pub(crate) fn latency(&self, call: Option<&str>) -> Option<Duration> {
        let latency = &self.latency;
        let own = call.and_then(|call| latency.per_call.get(call));
        own.copied().or(latency.default)
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        self.clock.sleep(duration)
    }

    pub(crate) fn store(&self) -> &dyn BlobStore {
        &*self.store
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_millis()
    }

    #[cfg(feature = "server")]
    pub(crate) fn advance_clock(&self, by: Duration) -> bool {
        self.clock.try_advance(by)
    }

    #[cfg(feature = "server")]
    pub(crate) fn reset_clock(&self) -> bool {
        self.clock.try_reset()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(data) = &self.data {
            // no response depended on what fails here
            data.persist(|| self.state.lock().unwrap_or_else(PoisonError::into_inner))
                .ok();
            data.retain_files();
        }
    }
}
