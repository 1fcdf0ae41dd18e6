//! [`Event`]: something that happened to a version of a file, and that a notification rule wants to be told of.

use serde_json::Value;

use super::file::Version;
use super::notification::NotificationRule;

/// What can happen to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Upload,
    MultipartUpload,
    Copy,
    Hide,
    HideByRule,
    Delete,
    DeleteByRule,
}

/// What is told of a version.
pub(crate) struct EventObject {
    pub(super) bucket_id: String,
    pub(super) name: String,
    pub(super) file_id: String,
    pub(super) size: u64,
}

/// Something that happened, and the rule that wants it told.
#[derive(Clone)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) bucket: String,
    pub(crate) rule: NotificationRule,
    /// As the webhook says it.
    pub(crate) json: Value,
}

impl EventObject {
    pub(crate) fn of(version: &Version) -> Self {
        Self {
            bucket_id: version.bucket_id.clone(),
            name: version.name.clone(),
            file_id: version.file_id.clone(),
            size: version.stored().map_or(0, |stored| stored.content.len()),
        }
    }
}

impl EventType {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upload => "b2:ObjectCreated:Upload",
            Self::MultipartUpload => "b2:ObjectCreated:MultipartUpload",
            Self::Copy => "b2:ObjectCreated:Copy",
            Self::Hide => "b2:HideMarkerCreated:Hide",
            Self::HideByRule => "b2:HideMarkerCreated:LifecycleRule",
            Self::Delete => "b2:ObjectDeleted:Delete",
            Self::DeleteByRule => "b2:ObjectDeleted:LifecycleRule",
        }
    }
}
