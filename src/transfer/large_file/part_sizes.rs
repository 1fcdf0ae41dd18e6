//! How a file is divided into parts. Pure.

use std::ops::Range;

use crate::error::Error;
use crate::types::{MAX_FILE, PartNumber};

/// The maximum size of a part, and of a file sent or copied in one call.
pub(crate) const MAX_PART: u64 = 5_000_000_000;

/// The upper limit on the minimum part size that a server reports. B2's is 5 MB. Parts of
/// non-replayable streams are buffered in memory, which a server's response must not exhaust; if a
/// part is too small, B2 rejects it.
const MAX_MINIMUM: u64 = 100_000_000;

pub(crate) const MAX_PARTS: u64 = PartNumber::MAX.as_u16() as u64;

/// The part sizes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartSizes {
    pub(crate) minimum: u64,
    pub(crate) recommended: u64,
}

/// A file in parts of equal size; the last may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartLayout {
    pub(crate) len: u64,
    pub(crate) part: u64,
}

impl PartSizes {
    /// The sizes that the account reports, clamped to a range in which no computation with them
    /// overflows or divides by zero.
    pub(crate) fn new(minimum: u64, recommended: u64) -> Self {
        let minimum = minimum.clamp(1, MAX_MINIMUM);
        Self {
            minimum,
            recommended: recommended.clamp(minimum, MAX_PART),
        }
    }

    /// Divides a file of `len` bytes into parts of the requested or recommended size. Parts are
    /// larger if there would be too many. If no size is requested, they are as even as possible.
    pub(crate) fn layout(self, len: u64, asked: Option<u64>) -> Result<PartLayout, Error> {
        if len > MAX_FILE {
            let excess = len - MAX_FILE;
            return Err(Error::invalid(format!(
                "the file has {len} bytes, {excess} more than the {MAX_FILE} that a large file can \
                 have"
            )));
        }
        if let Some(asked) = asked.filter(|asked| !(self.minimum..=MAX_PART).contains(asked)) {
            let minimum = self.minimum;
            return Err(Error::invalid(format!(
                "the part size {asked} is not between {minimum} and {MAX_PART}, as B2 requires for \
                 this account"
            )));
        }
        let part = asked
            .unwrap_or(self.recommended)
            .max(len.div_ceil(MAX_PARTS));
        // Even parts keep all connections busy until the end.
        let parts = len.div_ceil(part).max(1);
        let part = match asked {
            Some(_) => part,
            None => len.div_ceil(parts).max(self.minimum),
        };
        Ok(PartLayout { len, part })
    }

    /// The size of this part of a stream of unknown length. Parts are buffered in memory while they
    /// are sent, so they start small. They double every 800 parts, so that 10,000 parts are
    /// enough for any file.
    pub(crate) fn for_unknown_length(self, number: PartNumber, asked: Option<u64>) -> u64 {
        const SMALL: u64 = 8_000_000;
        let first = asked
            .unwrap_or_else(|| self.recommended.min(SMALL))
            .max(self.minimum);
        let doubled = u32::from(number.as_u16() - 1) / 800;
        first.saturating_mul(1 << doubled).min(MAX_PART)
    }
}

impl PartLayout {
    pub(crate) const fn parts(self) -> u64 {
        self.len.div_ceil(self.part)
    }

    /// The byte ranges of the parts, in order.
    pub(crate) fn ranges(self) -> impl Iterator<Item = (PartNumber, Range<u64>)> {
        (1..=self.parts())
            .filter_map(move |number| Some((PartNumber::new(number).ok()?, self.range(number))))
    }

    /// The byte range of the part with this number.
    pub(crate) fn range(self, number: u64) -> Range<u64> {
        let end = self.part.saturating_mul(number).min(self.len);
        self.part * (number - 1)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: PartSizes = PartSizes {
        minimum: 5_000_000,
        recommended: 100_000_000,
    };

    #[test]
    fn layouts_are_even_cover_the_file_and_respect_the_limits() {
        for len in [
            0,
            1,
            99_999_999,
            100_000_000,
            100_000_001,
            205_000_000,
            1 << 30,
            999_999_999_999,
            1_000_000_000_001,
            MAX_FILE,
        ] {
            let layout = USUAL.layout(len, None).unwrap();
            let ranges: Vec<_> = layout.ranges().map(|(_, range)| range).collect();
            assert!(ranges.len() <= 10_000, "{len}");
            assert_eq!(ranges.last().map_or(0, |range| range.end), len);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let (last, others) = ranges.split_last().unwrap_or((&(0..0), &[]));
            for range in others {
                assert!((5_000_000..=MAX_PART).contains(&(range.end - range.start)));
            }
            assert!(others.is_empty() || !last.is_empty());
        }
        assert_eq!(USUAL.layout(100_000_000, None).unwrap().parts(), 1);
        assert_eq!(USUAL.layout(120_000_000, None).unwrap().part, 60_000_000);
        assert!(USUAL.layout(MAX_FILE + 1, None).is_err());
    }

    #[test]
    fn a_requested_part_size_is_kept_unless_there_would_be_too_many_parts() {
        assert_eq!(
            USUAL.layout(205_000_000, Some(5_000_000)).unwrap().parts(),
            41
        );
        let grown = USUAL.layout(100_000_000_001, Some(5_000_000)).unwrap();
        assert_eq!((grown.part, grown.parts()), (10_000_001, 10_000));
        for wrong in [0, 4_999_999, MAX_PART + 1] {
            let error = USUAL.layout(1, Some(wrong)).unwrap_err().to_string();
            assert!(
                error.contains("not between 5000000 and 5000000000"),
                "{error}"
            );
        }
    }

    #[test]
    fn part_sizes_of_an_account_are_clamped() {
        for (minimum, recommended) in [(0, 0), (1 << 63, 1 << 63), (5_000_000, 1), (0, u64::MAX)] {
            let sizes = PartSizes::new(minimum, recommended);
            assert!(1 <= sizes.minimum && sizes.minimum <= sizes.recommended);
            assert!(sizes.recommended <= MAX_PART);
            assert!(sizes.for_unknown_length(PartNumber::FIRST, None) <= 100_000_000);
            assert!(sizes.layout(1 << 40, None).unwrap().parts() <= 10_000);
        }
    }

    #[test]
    fn ten_thousand_parts_suffice_for_unknown_lengths() {
        for asked in [None, Some(5_000_000), Some(MAX_PART)] {
            let total: u64 = (1..=10_000)
                .map(|number| USUAL.for_unknown_length(PartNumber::new(number).unwrap(), asked))
                .sum();
            assert!(total >= MAX_FILE, "{total}, {asked:?}");
        }
        assert_eq!(USUAL.for_unknown_length(PartNumber::FIRST, None), 8_000_000);
        assert_eq!(
            USUAL.for_unknown_length(PartNumber::FIRST, Some(1)),
            5_000_000
        );
    }
}
