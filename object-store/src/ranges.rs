//! Merges ranges of one file that are close to each other, so that each request fetches several.

use std::ops::Range;

use bytes::Bytes;

/// Maximum distance of ranges that are merged: about as many bytes as arrive in the time that a request takes.
const MAX_GAP: u64 = 1 << 20;

/// Maximum length of merged ranges: several concurrent requests are faster than one, and the bytes are held in memory.
/// A single range may be longer.
const MAX_FETCH: u64 = 32 << 20;

/// Merges ranges into fetches, sorted by their start. Each range lies within one of them.
pub(crate) fn coalesce(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut fetches: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        if let Some(last) = fetches.last_mut() {
            let end = last.end.max(range.end);
            let is_near = range.start <= last.end.saturating_add(MAX_GAP);
            let overlaps = range.end <= last.end;
            if overlaps || is_near && end - last.start <= MAX_FETCH {
                last.end = end;
                continue;
            }
        }
        fetches.push(range);
    }
    fetches
}

/// The bytes of a range, from those of the fetches. Ends at the end of the file; `None` for a range that begins there
/// or was not fetched.
pub(crate) fn slice(
    range: &Range<u64>,
    fetches: &[Range<u64>],
    fetched: &[Bytes],
) -> Option<Bytes> {
    let after = fetches.partition_point(|fetch| fetch.start <= range.start);
    // Fetches may overlap, so it is not always the last one that begins before the range.
    let found = (0..after).rev().find(|at| fetches[*at].end >= range.end)?;
    let bytes = fetched.get(found)?;
    let start = usize::try_from(range.start - fetches[found].start).ok()?;
    let end = usize::try_from(range.end - fetches[found].start).ok()?;
    (start < bytes.len()).then(|| bytes.slice(start..end.min(bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a [Range<u64>], &'a [Range<u64>]);

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "they are ranges")]
    fn ranges_are_merged_if_they_are_close_and_the_result_is_not_too_long() {
        let cases: [Case<'_>; 7] = [
            (&[], &[]),
            (&[0..1, 2..3, 0..5], &[0..5]),
            (&[10..20, 0..5], &[0..20]),
            (&[0..1, 1 + MAX_GAP..2 + MAX_GAP], &[0..2 + MAX_GAP]),
            (
                &[0..1, 2 + MAX_GAP..3 + MAX_GAP],
                &[0..1, 2 + MAX_GAP..3 + MAX_GAP],
            ),
            (
                &[0..MAX_FETCH, MAX_FETCH..MAX_FETCH + 1],
                &[0..MAX_FETCH, MAX_FETCH..MAX_FETCH + 1],
            ),
            (
                &[0..2 * MAX_FETCH, 5..6, MAX_FETCH..2 * MAX_FETCH],
                &[0..2 * MAX_FETCH],
            ),
        ];
        for (ranges, fetches) in cases {
            assert_eq!(coalesce(ranges), fetches, "{ranges:?}");
        }
    }

    #[test]
    fn a_range_is_sliced_from_the_fetch_that_contains_it() {
        let file: Vec<u8> = (0..=255).cycle().take(200).collect();
        let ranges = [150..170, 0..10, 5..7, 190..250, 0..200];
        let fetches = coalesce(&ranges);
        let fetched: Vec<_> = fetches
            .iter()
            .map(|fetch| {
                Bytes::copy_from_slice(&file[fetch.start as usize..fetch.end.min(200) as usize])
            })
            .collect();
        for range in ranges {
            let expected = &file[range.start as usize..range.end.min(200) as usize];
            assert_eq!(
                slice(&range, &fetches, &fetched).unwrap(),
                expected,
                "{range:?}"
            );
        }
        assert_eq!(slice(&(200..210), &fetches, &fetched), None);
    }

    #[test]
    fn a_range_is_found_in_an_earlier_fetch_that_overlaps_a_later_one() {
        let fetches = coalesce(&[0..2 * MAX_FETCH, MAX_FETCH + 1..3 * MAX_FETCH]);
        assert_eq!(fetches, [0..2 * MAX_FETCH, MAX_FETCH + 1..3 * MAX_FETCH]);
        let fetched = [Bytes::from_static(b"0123456789"), Bytes::from_static(b"")];
        let range = 3..5;
        assert_eq!(slice(&range, &fetches, &fetched).unwrap(), "34");
    }
}
