//! [`BlobStore`]: stores the bytes of files.

use std::io;
use std::sync::Arc;

use crate::content::Blob;

/// Stores blobs.
pub(crate) trait BlobStore: Send + Sync {
    /// Starts a blob of exactly `len` bytes. They are reserved now, and released if the writer is
    /// dropped.
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Number of bytes in use.
    fn used(&self) -> u64;
}

/// Writes a blob.
pub(crate) trait BlobWriter: Send {
    /// Appends bytes. In all, the caller writes exactly the announced length.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Completes the blob.
    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>>;
}

/// Why a blob can't be started.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// It would exceed the cap.
    CapExceeded,
    /// The store failed.
    Io(io::Error),
}
