//! [`Event`]: something that happened to a file version and matches a notification rule.

use std::sync::Arc;

use serde_json::Value;

use super::file::Version;
use super::file_id::FileId;
use super::notification::NotificationRule;

/// The events that can happen to a version.
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

/// The version that an event is about.
pub(crate) struct EventObject {
    pub(super) name: Arc<str>,
    pub(super) file_id: FileId,
    pub(super) size: u64,
}

/// An event with the rule that it matches.
#[derive(Clone)]
pub(crate) struct Event {
    /// The id of the bucket.
    pub(crate) bucket: String,
    pub(crate) rule: NotificationRule,
    /// In the JSON of a webhook.
    pub(crate) json: Value,
}

impl EventObject {
    pub(crate) fn of(version: &Version) -> Self {
        Self {
            name: Arc::clone(&version.name),
            file_id: version.file_id,
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
