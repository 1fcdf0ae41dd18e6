//! [`NullStore`]: keeps the length of blobs, and discards their bytes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::store::{BlobStore, BlobWriter, StoreError};
use crate::content::{Blob, BlobReader, CHUNK};

/// Accepts everything and discards it; reads return zeros.
pub(crate) struct NullStore {
    zeros: Bytes,
}

impl NullStore {
    pub(crate) fn new() -> Self {
        Self {
            zeros: vec![0; CHUNK].into(),
        }
    }
}

impl BlobStore for NullStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreError> {
        let zeros = self.zeros.clone();
        Ok(Box::new(NullBlob { zeros, len }))
    }

    fn used(&self) -> u64 {
        0
    }
}

struct NullBlob {
    zeros: Bytes,
    len: u64,
}

impl BlobWriter for NullBlob {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>> {
        Ok(Arc::new(*self))
    }
}

impl Blob for NullBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(Zeros(self.zeros.clone())))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

struct Zeros(Bytes);

impl BlobReader for Zeros {
    fn read(&mut self, _: u64, max: usize) -> io::Result<Bytes> {
        Ok(self.0.slice(..max.min(self.0.len())))
    }
}
