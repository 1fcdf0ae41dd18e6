//! Operations on many files, each with its own outcome.

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::api::DeleteFileVersion;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Deletes a file version for each input, up to `concurrency` at a time. Returns each input
    /// with its outcome, in the order of completion; one failure doesn't stop the others.
    ///
    /// `version` turns an input into the version to delete. A concurrency of 0 counts as 1. To
    /// delete everything with a prefix, use
    /// [`BucketHandle::delete_prefix`](crate::BucketHandle::delete_prefix).
    ///
    /// ```
    /// # use b2kit::{Client, api::DeleteFileVersion, types::FileVersion};
    /// # use futures::{StreamExt, stream};
    /// # async fn delete(b2: Client, old: Vec<FileVersion>) {
    /// let outcomes = b2.delete_many(stream::iter(old), 10, |version| {
    ///     DeleteFileVersion::new(version.file_name.as_str(), &version.file_id)
    /// });
    /// let failed: Vec<_> = outcomes
    ///     .filter_map(async |(version, outcome)| outcome.err().map(|error| (version, error)))
    ///     .collect()
    ///     .await;
    /// assert!(failed.is_empty(), "{failed:?}");
    /// # }
    /// ```
    ///
    /// # Cancellation
    /// Dropping the stream drops the calls in progress. B2 may still carry out those that it has
    /// received.
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
        run_each(inputs, concurrency, move |input| {
            let (client, call) = (client.clone(), version(input));
            async move { client.call(call).await.map(drop) }
        })
    }
}

/// Runs `work` for each input, up to `concurrency` at a time.
pub(crate) fn run_each<T, W>(
    inputs: impl Stream<Item = T> + Send,
    concurrency: usize,
    work: impl Fn(&T) -> W + Send,
) -> impl Stream<Item = (T, W::Output)> + Send + Unpin
where
    T: Send,
    W: Future<Output: Send> + Send,
{
    let outcomes = inputs.map(move |input| {
        let work = work(&input);
        async move {
            let outcome = work.await;
            (input, outcome)
        }
    });
    Box::pin(outcomes.buffer_unordered(concurrency.max(1)))
}
