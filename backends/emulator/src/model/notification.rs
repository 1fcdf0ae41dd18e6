//! [`NotificationRule`]: which events of a bucket go to which URL.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An event notification rule.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotificationRule {
    pub(crate) name: String,
    /// Sorted.
    pub(crate) event_types: Vec<String>,
    pub(crate) is_enabled: bool,
    pub(crate) prefix: String,
    pub(crate) url: String,
    /// Names and values; `None` and empty are returned as they were set.
    pub(crate) headers: Option<Vec<(String, String)>>,
    pub(crate) secret: Option<String>,
    pub(crate) max_batch: u64,
}

impl NotificationRule {
    pub(crate) fn json(&self) -> Value {
        let headers = self.headers.as_ref().map(|headers| {
            let json = headers
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}));
            json.collect::<Vec<_>>()
        });
        json!({
            "eventTypes": self.event_types,
            "isEnabled": self.is_enabled,
            "isSuspended": false,
            "name": self.name,
            "objectNamePrefix": self.prefix,
            "suspensionReason": "",
            "targetConfiguration": {
                "customHeaders": headers,
                "hmacSha256SigningSecret": self.secret,
                "maxEventsPerBatch": self.max_batch,
                "targetType": "webhook",
                "url": self.url,
            },
        })
    }
}

impl fmt::Debug for NotificationRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationRule")
            .field("name", &self.name)
            .field("event_types", &self.event_types)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Whether a pattern, which may end in `*`, matches an event type.
pub(crate) fn covers(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(category) => event_type.starts_with(category),
        None => pattern == event_type,
    }
}
