//! [`DownloadFileById`].

use b2kit_core::Request;

use super::call::{Call, CallMetadata, Subject};
use super::download::{Download, DownloadOptions, download_setters, integrity};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{FileId, percent_encode};

/// Downloads a file version by its id: `b2_download_file_by_id`. Works for old versions and hidden
/// files too.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-download-file-by-id)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the version does not exist;
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's download cap is reached;
/// [`Rejected`](crate::ErrorKind::Rejected) with `range_not_satisfiable` if the range starts at or
/// beyond the end of the file, or with `bad_request` if the file needs a customer-managed key;
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) with `access_denied` if the customer-managed
/// key is wrong.
#[derive(Debug, Clone)]
pub struct DownloadFileById {
    file_id: FileId,
    options: DownloadOptions,
}

impl DownloadFileById {
    /// Downloads this version.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
            options: DownloadOptions::default(),
        }
    }

    /// Rejects the response unless the whole file has this length.
    pub(crate) const fn of_length(mut self, content_length: u64) -> Self {
        self.options.content_length = Some(content_length);
        self
    }
}

download_setters!(DownloadFileById);

impl Call for DownloadFileById {
    const METADATA: CallMetadata = CallMetadata::download("b2_download_file_by_id");
    type Output = Download;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn check(&self) -> Result<(), Error> {
        self.options.overrides.check()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let (origin, _) = self.options.origin(target.account()?);
        let (version, name) = (target.version(), Self::METADATA.name);
        let (id, overrides) = (
            percent_encode(self.file_id.as_str()),
            self.options.overrides.query('&'),
        );
        let url = format!("{origin}/b2api/{version}/{name}?fileId={id}{overrides}");
        self.options.request(target, &url)
    }

    fn read(&self, reply: Reply) -> Result<Download, Error> {
        let download = self.options.read(Self::METADATA.name, reply)?;
        if download.file.file_id != self.file_id {
            return Err(integrity("B2 sent a different version than requested"));
        }
        Ok(download)
    }
}
