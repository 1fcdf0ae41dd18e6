//! The memory budget: how many bytes of non-replayable sources all transfers may buffer at once.
//! Replayable sources are never buffered.

use super::semaphore::Reservation;
use crate::client::handle::Client;

impl Client {
    /// Reserves bytes of the memory budget, waiting until they are available. More than the budget
    /// counts as the whole budget. Returns `None` immediately if the client has no budget.
    pub(crate) async fn reserve_memory(&self, bytes: u64) -> Option<Reservation> {
        let memory = self.shared.memory.as_ref()?;
        Some(memory.acquire(bytes).await)
    }
}
