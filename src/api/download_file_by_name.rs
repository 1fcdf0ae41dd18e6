//! [`DownloadFileByName`].

use b2kit_core::Request;

use super::call::{Call, CallMetadata, Subject};
use super::download::{Download, DownloadOptions, download_setters, integrity};
use super::file_url::file_url;
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketName, FileId, FileName};

/// Downloads the current version of a file by its name: `b2_download_file_by_name`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-download-file-by-name)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the file does not exist or is hidden.
/// [`Invalid`](crate::ErrorKind::Invalid) if the HTTP library would request a different name, as
/// libraries based on the crate `url` or on libcurl would for `a/../b`: use
/// [`DownloadFileById`](super::DownloadFileById) then.
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's download cap is reached.
#[derive(Debug, Clone)]
pub struct DownloadFileByName {
    bucket_name: BucketName,
    file_name: FileName,
    options: DownloadOptions,
}

impl DownloadFileByName {
    /// Downloads the file with this name.
    #[must_use]
    pub fn new(bucket_name: BucketName, file_name: FileName) -> Self {
        Self {
            bucket_name,
            file_name,
            options: DownloadOptions::default(),
        }
    }

    /// Rejects the response unless it is for this version with this length.
    pub(crate) fn of_version(mut self, file_id: FileId, content_length: u64) -> Self {
        self.options.file_id = Some(file_id);
        self.options.content_length = Some(content_length);
        self
    }
}

download_setters!(DownloadFileByName);

impl Call for DownloadFileByName {
    const METADATA: CallMetadata = CallMetadata::download("b2_download_file_by_name");
    type Output = Download;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(self.file_name.as_str()).in_bucket(self.bucket_name.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        self.options.overrides.check()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let overrides = self.options.overrides.query('?');
        let (origin, _) = self.options.origin(target.account()?);
        let url = file_url(origin, &self.bucket_name, &self.file_name) + &overrides;
        self.options.request(target, &url)
    }

    fn read(&self, reply: Reply) -> Result<Download, Error> {
        let download = self.options.read(Self::METADATA.name, reply)?;
        // A proxy or library that normalizes `a/../b` to `b` would fetch another file.
        if download.file.file_name != self.file_name.as_str() {
            return Err(integrity("B2 sent a different file than requested"));
        }
        Ok(download)
    }
}
