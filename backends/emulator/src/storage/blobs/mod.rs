//! Stores for the bytes of files: in memory, in files of a directory, or nowhere.

mod capacity;
pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod null_store;
pub(crate) mod store;
