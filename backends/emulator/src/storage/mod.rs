//! Where an account is stored: the bytes of files in blobs, everything else in a journal.

pub(crate) mod blobs;
pub(crate) mod journal;

/// Maximum number of threads for one task; more would mostly wait for the disk, or for its owner.
const MAX_THREADS: usize = 4;

/// The number of threads that share a large task.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}
