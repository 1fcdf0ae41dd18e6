//! [`stat`](BucketHandle::stat) and [`exists`](BucketHandle::exists).

use crate::api::ListFileNames;
use crate::client::BucketHandle;
use crate::error::Error;
use crate::types::{FileName, FileVersion};

impl BucketHandle {
    /// The newest version of the file with exactly this name, without its content; `None` if the
    /// file doesn't exist or is hidden.
    ///
    /// Makes one `b2_list_file_names` (class C), which needs `listFiles`, works for every name and
    /// returns every field. A `HEAD` request is class B and needs `readFiles` instead, but its 404
    /// doesn't distinguish a missing file from a missing bucket:
    /// [`DownloadFileByName::head`](crate::api::DownloadFileByName::head).
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # async fn stat(bucket: BucketHandle) -> Result<(), Error> {
    /// match bucket.stat("2026/cat.jpg").await? {
    ///     Some(file) => println!("{} bytes", file.content_length),
    ///     None => println!("no such file"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no file can have this name,
    /// [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted,
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) if the key may not list this name,
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the call failed after its retries.
    #[doc(alias = "head_object")]
    #[doc(alias = "metadata")]
    pub async fn stat<N>(&self, name: N) -> Result<Option<FileVersion>, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        self.newest(&name).await
    }

    /// Whether there is a file with exactly this name that is not hidden. Costs what
    /// [`stat`](Self::stat) costs.
    ///
    /// To upload only if the file doesn't exist, use [`create`](Self::create): between this call
    /// and an upload another writer may be faster.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no file can have this name,
    /// [`NotFound`](crate::ErrorKind::NotFound) if the bucket was deleted,
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) if the key may not list this name,
    /// [`Credentials`](crate::ErrorKind::Credentials),
    /// [`CapExceeded`](crate::ErrorKind::CapExceeded),
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
    /// [`Protocol`](crate::ErrorKind::Protocol) if the call failed after its retries.
    pub async fn exists<N>(&self, name: N) -> Result<bool, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        self.stat(name).await.map(|file| file.is_some())
    }

    pub(super) async fn newest(&self, name: &FileName) -> Result<Option<FileVersion>, Error> {
        let call = ListFileNames::new(self.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(1);
        let page = self.about(name.as_str()).client().call(call).await?;
        let first = page.files.into_iter().next();
        // If the file is hidden or missing, the first row has a longer name.
        Ok(first
            .and_then(crate::types::ListedFile::into_version)
            .filter(|file| file.file_name == *name))
    }
}
