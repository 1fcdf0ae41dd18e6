//! Hiding, unhiding and deleting, which take several calls.

use std::pin::pin;

use futures_core::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};

use super::handle::Client;
use super::paginate::at_most;
use crate::api::{
    CancelLargeFile, DeleteFileVersion, HideFile, ListFileVersions, ListUnfinishedLargeFiles,
};
use crate::error::{Error, ErrorKind};
use crate::types::{Action, BucketId, FileName, FileVersion, Timestamp};

/// Hide markers and unfinished large files above the newest version of a name that are gone through.
const MAX_MARKERS: usize = 10_000;

/// Whether a deletion is carried out, or only listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// Lists what would be deleted.
    DryRun,
    /// Deletes, several versions at a time.
    Delete {
        /// How many calls are made at a time; 0 is taken as 1.
        concurrency: usize,
    },
}

impl Client {
    /// Hides a file, and returns the hide marker. Returns `None` if it is hidden already or does
    /// not exist.
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key lacks `writeFiles` or is restricted to
    /// other names; [`NotFound`](ErrorKind::NotFound) with `bad_bucket_id` if there is no such
    /// bucket; and those of any [call](Self::call).
    pub async fn hide(
        &self,
        bucket_id: &BucketId,
        name: FileName,
    ) -> Result<Option<FileVersion>, Error> {
        match self.call(HideFile::new(bucket_id, name)).await {
            Ok(marker) => Ok(Some(marker)),
            Err(error)
                if error
                    .b2()
                    .is_some_and(|b2| matches!(&*b2.code, "already_hidden" | "no_such_file")) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Unhides a file, by deleting the markers on top of its newest version. Returns the newest marker; a file that is
    /// not hidden is left as it is: then this gives `None`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no version of this name to show, and those of any
    /// [call](Self::call).
    pub async fn unhide(
        &self,
        bucket_id: &BucketId,
        name: &FileName,
    ) -> Result<Option<FileVersion>, Error> {
        let mut markers = self.markers_on_top(bucket_id, name).await?;
        let newest = markers.first().cloned();
        // The newest goes last: until then nothing has changed for anybody.
        while let Some(marker) = markers.pop() {
            self.call(DeleteFileVersion::new(
                marker.file_name.as_str(),
                &marker.file_id,
            ))
            .await?;
        }
        Ok(newest)
    }

    /// The markers above the newest version of this name that has bytes, the newest first.
    async fn markers_on_top(
        &self,
        bucket_id: &BucketId,
        name: &FileName,
    ) -> Result<Vec<FileVersion>, Error> {
        let versions = ListFileVersions::new(bucket_id)
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(10);
        // Large files that are still being uploaded neither hide a name nor show it.
        let versions = at_most(MAX_MARKERS, self.paginate(versions))
            .try_filter_map(|row| future::ready(Ok(row.into_version())))
            .try_take_while(|version| future::ready(Ok(version.file_name == *name.as_str())))
            .try_filter(|version| future::ready(version.action != Action::Start));
        let (mut versions, mut markers) = (pin!(versions), Vec::new());
        while let Some(version) = versions.try_next().await? {
            if version.action != Action::Hide {
                return Ok(markers);
            }
            markers.push(version);
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("the bucket has no version of {:?} to show", name.as_str()),
        ))
    }

    /// Deletes all versions of all files whose names begin with `prefix`: hide markers and
    /// unfinished large files too.
    ///
    /// Yields each version with its outcome, and continues with the others after a failure. An
    /// empty prefix is the whole bucket.
    ///
    /// Versions are deleted as B2 lists them, the newest first: a run that is interrupted may leave
    /// an older version as the newest. [`BucketHandle::delete_prefix`](crate::BucketHandle::delete_prefix)
    /// deletes the newest version of each file last.
    ///
    /// # Errors
    /// An error that is not about a single version, such as one of the listing, is the last item.
    pub fn delete_all_versions(
        &self,
        bucket_id: &BucketId,
        prefix: &str,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        let versions = self.paginate(ListFileVersions::new(bucket_id).prefix(prefix));
        let versions = versions.try_filter_map(|row| future::ready(Ok(row.into_version())));
        let client = self.clone();
        each(versions, mode, move |version| {
            let (client, call) = (
                client.clone(),
                DeleteFileVersion::new(version.file_name.as_str(), &version.file_id),
            );
            async move { client.call(call).await.map(drop) }
        })
    }

    /// Cancels the unfinished large files that were started before `before`.
    ///
    /// Uploads in progress are unfinished too, so choose a time before which none can have started.
    /// Yields each file with its outcome, and continues with the others after a failure.
    ///
    /// # Errors
    /// An error that is not about a single file, such as one of the listing, is the last item.
    pub fn cancel_unfinished_large_files(
        &self,
        bucket_id: &BucketId,
        before: Timestamp,
        mode: DeleteMode,
    ) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin + use<>
    {
        let files = self.paginate(ListUnfinishedLargeFiles::new(bucket_id));
        let files = files.try_filter(move |file| future::ready(file.upload_timestamp < before));
        let client = self.clone();
        each(files, mode, move |file| {
            let (client, call) = (client.clone(), CancelLargeFile::new(&file.file_id));
            async move { client.call(call).await.map(drop) }
        })
    }
}

/// Does `work` with each version, several at a time, or with none.
fn each<F>(
    versions: impl Stream<Item = Result<FileVersion, Error>> + Send,
    mode: DeleteMode,
    work: impl Fn(&FileVersion) -> F + Send,
) -> impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Send + Unpin
where
    F: Future<Output = Result<(), Error>> + Send,
{
    let concurrency = match mode {
        DeleteMode::DryRun => 1,
        DeleteMode::Delete { concurrency } => concurrency.max(1),
    };
    let done = versions.map_ok(move |version| {
        let work = (mode != DeleteMode::DryRun).then(|| work(&version));
        async move {
            let outcome = match work {
                Some(work) => work.await,
                None => Ok(()),
            };
            Ok((version, outcome))
        }
    });
    let done = Box::pin(done.try_buffer_unordered(concurrency));
    // If the listing fails, what was begun comes to its end first.
    Box::pin(stream::unfold(
        (done, None),
        async |(mut done, mut failure)| {
            loop {
                match done.next().await {
                    Some(Ok(item)) => return Some((Ok(item), (done, failure))),
                    Some(Err(error)) => failure = Some(error),
                    None => return failure.take().map(|error| (Err(error), (done, None))),
                }
            }
        },
    ))
}
