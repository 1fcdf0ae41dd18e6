//! [`copy`](BucketHandle::copy) and [`compose`](BucketHandle::compose): carried out by `transfer`.

use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::{Compose, ComposeSource, CopySource, FileCopy};
use crate::types::FileName;

impl BucketHandle {
    /// Copies a file version into this bucket, from any bucket of the account.
    ///
    /// An existing file of this name is not overwritten: B2 adds a version. An invalid name is
    /// reported when the copy is awaited.
    ///
    /// Costs one call (class C); above 5 GB, one for each 5 GB.
    pub fn copy<N>(&self, source: impl Into<CopySource>, name: N) -> FileCopy
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        FileCopy::new(self.clone(), source, name)
    }

    /// Assembles a file from these sources, one after the other.
    ///
    /// An existing file of this name is not overwritten: B2 adds a version. An invalid name is
    /// reported when the composition is awaited.
    ///
    /// Each range that is copied costs one call (class C), and each that has to be downloaded one
    /// of class B; uploading is free.
    pub fn compose<N>(&self, name: N, sources: impl IntoIterator<Item = ComposeSource>) -> Compose
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Compose::new(self.clone(), name, sources)
    }
}
