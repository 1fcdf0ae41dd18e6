//! [`download`](BucketHandle::download), and a whole file in memory, up to a limit:
//! [`FileDownload::bytes`] and [`FileDownload::text`].

use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::FileDownload;
use crate::types::FileName;

impl BucketHandle {
    /// Downloads the newest version of the file with this name.
    ///
    /// Nothing is sent until a destination is chosen and awaited: [`bytes`](FileDownload::bytes),
    /// [`text`](FileDownload::text), [`stream`](FileDownload::stream),
    /// [`to_writer`](FileDownload::to_writer) or, with the feature `fs`, `to_path`. A hidden file
    /// is not found; [`Client::download`](crate::Client::download) takes the id of any version.
    ///
    /// Costs one call (class B) for each request, and the download traffic. An invalid name is
    /// reported when the download is awaited.
    #[doc(alias = "get_object")]
    pub fn download<N>(&self, name: N) -> FileDownload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        self.client().download_by_name(self.name().clone(), name)
    }
}

impl FileDownload {
    /// Reads the content into memory, unless it has more than `limit` bytes, and verifies it
    /// against the file's SHA-1 as [`stream`](Self::stream) does.
    ///
    /// Costs one download (class B), and one more each time the connection breaks.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # async fn read(bucket: BucketHandle) -> Result<(), Error> {
    /// let picture = bucket.download("2026/cat.jpg").bytes(10_000_000).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): there are more than `limit` bytes, or the file
    ///   name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file doesn't exist, or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1, or
    ///   can't be verified although this is [required](Self::require_verified).
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    pub async fn bytes(self, limit: usize) -> Result<Vec<u8>, Error> {
        let stream = self.stream().await?;
        let file = stream.file();
        let arriving = match file.range {
            Some((first, last)) => last - first + 1,
            None => file.content_length,
        };
        if !usize::try_from(arriving).is_ok_and(|bytes| bytes <= limit) {
            return Err(Error::invalid(format!(
                "the download has {arriving} bytes, more than the limit of {limit}"
            )));
        }
        stream.collect(limit).await
    }

    /// Reads the whole file into memory as UTF-8 text, unless it has more than `limit` bytes. A
    /// byte order mark is kept.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # async fn read(bucket: BucketHandle) -> Result<(), Error> {
    /// let settings: String = bucket.download("settings.toml").text(100_000).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the bytes are not UTF-8 or more than `limit`, or
    ///   the file name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file doesn't exist, or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1, or
    ///   can't be verified although this is [required](Self::require_verified).
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    pub async fn text(self, limit: usize) -> Result<String, Error> {
        let bytes = self.bytes(limit).await?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Error::invalid(format!(
                "the file is not UTF-8 text: the byte at offset {at} is \
                 invalid"
            ))
        })
    }
}
