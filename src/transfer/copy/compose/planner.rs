//! The planner: decides which parts of a composition are copied and which are uploaded. Pure
//! functions.
//!
//! A part is either copied, and is then a byte range of one file in B2; or uploaded, after
//! downloading any bytes of it that are in B2. Every part but the last has a minimum size. So a
//! short source is uploaded together with its neighbours, and if these are copied, just enough of
//! their bytes are downloaded and uploaded instead. Of all possible plans, the one that downloads
//! the fewest bytes is chosen.

use super::extents::{Extents, InputRange};
use super::plan::ComposePlan;
use crate::error::Error;
use crate::types::MAX_FILE;

/// The limits on the size and number of parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLimits {
    pub(super) minimum: u64,
    pub(super) maximum: u64,
    /// The preferred size of an uploaded part.
    pub(super) preferred: u64,
    /// The maximum number of parts.
    pub(super) parts: usize,
}

/// Plans the parts.
pub(super) fn plan(inputs: &[InputRange], limits: PartLimits) -> Result<ComposePlan, Error> {
    let len = inputs
        .iter()
        .try_fold(0_u64, |len, input| len.checked_add(input.len));
    let Some(len) = len.filter(|len| *len <= MAX_FILE) else {
        return Err(Error::invalid(format!(
            "the sources have more than {MAX_FILE} bytes in total, the maximum of a large file"
        )));
    };
    let extents = Extents::new(inputs);
    // If there would be too many parts, upload short copies together instead, the shortest first.
    // With parts of at least this size there are never too many.
    let enough = len.div_ceil(limits.parts.max(2) as u64 - 1);
    let mut least = limits.minimum;
    loop {
        let copied = extents.choose_copies(least);
        // A server's part size must not make for more parts than a file may have.
        let copied_len: u64 = copied.iter().map(|copy| copy.end - copy.start).sum();
        let mut sent = limits
            .preferred
            .max((len - copied_len).div_ceil(limits.parts.max(1) as u64));
        loop {
            let parts = extents.parts(&copied, least, sent, limits.maximum);
            if parts.len() <= limits.parts {
                return Ok(ComposePlan { parts });
            }
            if sent >= limits.maximum {
                break;
            }
            sent = sent.saturating_mul(2).min(limits.maximum);
        }
        if least >= enough {
            let minimum = limits.minimum;
            return Err(Error::invalid(format!(
                "the sources can't be divided into parts of {minimum} to {} bytes, at most {} of \
                 them",
                limits.maximum, limits.parts
            )));
        }
        least = least.saturating_mul(2).min(enough);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::extents::Extent;
    use super::*;

    const LIMITS: PartLimits = PartLimits {
        minimum: 10,
        maximum: 1_000,
        preferred: 100,
        parts: 10_000,
    };

    /// Parses inputs: `L5` is five local bytes, `A7` the next seven bytes of file A.
    fn inputs(text: &str) -> Vec<InputRange> {
        let mut at = [0_u64; 128];
        let inputs = text.split_whitespace().map(|word| {
            let (file, len) = word.split_at(1);
            let (file, len) = (usize::from(file.as_bytes()[0]), len.parse().unwrap());
            // Skip a byte, so that ranges are not contiguous, unless there is a `+`: `A5 A+5`.
            let stored = (file != usize::from(b'L')).then(|| {
                at[file] += u64::from(!word.contains('+'));
                let start = at[file];
                at[file] += len;
                (file, start)
            });
            InputRange { len, stored }
        });
        inputs.collect()
    }

    /// Formats a plan: `C` is copied, `U` uploaded, with the downloaded bytes in parentheses.
    fn shown(plan: &ComposePlan) -> String {
        let parts = plan.parts.iter().map(|part| match part {
            part if part.copied => format!("C{}", part.len()),
            part if part.downloaded_bytes > 0 => {
                format!("U{}({})", part.len(), part.downloaded_bytes)
            }
            part => format!("U{}", part.len()),
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tiny_part_size_of_a_server_makes_no_more_parts_than_a_file_may_have() {
        let limits = PartLimits {
            minimum: 1,
            maximum: 5_000_000_000,
            preferred: 1,
            parts: 10_000,
        };
        let plan = plan(&inputs("L1000000000 A500 L1000000000"), limits).unwrap();
        assert!(plan.parts.len() <= 10_000);
        assert_eq!(
            plan.parts.iter().map(|part| part.len()).sum::<u64>(),
            2_000_000_500
        );
    }

    #[test]
    fn long_sources_are_copied_and_short_ones_borrow_from_their_neighbours() {
        for (sources, expected) in [
            ("", ""),
            ("L0 A0", ""),
            // As a single part.
            ("L5", "U5"),
            ("A5", "C5"),
            ("A500", "C500"),
            ("A5 L3", "U8(5)"),
            // Appending: the last part may be small.
            ("A500 L3", "C500 U3"),
            ("A500 B3", "C500 C3"),
            ("A500 L3 B3", "C500 U6(3)"),
            ("A5 L300", "U76(5) U76 U76 U77"),
            // Before a file, and within.
            ("L3 A500", "U10(7) C493"),
            ("A100 L3 A400", "C93 U10(7) C400"),
            ("A12 L3 A400", "C10 U10(7) C395"),
            ("A10 L3 B10", "C10 U10(7) C3"),
            ("A10 L3 B10 L9", "C10 U22(10)"),
            ("A50 L10 B50", "C50 U10 C50"),
            ("A50 B3 C50", "C43 U10(10) C50"),
            // Contiguous ranges of one file are merged.
            ("A4 A+4 A+4 L1", "C12 U1"),
            ("A4 A4 A4 L1", "U13(12)"),
            // Parts are split at the maximum size.
            ("A1001", "C500 C501"),
            ("L250", "U83 U83 U84"),
            ("A500 L105 A400", "C500 U52 U53 C400"),
            ("A2500 L3", "C833 C833 C834 U3"),
        ] {
            let plan = plan(&inputs(sources), LIMITS).unwrap();
            assert_eq!(shown(&plan), expected, "{sources}");
        }
    }

    #[test]
    fn a_plan_sums_copied_uploaded_and_downloaded_bytes() {
        let plan = plan(&inputs("A100 L3 A400"), LIMITS).unwrap();
        assert_eq!(plan.copied_bytes(), 493);
        assert_eq!(plan.uploaded_bytes(), 10);
        assert_eq!(plan.downloaded_bytes(), 7);
    }

    #[test]
    fn too_many_short_copies_are_sent_together_within_the_limits() {
        let limits = PartLimits {
            parts: 100,
            ..LIMITS
        };
        let short = "A10 ".repeat(150);
        let plan_of = |sources: &str| plan(&inputs(sources), limits).unwrap();
        let plan = plan_of(&short);
        assert!(plan.parts.len() <= 100, "{}", shown(&plan));
        // Long sources are still copied.
        let mixed = plan_of(&format!("B900 {short} C900"));
        assert!(mixed.parts.len() <= 100);
        assert_eq!(mixed.copied_bytes(), 1_800);
        // Larger uploaded parts don't require downloads.
        let sent = plan_of("A900 L50000 B900");
        assert_eq!((sent.copied_bytes(), sent.downloaded_bytes()), (1_800, 0));
        assert!(sent.parts.len() <= 100);
        assert!(super::plan(&inputs("A100001"), limits).is_err());
        let huge = InputRange {
            len: MAX_FILE,
            stored: None,
        };
        assert!(super::plan(&[huge, huge], LIMITS).is_err());
        assert!(
            super::plan(
                &[InputRange {
                    len: u64::MAX,
                    ..huge
                }; 2],
                LIMITS
            )
            .is_err()
        );
    }

    #[test]
    fn a_plan_with_the_most_sources_of_real_sizes_is_made_quickly() {
        let limits = PartLimits {
            minimum: 5_000_000,
            maximum: 5_000_000_000,
            preferred: 100_000_000,
            parts: 10_000,
        };
        let sources: Vec<_> = (0..100_000_u64)
            .map(|n| InputRange {
                len: 1 + n * 7_919 % 9_000_000,
                stored: (n % 3 > 0).then_some((n as usize, 0)),
            })
            .collect();
        let plan = plan(&sources, limits).unwrap();
        assert!(plan.parts.len() <= 10_000);
        let len: u64 = sources.iter().map(|source| source.len).sum();
        assert_eq!(plan.copied_bytes() + plan.uploaded_bytes(), len);
    }

    /// The minimum number of downloaded bytes, by brute force.
    fn least(extents: &Extents, minimum: u64) -> u64 {
        let len = extents.len() as usize;
        let mut best = vec![u64::MAX; len + 1];
        best[0] = 0;
        for end in 1..=len {
            for start in 0..end {
                let range = start as u64..end as u64;
                let size = range.end - range.start;
                if best[start] == u64::MAX || (size < minimum && end < len) {
                    continue;
                }
                let within = |extent: &Extent| {
                    extent.range.start <= range.start && range.end <= extent.range.end
                };
                let copied = extents
                    .extents
                    .iter()
                    .any(|extent| extent.stored.is_some() && within(extent));
                let cost = if copied {
                    0
                } else {
                    extents.stored_bytes(&range)
                };
                best[end] = best[end].min(best[start] + cost);
            }
        }
        best[len]
    }

    fn any_input() -> impl Strategy<Value = InputRange> {
        let stored = prop_oneof![
            2 => Just(None),
            3 => (0_usize..3, prop_oneof![Just(0_u64), 0_u64..1_000]).prop_map(Some),
        ];
        let len = prop_oneof![3 => 0_u64..8, 3 => 4_u64..20, 1 => 20_u64..60];
        (len, stored).prop_map(|(len, stored)| InputRange { len, stored })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn parts_cover_the_file_respect_the_limits_and_download_the_least(
            inputs in prop::collection::vec(any_input(), 0..14),
            minimum in 1_u64..9,
            sent in 9_u64..40,
        ) {
            let preferred = sent.min(20);
            let limits = PartLimits { minimum, maximum: 20, preferred, parts: 10_000 };
            let plan = plan(&inputs, limits).unwrap();
            let extents = Extents::new(&inputs);
            let mut at = 0;
            for (number, part) in plan.parts.iter().enumerate() {
                prop_assert_eq!(part.range.start, at);
                at = part.range.end;
                let last = number + 1 == plan.parts.len();
                prop_assert!(part.len() >= if last { 1 } else { minimum }, "{:?}", plan);
                prop_assert!(part.len() <= 20, "{:?}", plan);
                let within = extents.extents.iter().any(|extent| {
                    extent.stored.is_some()
                        && extent.range.start <= part.range.start
                        && part.range.end <= extent.range.end
                });
                prop_assert!(within || !part.copied);
                let downloaded = if part.copied { 0 } else { extents.stored_bytes(&part.range) };
                prop_assert_eq!(part.downloaded_bytes, downloaded);
            }
            prop_assert_eq!(at, extents.len());
            prop_assert_eq!(plan.downloaded_bytes(), least(&extents, minimum));
        }

        #[test]
        fn plans_never_exceed_the_part_limit(
            inputs in prop::collection::vec(any_input(), 0..60),
            parts in 2_usize..10,
        ) {
            let limits = PartLimits { minimum: 5, maximum: 100_000, preferred: 20, parts };
            let plan = plan(&inputs, limits).unwrap();
            prop_assert!(plan.parts.len() <= parts, "{:?}", plan);
            for part in plan.parts.iter().rev().skip(1) {
                prop_assert!(part.len() >= 5);
            }
        }
    }
}
