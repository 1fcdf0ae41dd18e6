//! Many files at once, each with its own outcome.

use std::future::IntoFuture;

use futures_core::Stream;
use futures_util::StreamExt as _;

use super::bucket::BucketHandle;
use super::download::Downloaded;
use super::upload::{Upload, Uploaded};
use crate::api::DeleteFileVersion;
use crate::client::Client;
use crate::error::Error;

impl BucketHandle {
    /// Uploads a file for each input, so many at a time, and gives each input with what became of it, in the order in which
    /// they are over. One that fails doesn't stop the others.
    ///
    /// `upload` says what an input is: a name and a source, with what options there are. It is asked when it is the
    /// input's turn. 0 at a time is taken as 1. Each upload has parts of its own under way, see [`Upload::concurrency`].
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::{StreamExt, stream};
    /// # async fn upload(bucket: BucketHandle) {
    /// let days = stream::iter(["monday", "tuesday", "wednesday"]);
    /// let mut over = bucket.upload_many(days, 10, |bucket, day| bucket.upload(*day, "sunny"));
    /// while let Some((day, outcome)) = over.next().await {
    ///     match outcome {
    ///         Ok(uploaded) => println!("{day}: {} bytes", uploaded.file.content_length),
    ///         Err(error) => eprintln!("{day}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the uploads that are under way; see [`Upload`].
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
        each(inputs, concurrency, move |input| {
            upload(&bucket, input).into_future()
        })
    }
}

impl BucketHandle {
    /// Downloads a file for each input, so many at a time, and gives each input with what became of it, in the order in
    /// which they are over. One that fails doesn't stop the others.
    ///
    /// `download` says what an input is: a name, and where the bytes go. It is asked when it is the input's turn. 0 at a
    /// time is taken as 1.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::{StreamExt, io, stream};
    /// # async fn download(bucket: BucketHandle) {
    /// let days = stream::iter(["monday", "tuesday", "wednesday"]);
    /// let mut over = bucket.download_many(days, 10, |bucket, day| {
    ///     bucket.download(*day).to_writer(io::sink())
    /// });
    /// while let Some((day, outcome)) = over.next().await {
    ///     match outcome {
    ///         Ok(downloaded) => println!("{day}: {} bytes", downloaded.bytes),
    ///         Err(error) => eprintln!("{day}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the downloads that are under way; see [`FileDownload`](super::FileDownload).
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
        each(inputs, concurrency, move |input| download(&bucket, input))
    }
}

impl Client {
    /// Deletes a version for each input, so many at a time, and gives each input with what became of it, in the order in
    /// which they are over. One that fails doesn't stop the others.
    ///
    /// `version` says which version an input is. 0 at a time is taken as 1. To delete all that there is, and see it first,
    /// there is [`delete_all_versions`](Self::delete_all_versions).
    ///
    /// ```
    /// # use b2kit::{Client, api::DeleteFileVersion, types::FileVersion};
    /// # use futures::{StreamExt, stream};
    /// # async fn delete(b2: Client, old: Vec<FileVersion>) {
    /// let over = b2.delete_many(stream::iter(old), 10, |version| {
    ///     DeleteFileVersion::new(version.file_name.as_str(), &version.file_id)
    /// });
    /// let failed: Vec<_> = over
    ///     .filter_map(async |(version, outcome)| outcome.err().map(|error| (version, error)))
    ///     .collect()
    ///     .await;
    /// assert!(failed.is_empty(), "{failed:?}");
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls that are under way; what B2 has received of them it may still do.
    pub fn delete_many<T, S, F>(
        &self,
        inputs: S,
        concurrency: usize,
        version: F,
    ) -> impl Stream<Item = (T, Result<(), Error>)> + Send + Unpin + use<T, S, F>
    where
        T: Send,
        S: Stream<Item = T> + Send,
        F: Fn(&T) -> DeleteFileVersion + Send,
    {
        let client = self.clone();
        each(inputs, concurrency, move |input| {
            let (client, call) = (client.clone(), version(input));
            async move { client.call(call).await.map(drop) }
        })
    }
}

/// Does `work` with each input, several at a time.
fn each<T, W>(
    inputs: impl Stream<Item = T> + Send,
    concurrency: usize,
    work: impl Fn(&T) -> W + Send,
) -> impl Stream<Item = (T, W::Output)> + Send + Unpin
where
    T: Send,
    W: Future<Output: Send> + Send,
{
    let over = inputs.map(move |input| {
        let work = work(&input);
        async move {
            let outcome = work.await;
            (input, outcome)
        }
    });
    Box::pin(over.buffer_unordered(concurrency.max(1)))
}
