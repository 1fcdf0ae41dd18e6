//! Byte ranges: the `Range` header of downloads and the `range` field of copies.

use std::ops::Range;

/// The bytes that a range selects in a file of known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// No range, or one that is not understood: the whole file.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// No byte of the file.
    Unsatisfiable,
}

/// Resolves `bytes=a-b`, `bytes=a-` or `bytes=-n` for a file of `len` bytes.
///
/// An end beyond the file is clamped. Anything but one well-formed byte range is
/// [`RequestedRange::Whole`], as RFC 9110 specifies for ranges that a server does not understand;
/// copies refuse it.
pub(crate) fn resolve(range: &str, len: u64) -> RequestedRange {
    parse(range, len).unwrap_or(RequestedRange::Whole)
}

/// Whether this is `bytes=0-`, which selects the whole of any file.
pub(crate) fn is_from_zero(range: &str) -> bool {
    range.trim() == "bytes=0-"
}

fn parse(range: &str, len: u64) -> Option<RequestedRange> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    // "+1" parses as a number, but is not allowed here
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // a number that overflows lies beyond the end of every file
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let bytes = match (first, last) {
        ("", last) => len.saturating_sub(number(last)?)..len,
        (first, "") => number(first)?..len,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(len)
        }
    };
    Some(if bytes.is_empty() {
        RequestedRange::Unsatisfiable
    } else {
        RequestedRange::Part(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_cut_at_the_end_and_never_empty() {
        for (range, len, expected) in [
            ("bytes=0-4", 10, RequestedRange::Part(0..5)),
            ("bytes=0-9", 10, RequestedRange::Part(0..10)),
            ("bytes=9-9", 10, RequestedRange::Part(9..10)),
            ("bytes=4-400", 10, RequestedRange::Part(4..10)),
            (
                "bytes=4-99999999999999999999999",
                10,
                RequestedRange::Part(4..10),
            ),
            ("bytes=4-", 10, RequestedRange::Part(4..10)),
            ("bytes=-3", 10, RequestedRange::Part(7..10)),
            ("bytes=-30", 10, RequestedRange::Part(0..10)),
            ("bytes=10-", 10, RequestedRange::Unsatisfiable),
            ("bytes=10-12", 10, RequestedRange::Unsatisfiable),
            ("bytes=-0", 10, RequestedRange::Unsatisfiable),
            ("bytes=0-0", 0, RequestedRange::Unsatisfiable),
            ("bytes=0-", 0, RequestedRange::Unsatisfiable),
            ("bytes=-1", 0, RequestedRange::Unsatisfiable),
            ("bytes=5-4", 10, RequestedRange::Whole),
            ("bytes=-", 10, RequestedRange::Whole),
            ("bytes=+1-2", 10, RequestedRange::Whole),
            ("bytes=1-2,4-5", 10, RequestedRange::Whole),
            ("lines=1-2", 10, RequestedRange::Whole),
            ("", 10, RequestedRange::Whole),
        ] {
            assert_eq!(resolve(range, len), expected, "{range} of {len}");
        }
    }
}
