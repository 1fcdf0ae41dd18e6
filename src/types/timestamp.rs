//! [`Timestamp`]: B2's milliseconds since 1970.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many milliseconds after 1970 began.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment that the system calls this; `None` where milliseconds can't count it.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Option<Self> {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).ok();
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after).map(Self),
            Err(before) => millis(before.duration()).map(|millis| Self(-millis)),
        }
    }

    /// As the system's time; `None` where that can't express it.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }
}
