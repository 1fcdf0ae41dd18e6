//! Files of the local disk, read and written on a small pool of threads, so that no executor waits for a disk.

mod read;

pub(super) use read::{SourceFile, read};
