//! [`ByteRange`]: a range of a file's bytes.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeInclusive};
use std::str::FromStr;

use http::HeaderValue;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::types::rules::Quoted;

/// A range of a file's bytes, as in HTTP's `Range` header. Offsets count from 0.
///
/// It is made from Rust's own ranges, or from a number of bytes at the end. B2 truncates a range
/// that extends past the end of the file, and refuses one that begins there.
///
/// ```
/// use b2kit::types::ByteRange;
///
/// let first_hundred = ByteRange::try_from(0..100)?;
/// assert_eq!(first_hundred, ByteRange::try_from(0..=99)?);
/// assert_eq!(first_hundred.to_string(), "bytes=0-99");
/// assert_eq!(ByteRange::from(100..).to_string(), "bytes=100-");
/// assert_eq!(ByteRange::suffix(5)?.to_string(), "bytes=-5");
/// assert!(ByteRange::try_from(7..7).is_err());
/// # Ok::<(), b2kit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange(Span);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Span {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

impl ByteRange {
    /// From byte `first` to byte `last`, both included, as in HTTP.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if `last` is before `first`.
    pub fn inclusive(first: u64, last: u64) -> Result<Self, Error> {
        if last < first {
            return Err(Error::invalid(format!(
                "the range {first}-{last} ends before it begins"
            )));
        }
        Ok(Self(Span::Between(first, last)))
    }

    /// From byte `first` to the end of the file.
    #[must_use]
    pub const fn from_offset(first: u64) -> Self {
        Self(Span::From(first))
    }

    /// The last `count` bytes.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if `count` is 0: HTTP has no empty range.
    pub fn suffix(count: u64) -> Result<Self, Error> {
        if count == 0 {
            return Err(Error::invalid("the range of the last 0 bytes is empty"));
        }
        Ok(Self(Span::Last(count)))
    }

    /// The offsets of the first and last byte of this range in a file of `len` bytes; `None` if the
    /// file has none of its bytes.
    #[must_use]
    pub fn within(self, len: u64) -> Option<(u64, u64)> {
        let end = len.checked_sub(1)?;
        let (first, last) = match self.0 {
            Span::Between(first, last) => (first, last.min(end)),
            Span::From(first) => (first, end),
            Span::Last(count) => (len.saturating_sub(count), end),
        };
        (first <= last).then_some((first, last))
    }

    /// The maximum number of bytes that a file can have in this range.
    pub(crate) const fn most(self) -> u64 {
        match self.0 {
            Span::Between(first, last) => (last - first).saturating_add(1),
            Span::From(_) => u64::MAX,
            Span::Last(count) => count,
        }
    }

    /// The beginning of the range, at most `count` bytes. A suffix is returned unchanged, since its
    /// start is unknown.
    #[cfg(feature = "fs")]
    pub(crate) const fn first(self, count: u64) -> Self {
        let (first, last) = match self.0 {
            Span::Between(first, last) => (first, last),
            Span::From(first) => (first, u64::MAX),
            Span::Last(_) => return self,
        };
        let cut = first.saturating_add(count - 1);
        Self(Span::Between(first, if cut < last { cut } else { last }))
    }

    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("digits and dashes are a header's value")
    }
}

/// `100..` is everything from byte 100 on.
impl From<RangeFrom<u64>> for ByteRange {
    fn from(range: RangeFrom<u64>) -> Self {
        Self::from_offset(range.start)
    }
}

/// `0..100` is the first hundred bytes. An empty range is refused, since HTTP has none.
impl TryFrom<Range<u64>> for ByteRange {
    type Error = Error;

    fn try_from(range: Range<u64>) -> Result<Self, Error> {
        let Range { start, end } = range;
        match end.checked_sub(1) {
            Some(last) if last >= start => Self::inclusive(start, last),
            _ => Err(Error::invalid(format!("the range {start}..{end} is empty"))),
        }
    }
}

/// `0..=99` is the first hundred bytes. An empty range is refused, since HTTP has none.
impl TryFrom<RangeInclusive<u64>> for ByteRange {
    type Error = Error;

