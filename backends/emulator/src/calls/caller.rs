//! [`Caller`]: who asks, through which door, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calls::encryption::KeyHeaders;
use crate::model::key::Key;
use crate::protocol::api_error::ApiError;
use crate::protocol::origins::Origins;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

/// Who makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key behind the token; [`Key::nobody`] where none was needed and none was given.
    pub(crate) key: Arc<Key>,
    pub(crate) version: ApiVersion,
    /// What URLs in the answer begin with.
    pub(crate) origins: Origins,
    /// What its headers say about a download.
    pub(crate) download_headers: DownloadHeaders,
    /// In milliseconds.
    pub(crate) now: u64,
}

/// What the headers of a download say.
#[derive(Debug, Clone, Default)]
pub(crate) struct DownloadHeaders {
    /// The `Range` header.
    pub(crate) range: Option<String>,
    pub(crate) key: KeyHeaders,
    /// The overrides that a download authorization fixes, if it was one that let the caller in.
    pub(crate) fixed_overrides: Option<Arc<BTreeMap<&'static str, String>>>,
}

impl Caller {
    /// The URL for uploads to a path after the version, at the caller's own version.
    pub(crate) fn upload_url(&self, path: &str) -> String {
        let (origin, version) = (&self.origins.upload, self.version.segment());
        format!("{origin}/b2api/{version}/{path}")
    }

    /// Whether the caller's key reaches a listing with this prefix, and the prefix that narrows it besides: v1 leaves out
    /// what the key doesn't reach, later versions refuse.
    pub(crate) fn listing_prefix(&self, bucket: &str, prefix: &str) -> Result<&str, ApiError> {
        self.key.require_bucket(bucket)?;
        if self.version == ApiVersion::V1 {
            return Ok(self.key.name_prefix.as_deref().unwrap_or(""));
        }
        self.key.require_name(prefix)?;
        Ok("")
    }

    /// Whether the `accountId` of the request is the caller's.
    pub(crate) fn require_account(&self, account: &str, claimed: &str) -> Result<(), ApiError> {
        if account == claimed {
            Ok(())
        } else {
            Err(undocumented::wrong_account())
        }
    }
}
