//! The first response of a download, which determines the version that all bytes come from.

use std::ops::Range;
use std::sync::Arc;

use super::builder::{FileDownload, Selector};
use super::reader::PinnedVersion;
use crate::api::{Download, DownloadFileById, DownloadFileByName};
use crate::error::Error;
use crate::types::ByteRange;

/// The first response of a download.
pub(super) struct FirstResponse {
    pub(super) download: Download,
    pub(super) version: Arc<PinnedVersion>,
    /// The byte range of its body.
    pub(super) sent: Range<u64>,
    pub(super) is_whole: bool,
}

impl FileDownload {
    /// Makes the first call: for a byte range, for the whole file, or for the headers only.
    pub(super) async fn request_first(
        &self,
        range: Option<ByteRange>,
        head: bool,
    ) -> Result<FirstResponse, Error> {
        let download = self.request(range, head).await?;
        let file = &download.file;
        let whole = 0..file.content_length;
        let sent = match file.range {
            _ if head => 0..0,
            Some((first, last)) => first..last + 1,
            None => whole.clone(),
        };
        let bucket = match &self.selector {
            Ok(Selector::Name(bucket, _)) => Some(bucket),
            _ => None,
        };
        let client = self.client.for_file(bucket, file.file_name.as_str());
        let version = PinnedVersion {
            client,
            file_id: file.file_id.clone(),
            name: match &self.selector {
                Ok(Selector::Name(bucket, name)) if self.client.downloads_by_name() => {
                    Some((bucket.clone(), name.clone()))
                }
                _ => None,
            },
            content_length: file.content_length,
            customer_key: self.customer_key.clone(),
            overrides: self.overrides.clone(),
            needs_token: self.needs_token,
            progress: self.progress.clone(),
        };
        Ok(FirstResponse {
            is_whole: sent == whole,
            sent,
            version: Arc::new(version),
            download,
        })
    }

    async fn request(&self, range: Option<ByteRange>, head: bool) -> Result<Download, Error> {
        macro_rules! ask {
            ($call:expr) => {{
                let mut call = $call
                    .overrides(self.overrides.clone())
                    .with_token(self.needs_token);
                if let Some(range) = range {
                    call = call.range(range);
                }
                if let Some(key) = &self.customer_key {
                    call = call.customer_key(key.clone());
                }
                if head {
                    call = call.head();
                }
                self.client.call(call).await
            }};
        }
        match self.selector.as_ref().map_err(Clone::clone)? {
            Selector::Name(bucket, name) => {
                ask!(DownloadFileByName::new(bucket.clone(), name.clone()))
            }
            Selector::Id(file_id) => ask!(DownloadFileById::new(file_id.clone())),
        }
    }
}
