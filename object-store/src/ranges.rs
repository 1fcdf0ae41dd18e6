//! Which requests fetch many ranges of one file: neighbours together, far ones apart.

use std::ops::Range;

use bytes::Bytes;

/// Ranges that are no further apart than this are fetched together: a request costs about as much time as these bytes.
const GAP: u64 = 1 << 20;

/// What is fetched together is not longer than this, unless one range is: several requests are faster than one, and the
/// bytes are held in memory.
const LONGEST: u64 = 32 << 20;

/// The fetches for these ranges, by where they begin. Each range lies within one of them.
pub(crate) fn coalesced(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut fetches: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        if let Some(last) = fetches.last_mut() {
            let end = last.end.max(range.end);
            let is_near = range.start <= last.end.saturating_add(GAP);
            let overlaps = range.end <= last.end;
            if overlaps || is_near && end - last.start <= LONGEST {
                last.end = end;
                continue;
            }
        }
        fetches.push(range);
    }
    fetches
}

/// The bytes of a range, out of the fetches and what they brought. A range that reaches past the end of the file is cut
/// there; `None` for one that begins there or was not fetched.
pub(crate) fn cut(range: &Range<u64>, fetches: &[Range<u64>], fetched: &[Bytes]) -> Option<Bytes> {
    let after = fetches.partition_point(|fetch| fetch.start <= range.start);
    // The one that holds it may not be the last that begins before it, where a long one overlaps others.
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
    fn near_ranges_are_fetched_together_and_far_ones_apart() {
        let cases: [Case<'_>; 7] = [
            (&[], &[]),
            (&[0..1, 2..3, 0..5], &[0..5]),
            (&[10..20, 0..5], &[0..20]),
            (&[0..1, 1 + GAP..2 + GAP], &[0..2 + GAP]),
            (&[0..1, 2 + GAP..3 + GAP], &[0..1, 2 + GAP..3 + GAP]),
            (
                &[0..LONGEST, LONGEST..LONGEST + 1],
                &[0..LONGEST, LONGEST..LONGEST + 1],
            ),
            (
                &[0..2 * LONGEST, 5..6, LONGEST..2 * LONGEST],
                &[0..2 * LONGEST],
            ),
        ];
        for (ranges, fetches) in cases {
            assert_eq!(coalesced(ranges), fetches, "{ranges:?}");
        }
    }

    #[test]
    fn each_range_is_cut_out_of_the_fetch_that_holds_it() {
        let file: Vec<u8> = (0..=255).cycle().take(200).collect();
        let ranges = [150..170, 0..10, 5..7, 190..250, 0..200];
        let fetches = coalesced(&ranges);
        let fetched: Vec<_> = fetches
            .iter()
            .map(|fetch| {
                Bytes::copy_from_slice(&file[fetch.start as usize..fetch.end.min(200) as usize])
            })
            .collect();
        for range in ranges {
            let expected = &file[range.start as usize..range.end.min(200) as usize];
            assert_eq!(
                cut(&range, &fetches, &fetched).unwrap(),
                expected,
                "{range:?}"
            );
        }
        assert_eq!(cut(&(200..210), &fetches, &fetched), None);
    }

    #[test]
    fn a_range_is_found_although_a_later_fetch_begins_before_it() {
        let fetches = coalesced(&[0..2 * LONGEST, LONGEST + 1..3 * LONGEST]);
        assert_eq!(fetches, [0..2 * LONGEST, LONGEST + 1..3 * LONGEST]);
        let fetched = [Bytes::from_static(b"0123456789"), Bytes::from_static(b"")];
        let range = 3..5;
        assert_eq!(cut(&range, &fetches, &fetched).unwrap(), "34");
    }
}
