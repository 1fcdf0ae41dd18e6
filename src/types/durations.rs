//! [`KeyDuration`] and [`DownloadDuration`]: the validity of keys and download authorizations.

use std::time::Duration;

use serde::Serialize;

use crate::error::Error;

macro_rules! seconds {
    ($(#[$doc:meta])* $name:ident, $max:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(u32);

        impl $name {
            /// The longest duration that B2 allows.
            pub const MAX: Self = Self($max);

            /// Checks a duration. A fraction of a second is cut off.
            ///
            /// # Errors
            /// [`Invalid`](crate::ErrorKind::Invalid) if it is shorter than a second or longer than
            /// [`MAX`](Self::MAX).
            pub fn new(duration: Duration) -> Result<Self, Error> {
                Self::from_secs(duration.as_secs())
            }

            /// Checks a number of seconds.
            ///
            /// # Errors
            /// [`Invalid`](crate::ErrorKind::Invalid) if it is 0 or more than [`MAX`](Self::MAX).
            pub fn from_secs(seconds: u64) -> Result<Self, Error> {
                match u32::try_from(seconds) {
                    Ok(seconds @ 1..=$max) => Ok(Self(seconds)),
                    _ if seconds == 0 => Err(Error::invalid(concat!(
                        $what,
                        " is valid for at least 1 second"
                    ))),
                    _ => Err(Error::invalid(format!(
                        concat!($what, " is valid for at most {} seconds; {} are {} too many"),
                        $max,
                        seconds,
                        seconds - $max
                    ))),
                }
            }

            /// The seconds.
            #[must_use]
            pub const fn as_secs(self) -> u32 {
                self.0
            }
        }

        impl TryFrom<Duration> for $name {
            type Error = Error;

            fn try_from(duration: Duration) -> Result<Self, Error> {
                Self::new(duration)
            }
        }
    };
}

seconds! {
    /// The validity of a key: 1 second to just under 1,000 days.
    KeyDuration, 86_399_999, "a key"
}
seconds! {
    /// The validity of a download authorization: 1 second to a week.
    DownloadDuration, 604_800, "a download authorization"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_outside_of_b2s_limits_are_refused() {
        assert_eq!(
            KeyDuration::from_secs(86_399_999).unwrap(),
            KeyDuration::MAX
        );
        assert_eq!(
            DownloadDuration::from_secs(604_800).unwrap(),
            DownloadDuration::MAX
        );
        assert_eq!(
            KeyDuration::new(Duration::from_millis(1_999))
                .unwrap()
                .as_secs(),
            1
        );
        for (error, told) in [
            (
                KeyDuration::new(Duration::from_millis(999)),
                "a key is valid for at least 1 second",
            ),
            (
                KeyDuration::from_secs(86_400_000),
                "a key is valid for at most 86399999 seconds; 86400000 are 1 too many",
            ),
        ] {
            assert_eq!(error.unwrap_err().to_string(), told);
        }
        for bad in [0, 604_801, u64::from(u32::MAX) + 2, u64::MAX] {
            assert!(DownloadDuration::from_secs(bad).is_err(), "{bad}");
        }
        assert!(DownloadDuration::new(Duration::MAX).is_err());
    }
}
