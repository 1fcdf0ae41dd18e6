//! [`hide`](BucketHandle::hide) and [`unhide`](BucketHandle::unhide).

use crate::error::Error;
use crate::transfer::bucket::BucketHandle;
use crate::types::{FileName, FileVersion};

impl BucketHandle {
    /// Hides a file: a marker becomes its newest version, so that downloads and
    /// [`list`](Self::list) don't find it. All versions beneath stay, and are charged for.
    /// [`unhide`](Self::unhide) undoes it, and so does an upload.
    ///
    /// Returns the marker; `None` if there was nothing to hide, because the file is hidden already
    /// or there is none.
    ///
    /// Makes one `b2_hide_file` (class A, which is free).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no file can have this name,
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) without `writeFiles`.
    ///
    /// # Cancellation
    /// Once the request has left, the file may be hidden although the future was dropped.
    pub async fn hide<N>(&self, name: N) -> Result<Option<FileVersion>, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let bucket = self.about(name.as_str());
        bucket.client().hide(self.id(), name).await
    }

    /// Unhides a file, by deleting the markers on top of its newest version.
    ///
    /// Returns the newest marker; `None` if the file was not hidden.
    ///
    /// Makes one `b2_list_file_versions` (class C), and a `b2_delete_file_version` (class A, which
    /// is free) for each marker.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no version of this name that could be
    /// shown; nothing is deleted then. [`Invalid`](crate::ErrorKind::Invalid) if no file can have
    /// this name, [`Unauthorized`](crate::ErrorKind::Unauthorized) without `listFiles` and
    /// `deleteFiles`.
    ///
    /// # Cancellation
    /// Once a request has left, its marker may be deleted although the future was dropped.
    pub async fn unhide<N>(&self, name: N) -> Result<Option<FileVersion>, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let bucket = self.about(name.as_str());
        bucket.client().unhide(self.id(), &name).await
    }
}
