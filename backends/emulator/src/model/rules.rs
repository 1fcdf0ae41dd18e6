//! Rules of a bucket: [`CorsRule`] and [`LifecycleRule`].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which origins may read or write from a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CorsRule {
    pub(crate) name: String,
    pub(crate) origins: Vec<String>,
    pub(crate) operations: Vec<String>,
    pub(crate) headers: Option<Vec<String>>,
    pub(crate) expose: Option<Vec<String>>,
    pub(crate) max_age: u64,
}

/// When old versions are hidden and deleted, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LifecycleRule {
    pub(crate) prefix: String,
    pub(crate) to_hiding: Option<u64>,
    pub(crate) to_deleting: Option<u64>,
    pub(crate) to_canceling: Option<u64>,
}

impl CorsRule {
    pub(crate) fn json(&self) -> Value {
        json!({
            "allowedHeaders": self.headers,
            "allowedOperations": self.operations,
            "allowedOrigins": self.origins,
            "corsRuleName": self.name,
            "exposeHeaders": self.expose,
            "maxAgeSeconds": self.max_age,
        })
    }
}

impl LifecycleRule {
    /// Periods that were not set are null.
    pub(crate) fn json(&self) -> Value {
        json!({
            "daysFromHidingToDeleting": self.to_deleting,
            "daysFromStartingToCancelingUnfinishedLargeFiles": self.to_canceling,
            "daysFromUploadingToHiding": self.to_hiding,
            "fileNamePrefix": self.prefix,
        })
    }
}
