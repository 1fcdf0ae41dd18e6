//! Merges ranges of one file that are close to each other, so that each request fetches several.

use std::ops::Range;

use bytes::Bytes;

/// Maximum distance of ranges that are merged: about as many bytes as arrive in the time that a request takes.
const MAX_GAP: u64 = 1 << 20;

/// Maximum length of merged ranges: several concurrent requests are faster than one, and the bytes are held in memory.
/// A single range may be longer.
const MAX_FETCH: u64 = 32 << 20;

/// Bytes between ranges that a request may fetch in any case.
const SPARE_BYTES: u64 = 256 << 10;

/// Bytes between ranges that a request may fetch beyond that, for each byte of its ranges.
const SPARE_RATIO: u64 = 3;

/// Ranges that are fetched together.
struct Fetch {
    range: Range<u64>,
    /// Number of bytes that are in a range, and not in a gap between ranges.
    wanted: u64,
}

impl Fetch {
    const fn new(range: Range<u64>) -> Self {
        let wanted = range.end - range.start;
        Self { range, wanted }
    }

    /// Adds a range that begins no earlier, if that is better than another request.
    const fn extend(&mut self, range: &Range<u64>) -> bool {
        let len = self.range.end - self.range.start;
        if range.end <= self.range.end {
            return true;
        }
        let gap = range.start.saturating_sub(self.range.end);
        let added = range.end - self.range.end;
        let wanted = self.wanted + added - gap;
        let gaps = len + added - wanted;
        let spare = SPARE_BYTES.saturating_add(wanted.saturating_mul(SPARE_RATIO));
        let is_better = gap <= MAX_GAP && gaps <= spare && len + added <= MAX_FETCH;
        if is_better {
            self.range.end = range.end;
            self.wanted = wanted;
        }
        is_better
    }
}

/// Merges ranges into fetches, sorted by their start. Each range lies within one of them. In each fetch, the gaps
/// between the ranges are at most three times as long as the ranges, plus 256 KiB.
pub(crate) fn coalesce(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut fetches: Vec<Fetch> = Vec::new();
    for range in sorted {
        if !fetches.last_mut().is_some_and(|last| last.extend(&range)) {
            fetches.push(Fetch::new(range));
        }
    }
    fetches.into_iter().map(|fetch| fetch.range).collect()
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
        let cases: [Case<'_>; 9] = [
            (&[], &[]),
            (&[0..1, 2..3, 0..5], &[0..5]),
            (&[10..20, 0..5], &[0..20]),
            (
                &[0..MAX_GAP, 2 * MAX_GAP..2 * MAX_GAP + 1],
                &[0..2 * MAX_GAP + 1],
            ),
            (
                &[0..MAX_GAP, 2 * MAX_GAP + 1..2 * MAX_GAP + 2],
                &[0..MAX_GAP, 2 * MAX_GAP + 1..2 * MAX_GAP + 2],
            ),
            (&[0..1, SPARE_BYTES..SPARE_BYTES + 1], &[0..SPARE_BYTES + 1]),
            (
                &[0..1, SPARE_BYTES + 8..SPARE_BYTES + 9],
                &[0..1, SPARE_BYTES + 8..SPARE_BYTES + 9],
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

    /// Bytes of all ranges, where overlaps count once.
    fn union(ranges: &[Range<u64>]) -> u64 {
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable_by_key(|range| range.start);
        let mut covered = 0;
        let lens = sorted.iter().map(|range| {
            let len = range.end.saturating_sub(range.start.max(covered));
            covered = covered.max(range.end);
            len
        });
        lens.sum()
    }

    fn len(ranges: &[Range<u64>]) -> u64 {
        ranges.iter().map(|range| range.end - range.start).sum()
    }

    #[test]
    fn sparse_ranges_are_fetched_without_the_bytes_between_them() {
        let ranges: Vec<_> = (0..1_000).map(|at| at << 20..(at << 20) + 1).collect();
        assert_eq!(len(&coalesce(&ranges)), 1_000);
    }

    #[test]
    fn ranges_close_to_each_other_are_fetched_together() {
        let ranges: Vec<_> = (0..100)
            .map(|at| at * 100_000..at * 100_000 + 65_536)
            .collect();
        assert_eq!(coalesce(&ranges).len(), 1);
    }

    #[test]
    fn fetched_bytes_are_at_most_four_times_the_wanted_bytes_and_256_kib_a_request() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let (longest, file) = (1 << random.u64(0..22), 1 << random.u64(20..30));
            let ranges: Vec<_> = (0..random.u64(1..300))
                .map(|_| {
                    let start = random.u64(0..file);
                    start..start + random.u64(1..=longest)
                })
                .collect();
            let fetches = coalesce(&ranges);
            let most = 4 * union(&ranges) + SPARE_BYTES * fetches.len() as u64;
            assert!(union(&fetches) <= most, "{ranges:?}");
            for range in &ranges {
                let within =
                    |fetch: &Range<u64>| fetch.start <= range.start && range.end <= fetch.end;
                assert!(fetches.iter().any(within), "{range:?} of {ranges:?}");
            }
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
