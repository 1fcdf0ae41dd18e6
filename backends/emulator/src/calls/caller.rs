//! [`Caller`]: who makes a call, through which URL and API version, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calls::encryption::KeyHeaders;
use crate::model::key::Key;
use crate::protocol::api_error::ApiError;
use crate::protocol::origins::Origins;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

/// The context of a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key of the token; [`Key::anonymous`] if there is none and none is needed.
    pub(crate) key: Arc<Key>,
    pub(crate) version: ApiVersion,
    /// The URLs for responses.
    pub(crate) origins: Origins,
    /// Headers that matter to downloads.
    pub(crate) download_headers: DownloadHeaders,
    /// In milliseconds.
    pub(crate) now: u64,
}

/// Headers of a download.
#[derive(Debug, Clone, Default)]
pub(crate) struct DownloadHeaders {
    /// The `Range` header.
    pub(crate) range: Option<String>,
    pub(crate) key: KeyHeaders,
    /// The overrides stated in the download authorization, if the caller uses one.
    pub(crate) fixed_overrides: Option<Arc<BTreeMap<&'static str, String>>>,
}

impl Caller {
    /// The URL for uploads to this path, in the caller's API version.
    pub(crate) fn upload_url(&self, path: &str) -> String {
        let (origin, version) = (&self.origins.upload, self.version.segment());
        format!("{origin}/b2api/{version}/{path}")
    }

    /// Requires access to a listing with this prefix. Returns a prefix that narrows it further: v1
    /// leaves out what the key can't access, where later versions refuse.
    pub(crate) fn listing_prefix(&self, bucket: &str, prefix: &str) -> Result<&str, ApiError> {
        self.key.require_bucket(bucket)?;
        if self.version == ApiVersion::V1 {
            return Ok(self.key.name_prefix.as_deref().unwrap_or(""));
        }
        self.key.require_name(prefix)?;
        Ok("")
    }

    /// Requires `accountId` of the request to be the caller's account.
    pub(crate) fn require_account(&self, account: &str, claimed: &str) -> Result<(), ApiError> {
        if account == claimed {
            Ok(())
        } else {
            Err(undocumented::wrong_account())
        }
    }
}
