//! [`hide`](BucketHandle::hide) and [`unhide`](BucketHandle::unhide).

use std::future::ready;
use std::pin::pin;

use futures_util::TryStreamExt as _;

use super::sweep::deletion_outcome;
use crate::api::{DeleteFileVersion, HideFile, ListFileVersions};
use crate::client::{BucketHandle, Client, at_most};
use crate::error::{Error, ErrorKind};
use crate::types::{Action, FileName, FileVersion};

/// The maximum number of hide markers and unfinished large files that are searched above the newest
/// version of a name.
const MAX_MARKERS: usize = 10_000;

impl BucketHandle {
    /// Hides a file: a marker becomes its newest version, so that downloads and
    /// [`list`](Self::list) don't find it. All versions beneath stay, and are charged for.
    /// [`unhide`](Self::unhide) undoes it, and so does an upload.
    ///
    /// Returns the marker; `None` if there is nothing to hide, because the file doesn't exist or is
    /// already hidden.
    ///
    /// Makes one `b2_hide_file` (class A, which is free).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no file can have this name,
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) without `writeFiles`, and
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the call failed after its retries.
    ///
    /// # Cancellation
    /// Once the request was sent, the file may be hidden even if the future is dropped.
    pub async fn hide<N>(&self, name: N) -> Result<Option<FileVersion>, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let client = self.about(name.as_str()).client().clone();
        match client.call(HideFile::new(self.id(), name)).await {
            Ok(marker) => Ok(Some(marker)),
            Err(error) if is_nothing_to_hide(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Unhides a file by deleting the hide markers on top of its newest version.
    ///
    /// Returns the newest marker; `None` if the file was not hidden.
    ///
    /// Makes one `b2_list_file_versions` (class C), and a `b2_delete_file_version` (class A, which
    /// is free) for each marker.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no version of this name beneath the
    /// markers; then nothing is deleted. [`Invalid`](crate::ErrorKind::Invalid) if no file can have
    /// this name, [`Unauthorized`](crate::ErrorKind::Unauthorized) without `listFiles` and
    /// `deleteFiles`, and [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if a call failed after its retries.
    ///
    /// # Cancellation
    /// Once a request was sent, its marker may be deleted even if the future is dropped.
    pub async fn unhide<N>(&self, name: N) -> Result<Option<FileVersion>, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let client = self.about(name.as_str()).client().clone();
        let mut markers = self.markers_on_top(&client, &name).await?;
        let newest = markers.first().cloned();
        // The newest marker is deleted last: until then the file stays hidden.
        while let Some(marker) = markers.pop() {
            let call = DeleteFileVersion::new(marker.file_name.as_str(), &marker.file_id);
            deletion_outcome(client.call(call).await)?;
        }
        Ok(newest)
    }

    /// The markers above the newest version of this name that has bytes, the newest first.
    async fn markers_on_top(
        &self,
        client: &Client,
        name: &FileName,
    ) -> Result<Vec<FileVersion>, Error> {
        let versions = ListFileVersions::new(self.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(10);
        // An unfinished large file neither hides a name nor shows it.
        let versions = at_most(MAX_MARKERS, client.paginate(versions))
            .try_filter_map(|row| ready(Ok(row.into_version())))
            .try_take_while(|version| ready(Ok(version.file_name == *name.as_str())))
            .try_filter(|version| ready(version.action != Action::Start));
        let (mut versions, mut markers) = (pin!(versions), Vec::new());
        while let Some(version) = versions.try_next().await? {
            if version.action != Action::Hide {
                return Ok(markers);
            }
            markers.push(version);
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no version of {:?} to unhide", name.as_str()),
        ))
    }
}

fn is_nothing_to_hide(error: &Error) -> bool {
    let code = error.b2().map(|b2| &*b2.code);
    matches!(code, Some("already_hidden" | "no_such_file"))
}
