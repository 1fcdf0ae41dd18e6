//! Files of the local disk, read and written on a small pool of threads, so that no executor waits for a disk.

pub(super) mod partial;
mod read;
pub(super) mod write;

pub(super) use read::{SourceFile, read};
