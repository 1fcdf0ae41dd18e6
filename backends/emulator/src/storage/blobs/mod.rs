//! Stores for the bytes of files: in memory, in files of a directory, or nowhere.

pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod null_store;
mod space;
pub(crate) mod store;
