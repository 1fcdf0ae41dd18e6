//! [`BlobStore`]: takes the bytes of files.

use std::io;
use std::sync::Arc;

use crate::content::Blob;

/// A place that takes blobs.
pub(crate) trait BlobStore: Send + Sync {
    /// Begins a blob of exactly `len` bytes. The space is reservation now, and given back if the writer is dropped.
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// How many bytes are reservation.
    fn used(&self) -> u64;
}

/// A blob that is being written.
pub(crate) trait BlobWriter: Send {
    /// Appends. The caller writes as many bytes in all as it had announced.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The blob, complete.
    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>>;
}

/// Why a blob can't be begun.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// There is no space left under the cap.
    CapExceeded,
    /// The store doesn't work.
    Io(io::Error),
}
