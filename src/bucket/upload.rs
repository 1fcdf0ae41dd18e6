//! [`upload`](BucketHandle::upload): carried out by `transfer`.

use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::{Source, Upload};
use crate::types::FileName;

impl BucketHandle {
    /// Uploads a file of any size from memory, a local path, a reader or a stream.
    ///
    /// An existing file of this name is not overwritten: B2 adds a version. An invalid name is an
    /// error of the upload, not of this method.
    ///
    /// All calls of an upload are class A, which is free; resuming an upload also makes listings
    /// (class C).
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error, transfer::Source};
    /// # async fn upload(bucket: BucketHandle) -> Result<(), Error> {
    /// bucket.upload("greeting.txt", "hello").await?;
    /// # #[cfg(feature = "fs")]
    /// bucket.upload("2026/film.mkv", Source::path("film.mkv")).resume().await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "put_object")]
    pub fn upload<N>(&self, name: N, source: impl Into<Source>) -> Upload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Upload::new(self.clone(), name, source)
    }
}
