//! Object Lock: retention and legal hold, which keep a version from being deleted.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::timestamp::Timestamp;
use crate::error::Error;

open_enum! {
    /// The mode of a retention.
    RetentionMode {
        /// A key with `bypassGovernance` may shorten or remove it.
        Governance = "governance",
        /// No one can shorten or remove it.
        Compliance = "compliance",
    }
}

open_enum! {
    /// Whether a version is under legal hold, which doesn't expire.
    LegalHold {
        /// It is under legal hold.
        On = "on",
        /// Its legal hold was lifted.
        Off = "off",
    }
}

/// A version's retention: until when it can't be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRetention {
    /// The mode; `None` means no retention.
    pub mode: Option<RetentionMode>,
    /// The end of the retention.
    pub retain_until_timestamp: Option<Timestamp>,
}

impl FileRetention {
    /// A retention in this mode until this time.
    #[must_use]
    pub const fn until(mode: RetentionMode, retain_until: Timestamp) -> Self {
        Self {
            mode: Some(mode),
            retain_until_timestamp: Some(retain_until),
        }
    }

    /// No retention. Set on a version, it removes the retention.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: None,
            retain_until_timestamp: None,
        }
    }

    /// Refuses a mode without a time, and a time without a mode.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.mode.is_some() != self.retain_until_timestamp.is_some() {
            return Err(Error::invalid(
                "a retention has both a mode and a time, or neither",
            ));
        }
        Ok(())
    }
}

/// A bucket's default retention, for files uploaded without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// The mode; `None` means no retention.
    pub mode: Option<RetentionMode>,
    /// How long files are retained.
    pub period: Option<RetentionPeriod>,
}

open_enum! {
    /// The unit of a [`RetentionPeriod`].
    RetentionUnit {
        /// Days.
        Days = "days",
        /// Years.
        Years = "years",
    }
}

/// The duration of a default retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPeriod {
    /// The number of units.
    pub duration: u64,
    /// The unit.
    pub unit: RetentionUnit,
}

impl DefaultRetention {
    /// Retains files for this many days after their upload.
    #[must_use]
    pub const fn days(mode: RetentionMode, days: u64) -> Self {
        Self::new(mode, days, RetentionUnit::Days)
    }

    /// Retains files for this many years after their upload.
    #[must_use]
    pub const fn years(mode: RetentionMode, years: u64) -> Self {
        Self::new(mode, years, RetentionUnit::Years)
    }

    /// No default retention. Set on a bucket, it removes the default.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: None,
            period: None,
        }
    }

    /// Refuses a mode without a period, and a period without a mode.
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
