//! The memory budget: how many bytes of non-replayable sources all transfers may hold at once. What
//! can be read again is never held.

use super::semaphore::Reservation;
use crate::client::handle::Client;

impl Client {
    /// Waits until so many bytes may be held. More than the budget counts as the budget. Returns
    /// `None` at once if the client has no budget.
    pub(crate) async fn reserve_memory(&self, bytes: u64) -> Option<Reservation> {
        let memory = self.shared.memory.as_ref()?;
        Some(memory.acquire(bytes).await)
    }
}
