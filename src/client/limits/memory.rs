//! The memory budget: how many bytes of non-replayable sources all transfers may buffer at once. Of
//! replayable sources only small files are buffered, within a limit of their own.

#[cfg(feature = "fs")]
use std::sync::Arc;

use super::semaphore::Reservation;
#[cfg(feature = "fs")]
use super::semaphore::Semaphore;
use crate::client::handle::Client;

/// The maximum bytes of small files that all transfers hold together.
#[cfg(feature = "fs")]
const SMALL_FILES: u64 = 64 << 20;

/// The semaphore for the bytes of small files. A memory budget below `SMALL_FILES` lowers its
/// limit.
#[cfg(feature = "fs")]
pub(in crate::client) fn small_files(budget: Option<u64>) -> Arc<Semaphore> {
    Semaphore::new(budget.map_or(SMALL_FILES, |budget| budget.min(SMALL_FILES)))
}

impl Client {
    /// Reserves the bytes of a small file, or returns `None` if that many can't be buffered now. A
    /// file that isn't buffered is read while it is sent.
    #[cfg(feature = "fs")]
    pub(crate) fn try_reserve_small_file(&self, bytes: u64) -> Option<Reservation> {
        self.shared.small_files.try_acquire(bytes)
    }

    /// Reserves bytes of the memory budget, waiting until they are available. More than the budget
    /// counts as the whole budget. Returns `None` immediately if the client has no budget.
    pub(crate) async fn reserve_memory(&self, bytes: u64) -> Option<Reservation> {
        let memory = self.shared.memory.as_ref()?;
        Some(memory.acquire(bytes).await)
    }
}
