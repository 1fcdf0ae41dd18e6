//! [`Timestamp`]: a point in time in milliseconds, as B2 represents it.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A point in time, in milliseconds since 1970-01-01 UTC.
///
/// `Display` writes RFC 3339 in UTC: `2026-11-28T06:00:55.123Z`. Years outside 0000 to 9999, which
/// RFC 3339 lacks, have a sign and at least six digits, as in ISO 8601. The features `chrono` and
/// `jiff` add conversions from and to those crates' types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01 UTC, for a time that B2 doesn't report.
    pub(crate) const EPOCH: Self = Self(0);

    /// The time this many milliseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Converts from the system's time; `None` if it can't be represented in milliseconds.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Option<Self> {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).ok();
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after).map(Self),
            Err(before) => millis(before.duration()).map(|millis| Self(-millis)),
        }
    }

    /// Converts to the system's time; `None` if that can't represent it.
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

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400_000;
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let millis = self.0.rem_euclid(DAY);
        match year {
            0..=9999 => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+07}")?,
        }
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, millis) = (millis / 1_000 % 60, millis % 1_000);
        write!(
            f,
            "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// The year, month and day this many days after 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years begin in March here, so that the leap day is the last day of a year.
const fn date(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097; // days of 400 years
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// Truncates to whole milliseconds.
impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self, Error> {
        Self::from_system_time(time).ok_or_else(|| {
            Error::invalid("the time is out of range for a timestamp in milliseconds")
        })
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = Error;

    fn try_from(timestamp: Timestamp) -> Result<Self, Error> {
        timestamp.to_system_time().ok_or_else(|| {
            Error::invalid(format!(
                "the timestamp {timestamp} is out of range on \
                 this system"
            ))
        })
    }
}

/// Truncates to whole milliseconds.
#[cfg(feature = "chrono")]
impl<Z: chrono::TimeZone> From<chrono::DateTime<Z>> for Timestamp {
    fn from(time: chrono::DateTime<Z>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// Fails if `chrono` can't represent it: some 262,000 years from now.
#[cfg(feature = "chrono")]
impl TryFrom<Timestamp> for chrono::DateTime<chrono::Utc> {
    type Error = Error;

    fn try_from(timestamp: Timestamp) -> Result<Self, Error> {
        Self::from_timestamp_millis(timestamp.0).ok_or_else(|| {
            Error::invalid(format!(
                "the timestamp {timestamp} is out of range for \
                 chrono"
            ))
        })
    }
}

/// Truncates to whole milliseconds.
#[cfg(feature = "jiff")]
impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

/// Fails if `jiff` can't represent it: before the year -9999 or after 9999.
#[cfg(feature = "jiff")]
impl TryFrom<Timestamp> for jiff::Timestamp {
    type Error = Error;

    fn try_from(timestamp: Timestamp) -> Result<Self, Error> {
        Self::from_millisecond(timestamp.0).map_err(|error| {
            Error::invalid(
                "the timestamp is out of range for \
                 jiff",
            )
            .with_source(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_displays_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_509_134_400_123, "2017-10-27T20:00:00.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(millis).to_string(), text);
        }
        // No panic at the ends either.
        for millis in [i64::MIN, i64::MAX] {
            assert!(Timestamp(millis).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn system_time_round_trips() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_234_567);
        let timestamp = Timestamp::try_from(time).unwrap();
        assert_eq!(timestamp, Timestamp(1_234));
        let back = SystemTime::try_from(timestamp).unwrap();
        assert_eq!(back, SystemTime::UNIX_EPOCH + Duration::from_millis(1_234));
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn chrono_times_round_trip_and_display_alike() {
        for millis in [0, -1, 1_509_134_400_123, 253_402_300_799_999] {
            let time: chrono::DateTime<chrono::Utc> = Timestamp(millis).try_into().unwrap();
            assert_eq!(Timestamp::from(time), Timestamp(millis));
            let written = format!("{:?}", time.naive_utc());
            let ours = Timestamp(millis).to_string();
            assert!(ours.starts_with(&written[..19]), "{written} {ours}");
        }
        assert!(chrono::DateTime::<chrono::Utc>::try_from(Timestamp(i64::MAX)).is_err());
    }

    #[cfg(feature = "jiff")]
    #[test]
    fn jiff_timestamps_round_trip() {
        for millis in [0, -1, 1_509_134_400_123] {
            let time: jiff::Timestamp = Timestamp(millis).try_into().unwrap();
            assert_eq!(Timestamp::from(time), Timestamp(millis));
        }
        assert!(jiff::Timestamp::try_from(Timestamp(i64::MAX)).is_err());
    }
}
