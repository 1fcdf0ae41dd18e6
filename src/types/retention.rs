//! Object Lock: what keeps a version from being deleted.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::timestamp::Timestamp;

open_enum! {
    /// How strictly a retention holds.
    RetentionMode {
        /// A key with `bypassGovernance` may shorten or remove it.
        Governance = "governance",
        /// Nobody may shorten or remove it.
        Compliance = "compliance",
    }
}

open_enum! {
    /// Whether a version is held regardless of time.
    LegalHold {
        /// It is held.
        On = "on",
        /// It was held and is not any more.
        Off = "off",
    }
}

/// Until when a version can't be deleted. Without a mode there is no retention.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRetention {
    /// How strictly; `None` is no retention.
    pub mode: Option<RetentionMode>,
    /// Until when.
    pub retain_until_timestamp: Option<Timestamp>,
}

/// The retention that a bucket gives to files uploaded without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strictly; `None` is no retention.
    pub mode: Option<RetentionMode>,
    /// For how long.
    pub period: Option<RetentionPeriod>,
}

/// How long a default retention holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPeriod {
    /// How many units.
    pub duration: u64,
    /// `days` or `years`.
    pub unit: Box<str>,
}
