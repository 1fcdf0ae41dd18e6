//! Many files at once: [`upload_many`](BucketHandle::upload_many),
//! [`download_many`](BucketHandle::download_many) and [`delete_many`](BucketHandle::delete_many).

use std::future::IntoFuture;

use futures_core::Stream;

use super::delete::Delete;
use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::bulk::run_each;
use crate::transfer::{Downloaded, Upload, Uploaded};
use crate::types::FileVersion;

impl BucketHandle {
    /// Uploads a file for each input, up to `concurrency` at a time. Returns each input with its
    /// outcome, in the order of completion; one failure doesn't stop the others.
    ///
    /// `upload` turns an input into an [`Upload`] when it is the input's turn. A concurrency of 0
    /// counts as 1. Each upload may itself send several parts at once: see [`Upload::concurrency`].
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::{StreamExt, stream};
    /// # async fn upload(bucket: BucketHandle) {
    /// let days = stream::iter(["monday", "tuesday", "wednesday"]);
    /// let mut outcomes = bucket.upload_many(days, 10, |bucket, day| bucket.upload(*day, "sunny"));
    /// while let Some((day, outcome)) = outcomes.next().await {
    ///     match outcome {
    ///         Ok(uploaded) => println!("{day}: {} bytes", uploaded.file.content_length),
    ///         Err(error) => eprintln!("{day}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the uploads in progress; see [`Upload`](Upload#cancellation).
    pub fn upload_many<T, S, F>(
        &self,
        inputs: S,
        concurrency: usize,
        upload: F,
    ) -> impl Stream<Item = (T, Result<Uploaded, Error>)> + Send + Unpin + use<T, S, F>
    where
        T: Send,
        S: Stream<Item = T> + Send,
        F: Fn(&Self, &T) -> Upload + Send,
    {
        let bucket = self.clone();
        run_each(inputs, concurrency, move |input| {
            upload(&bucket, input).into_future()
        })
    }
    /// Downloads a file for each input, up to `concurrency` at a time. Returns each input with its
    /// outcome, in the order of completion; one failure doesn't stop the others.
    ///
    /// `download` turns an input into a download with a destination when it is the input's turn. A
    /// concurrency of 0 counts as 1.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::{StreamExt, io, stream};
    /// # async fn download(bucket: BucketHandle) {
    /// let days = stream::iter(["monday", "tuesday", "wednesday"]);
    /// let mut outcomes = bucket.download_many(days, 10, |bucket, day| {
    ///     bucket.download(*day).to_writer(io::sink())
    /// });
    /// while let Some((day, outcome)) = outcomes.next().await {
    ///     match outcome {
    ///         Ok(downloaded) => println!("{day}: {} bytes", downloaded.bytes),
    ///         Err(error) => eprintln!("{day}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the downloads in progress; the method that made each says what
    /// that leaves behind.
    pub fn download_many<T, S, F, W>(
        &self,
        inputs: S,
        concurrency: usize,
        download: F,
    ) -> impl Stream<Item = (T, Result<Downloaded, Error>)> + Send + Unpin + use<T, S, F, W>
    where
        T: Send,
        S: Stream<Item = T> + Send,
        F: Fn(&Self, &T) -> W + Send,
        W: Future<Output = Result<Downloaded, Error>> + Send,
    {
        let bucket = self.clone();
        // Boxed: the future of a download is large, and the stream moves it.
        run_each(inputs, concurrency, move |input| {
            Box::pin(download(&bucket, input))
        })
    }

    /// Deletes a file or version for each input, up to `concurrency` at a time. Returns each input
    /// with its outcome, in the order of completion; one failure doesn't stop the others.
    ///
    /// `delete` turns an input into a [`Delete`] when it is the input's turn. A concurrency of 0
    /// counts as 1. To delete everything with a prefix, use [`delete_prefix`](Self::delete_prefix),
    /// which needs one listing for all names.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, DeleteScope, Error};
    /// # use futures::{StreamExt, stream};
    /// # async fn delete(bucket: BucketHandle) {
    /// let days = stream::iter(["monday", "tuesday", "wednesday"]);
    /// let mut over = bucket.delete_many(days, 10, |bucket, day| {
    ///     bucket.delete(*day, DeleteScope::AllVersions)
    /// });
    /// while let Some((day, outcome)) = over.next().await {
    ///     match outcome {
    ///         Ok(deleted) => println!("{day}: {} versions", deleted.len()),
    ///         Err(error) => eprintln!("{day}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the deletions in progress; see [`Delete`](Delete#cancellation).
    pub fn delete_many<T, S, F>(
        &self,
        inputs: S,
        concurrency: usize,
        delete: F,
    ) -> impl Stream<Item = (T, Result<Vec<FileVersion>, Error>)> + Send + Unpin + use<T, S, F>
    where
        T: Send,
        S: Stream<Item = T> + Send,
        F: Fn(&Self, &T) -> Delete + Send,
    {
        let bucket = self.clone();
        run_each(inputs, concurrency, move |input| {
            delete(&bucket, input).into_future()
        })
    }
}
