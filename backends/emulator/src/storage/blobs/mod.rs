//! Stores for the bytes of files: in memory, on disk, or discarding them.

mod capacity;
pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod null_store;
pub(crate) mod store;
