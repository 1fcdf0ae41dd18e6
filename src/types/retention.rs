//! Object Lock: what keeps a version from being deleted.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::timestamp::Timestamp;
use crate::error::Error;

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

impl FileRetention {
    /// The version can't be deleted until then.
    #[must_use]
    pub const fn until(mode: RetentionMode, retain_until: Timestamp) -> Self {
        Self {
            mode: Some(mode),
            retain_until_timestamp: Some(retain_until),
        }
    }

    /// No retention: set on a version, it removes the one that there is.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: None,
            retain_until_timestamp: None,
        }
    }

    /// Refuses one half without the other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.mode.is_some() != self.retain_until_timestamp.is_some() {
            return Err(Error::invalid(
                "a retention has both a mode and a time, or neither",
            ));
        }
        Ok(())
    }
}

/// The retention that a bucket gives to files uploaded without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strictly; `None` is no retention.
    pub mode: Option<RetentionMode>,
    /// For how long.
    pub period: Option<RetentionPeriod>,
}

open_enum! {
    /// What a [`RetentionPeriod`] counts.
    RetentionUnit {
        /// Days.
        Days = "days",
        /// Years.
        Years = "years",
    }
}

/// How long a default retention holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPeriod {
    /// How many units.
    pub duration: u64,
    /// What is counted.
    pub unit: RetentionUnit,
}

impl DefaultRetention {
    /// Files are kept for so many days from their upload.
    #[must_use]
    pub const fn days(mode: RetentionMode, days: u64) -> Self {
        Self::new(mode, days, RetentionUnit::Days)
    }

    /// Files are kept for so many years from their upload.
    #[must_use]
    pub const fn years(mode: RetentionMode, years: u64) -> Self {
        Self::new(mode, years, RetentionUnit::Years)
    }

    /// Files get no retention; set on a bucket, it removes the default that there is.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: None,
            period: None,
        }
    }

    /// Refuses one half without the other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.mode.is_some() != self.period.is_some() {
            return Err(Error::invalid(
                "a default retention has both a mode and a period, or neither",
            ));
        }
        Ok(())
    }

    const fn new(mode: RetentionMode, duration: u64, unit: RetentionUnit) -> Self {
        Self {
            mode: Some(mode),
            period: Some(RetentionPeriod { duration, unit }),
        }
    }
}