    fn try_from(range: RangeInclusive<u64>) -> Result<Self, Error> {
        Self::inclusive(*range.start(), *range.end())
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Span::Between(first, last) => write!(f, "bytes={first}-{last}"),
            Span::From(first) => write!(f, "bytes={first}-"),
            Span::Last(count) => write!(f, "bytes=-{count}"),
        }
    }
}

/// Parses the value of a `Range` header with a single range, which [`Display`](fmt::Display)
/// writes: `bytes=0-99`, `bytes=100-`, `bytes=-5`.
impl FromStr for ByteRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::invalid(format!(
                "{} is not a byte range such as bytes=0-99, bytes=100- or bytes=-5",
                Quoted(text)
            ))
        };
        let number = |digits: &str| {
            // `parse` would accept a sign.
            let digits = Some(digits).filter(|of| of.bytes().all(|c| c.is_ascii_digit()));
            digits
                .and_then(|of| of.parse::<u64>().ok())
                .ok_or_else(wrong)
        };
        let (unit, range) = text.split_once('=').ok_or_else(wrong)?;
        let (first, last) = range.split_once('-').ok_or_else(wrong)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return Err(wrong());
        }
        match (first, last) {
            ("", count) => Self::suffix(number(count)?),
            (first, "") => Ok(Self::from_offset(number(first)?)),
            (first, last) => Self::inclusive(number(first)?, number(last)?),
        }
    }
}

impl Serialize for ByteRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn ranges_are_cut_at_the_end_of_the_file_and_may_not_start_there() {
        let between = ByteRange::inclusive(2, 5).unwrap();
        for (range, len, within) in [
            (between, 10, Some((2, 5))),
            (between, 4, Some((2, 3))),
            (between, 2, None),
            (between, 0, None),
            (ByteRange::from_offset(3), 4, Some((3, 3))),
            (ByteRange::from_offset(4), 4, None),
            (ByteRange::suffix(3).unwrap(), 10, Some((7, 9))),
            (ByteRange::suffix(30).unwrap(), 10, Some((0, 9))),
            (ByteRange::suffix(1).unwrap(), 0, None),
            (
                ByteRange::inclusive(0, u64::MAX).unwrap(),
                u64::MAX,
                Some((0, u64::MAX - 1)),
            ),
        ] {
            assert_eq!(range.within(len), within, "{range} of {len}");
        }
    }

    #[test]
    fn only_the_header_form_of_a_range_is_parsed() {
        for text in [
            "bytes=0-0",
            "bytes=2-5",
            "bytes=7-",
            "bytes=-9",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(text.parse::<ByteRange>().unwrap().to_string(), text);
        }
        assert_eq!(
            "Bytes=1-".parse::<ByteRange>().unwrap(),
            ByteRange::from_offset(1)
        );
        for bad in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=-0",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes= 1-2",
            "bytes=0-1,3-4",
            "bytes=--1",
            "lines=1-2",
            "1-2",
            "bytes=0-18446744073709551616",
            "bytes=a-b",
        ] {
            let error = bad.parse::<ByteRange>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn rusts_ranges_become_byte_ranges_unless_they_are_empty() {
        let all = ByteRange::try_from(0..u64::MAX).unwrap();
        assert_eq!(all.within(10), Some((0, 9)));
        assert_eq!(ByteRange::try_from(3..4).unwrap().to_string(), "bytes=3-3");
        #[expect(clippy::reversed_empty_ranges, reason = "it is refused")]
        for empty in [0..0, 4..4, 4..3] {
            let error = ByteRange::try_from(empty).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        #[expect(clippy::reversed_empty_ranges, reason = "it is to be refused")]
        let reversed = 4..=3;
        assert!(ByteRange::try_from(reversed).is_err());
    }

    #[test]
    fn empty_ranges_are_refused() {
        assert!(ByteRange::inclusive(5, 4).is_err());
        assert!(ByteRange::suffix(0).is_err());
    }
}
