//! Limits that all transfers of a client share: memory, bandwidth, open files.

pub(super) mod bandwidth;
#[cfg(feature = "fs")]
pub(super) mod descriptors;
pub(super) mod memory;
pub(super) mod semaphore;
pub(super) mod waiters;
