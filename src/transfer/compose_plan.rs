//! How a file is put together of stretches: which are copied where they lie, and which have to be sent. Pure.
//!
//! A part is a stretch of one file in B2, and copied; or it is sent, and what it has of files in B2 is downloaded for it.
//! Every part but the last has a least size. So a short stretch is sent together with its neighbours, and where these are
//! copied, as much of them as is lacking is downloaded and sent instead. Of all ways to do so the one that downloads the
//! least is taken.

use std::ops::Range;

use crate::error::Error;
use crate::types::MAX_FILE;

/// A stretch of the file that comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) len: u64,
    /// Which file in B2 it is of, by a number of the caller's, and where it begins there; `None` if it is not in B2.
    pub(super) there: Option<(usize, u64)>,
}

/// What a part may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) minimum: u64,
    pub(super) maximum: u64,
    /// What a part that is sent should have.
    pub(super) sent: u64,
    /// How many there may be.
    pub(super) parts: usize,
}

/// How a file would be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposePlan {
    /// Its parts, in order. A single one is no part, but a file in one piece; an empty file has none.
    pub parts: Vec<ComposedPart>,
}

/// A part of a composed file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposedPart {
    /// The stretch of the new file that it is.
    pub range: Range<u64>,
    /// Whether B2 copies it. Otherwise it is sent.
    pub copied: bool,
    /// The bytes of it that have to be downloaded before they can be sent.
    pub downloaded_bytes: u64,
}

impl ComposedPart {
    pub(super) const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl ComposePlan {
    /// The bytes that B2 copies.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        let copied = self.parts.iter().filter(|part| part.copied);
        copied.map(ComposedPart::len).sum()
    }

    /// The bytes that are sent: those that are not in B2, and those that are downloaded.
    #[must_use]
    pub fn uploaded_bytes(&self) -> u64 {
        let sent = self.parts.iter().filter(|part| !part.copied);
        sent.map(ComposedPart::len).sum()
    }

    /// The bytes that are downloaded to be sent again, since they are too few for a part or lie beside too few.
    #[must_use]
    pub fn downloaded_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.downloaded_bytes).sum()
    }
}

/// Plans it.
pub(super) fn plan(stretches: &[Stretch], limits: Limits) -> Result<ComposePlan, Error> {
    let len = stretches
        .iter()
        .try_fold(0_u64, |len, stretch| len.checked_add(stretch.len));
    let Some(len) = len.filter(|len| *len <= MAX_FILE) else {
        return Err(Error::invalid(format!(
            "the pieces have more than the {MAX_FILE} bytes together that a large file can have"
        )));
    };
    let segments = Segments::new(stretches);
    // Where there would be too many parts, short copies are sent together instead, the shortest first. Parts of this
    // size are never too many.
    let enough = len.div_ceil(limits.parts.max(2) as u64 - 1);
    let mut least = limits.minimum;
    loop {
        let copied = segments.copied(least);
        let mut sent = limits.sent;
        loop {
            let parts = segments.parts(&copied, least, sent, limits.maximum);
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
                "the pieces can't be cut into parts of {minimum} to {} bytes, not more than {}",
                limits.maximum, limits.parts
            )));
        }
        least = least.saturating_mul(2).min(enough);
    }
}

/// What lies beside each other and is of one kind, as one.
struct Segments {
    segments: Vec<Segment>,
    /// The bytes that are in B2, before each segment and after the last.
    there: Vec<u64>,
}

#[derive(Debug)]
struct Segment {
    range: Range<u64>,
    /// Where in which file it begins.
    there: Option<(usize, u64)>,
}

/// A segment that is copied, but for what the parts beside it need of it.
#[derive(Debug, Clone, Copy)]
struct Choice {
    /// What all so far makes us download.
    downloaded: u64,
    /// The bytes at its head that are sent with what comes before.
    head: u64,
    /// The segment that is copied before it, which of its choices, and the bytes at its tail that are sent with what comes
    /// after.
    before: Option<(usize, usize, u64)>,
}

impl Segments {
    fn new(stretches: &[Stretch]) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        let mut at = 0;
        for stretch in stretches.iter().filter(|stretch| stretch.len > 0) {
            let range = at..at + stretch.len;
            at = range.end;
            match segments.last_mut() {
                Some(last) if last.goes_on_with(stretch) => last.range.end = range.end,
                _ => segments.push(Segment {
                    range,
                    there: stretch.there,
                }),
            }
        }
        let mut there = vec![0];
        for segment in &segments {
            let more = segment.there.map_or(0, |_| segment.len());
            there.push(there[there.len() - 1] + more);
        }
        Self { segments, there }
    }

    /// What is copied if parts have at least `least` bytes: the choice that downloads the least.
    ///
    /// Between two copies is nothing, or something to send that has at least so many bytes; what it lacks is taken from the
    /// tail of the first copy as far as that can spare it, and else from the head of the second. A copy that can't spare
    /// enough may be better sent as a whole. More than two of those in a row are never better: the middle one of three
    /// can be copied, since those beside it are enough to send.
    fn copied(&self, least: u64) -> Vec<Range<u64>> {
        const IN_A_ROW: usize = 2;
        let last = self.segments.len().saturating_sub(1);
        let may_be_copied = |(at, segment): &(usize, &Segment)| {
            segment.there.is_some() && (segment.len() >= least || *at == last)
        };
        let segments = self.segments.iter().enumerate().filter(may_be_copied);
        let candidates: Vec<usize> = segments.map(|(at, _)| at).collect();
        let mut choices: Vec<Vec<Choice>> = Vec::with_capacity(candidates.len());
        for (number, &at) in candidates.iter().enumerate() {
            let mut found = Vec::new();
            let spare = self.spare(at, last, least);
            let mut add = |from, spared: u64, downloaded, before: Option<(usize, usize)>| {
                let (core, inside) = self.between(from, at);
                let lacking = if core == 0 {
                    0
                } else {
                    least.saturating_sub(core)
                };
                let tail = lacking.min(spared);
                let head = lacking - tail;
                if head <= spare {
                    found.push(Choice {
                        downloaded: downloaded + inside + lacking,
                        head,
                        before: before.map(|(number, which)| (number, which, tail)),
                    });
                }
            };
            add(None, 0, 0, None);
            for earlier in number.saturating_sub(IN_A_ROW + 1)..number {
                let from = candidates[earlier];
                for (which, choice) in choices[earlier].iter().enumerate() {
                    let spared = self.spare(from, last, least) - choice.head;
                    add(
                        Some(from),
                        spared,
                        choice.downloaded,
                        Some((earlier, which)),
                    );
                }
            }
            choices.push(undominated(found));
        }
        let mut best = (self.there[self.segments.len()], None);
        for number in candidates.len().saturating_sub(IN_A_ROW + 1)..candidates.len() {
            let (_, after) = self.between(Some(candidates[number]), self.segments.len());
            for (which, choice) in choices[number].iter().enumerate() {
                let downloaded = choice.downloaded + after;
                if downloaded < best.0 {
                    best = (downloaded, Some((number, which, 0)));
                }
            }
        }
        let mut copied = Vec::new();
        let mut next = best.1;
        while let Some((number, which, tail)) = next {
            let (choice, range) = (
                choices[number][which],
                &self.segments[candidates[number]].range,
            );
            copied.push(range.start + choice.head..range.end - tail);
            next = choice.before;
        }
        copied.reverse();
        copied
    }

    /// How many bytes of a copy can be sent instead, so that enough are left to be copied.
    fn spare(&self, at: usize, last: usize, least: u64) -> u64 {
        let least = if at == last { 1 } else { least };
        self.segments[at].len() - least
    }

    /// The bytes between two segments, and those of them that are in B2.
    fn between(&self, from: Option<usize>, to: usize) -> (u64, u64) {
        let first = from.map_or(0, |from| from + 1);
        let start = |at: usize| match self.segments.get(at) {
            Some(segment) => segment.range.start,
            None => self.len(),
        };
        (start(to) - start(first), self.there[to] - self.there[first])
    }

    fn len(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.range.end)
    }

    /// Cuts what is copied and what lies between into parts.
    fn parts(
        &self,
        copied: &[Range<u64>],
        least: u64,
        sent: u64,
        maximum: u64,
    ) -> Vec<ComposedPart> {
        let mut parts = Vec::new();
        let mut at = 0;
        let end = self.len()..self.len();
        for copy in copied.iter().chain([&end]) {
            let gap = copy.start - at;
            // As many as the size asks for, but none of them too small.
            let number = gap.div_ceil(sent).min((gap / least).max(1));
            for range in evenly(at..copy.start, number.max(gap.div_ceil(maximum))) {
                parts.push(ComposedPart {
                    downloaded_bytes: self.in_b2(&range),
                    range,
                    copied: false,
                });
            }
            for range in evenly(copy.clone(), (copy.end - copy.start).div_ceil(maximum)) {
                parts.push(ComposedPart {
                    range,
                    copied: true,
                    downloaded_bytes: 0,
                });
            }
            at = copy.end;
        }
        parts
    }

    /// The bytes of this stretch that are in B2.
    fn in_b2(&self, range: &Range<u64>) -> u64 {
        let before = |at: u64| {
            let number = self
                .segments
                .partition_point(|segment| segment.range.end <= at);
            let begun = self.segments.get(number).filter(|it| it.there.is_some());
            self.there[number] + begun.map_or(0, |segment| at - segment.range.start)
        };
        before(range.end) - before(range.start)
    }
}

impl Segment {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn goes_on_with(&self, stretch: &Stretch) -> bool {
        match (self.there, stretch.there) {
            (None, None) => true,
            (Some((file, start)), Some((other, next))) => {
                file == other && start.checked_add(self.len()) == Some(next)
            }
            _ => false,
        }
    }
}

/// Those of which none is as good in both: what was downloaded, and what is left to spare.
fn undominated(mut choices: Vec<Choice>) -> Vec<Choice> {
    const ENOUGH: usize = 64;
    choices.sort_by_key(|choice| (choice.downloaded, choice.head));
    let mut least = u64::MAX;
    choices.retain(|choice| {
        let better = choice.head < least;
        least = least.min(choice.head);
        better
    });
    choices.truncate(ENOUGH);
    choices
}

/// So many stretches, none of which has more than a byte more than another.
fn evenly(range: Range<u64>, number: u64) -> impl Iterator<Item = Range<u64>> {
    let len = u128::from(range.end - range.start);
    let number = if len == 0 { 0 } else { number };
    let at = move |n: u64| range.start + (len * u128::from(n) / u128::from(number.max(1))) as u64;
    (0..number).map(move |n| at(n)..at(n + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        minimum: 10,
        maximum: 1_000,
        sent: 100,
        parts: 10_000,
    };

    /// `L5` is five bytes from here, `A7` seven of the file A, after those of A before.
    fn stretches(text: &str) -> Vec<Stretch> {
        let mut at = [0_u64; 128];
        let stretches = text.split_whitespace().map(|word| {
            let (file, len) = word.split_at(1);
            let (file, len) = (usize::from(file.as_bytes()[0]), len.parse().unwrap());
            // A byte is left out between, unless a `+` says that they are one: `A5 A+5`.
            let there = (file != usize::from(b'L')).then(|| {
                at[file] += u64::from(!word.contains('+'));
                let start = at[file];
                at[file] += len;
                (file, start)
            });
            Stretch { len, there }
        });
        stretches.collect()
    }

    /// `C` is copied, `U` sent; behind it what of it is downloaded.
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
    fn what_can_be_copied_is_and_short_pieces_borrow_from_their_neighbours() {
        for (pieces, expected) in [
            ("", ""),
            ("L0 A0", ""),
            // In one piece.
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
            // What is one stretch of one file is one.
            ("A4 A+4 A+4 L1", "C12 U1"),
            ("A4 A4 A4 L1", "U13(12)"),
            // Not more than a part can have.
            ("A1001", "C500 C501"),
            ("L250", "U83 U83 U84"),
            ("A500 L105 A400", "C500 U52 U53 C400"),
            ("A2500 L3", "C833 C833 C834 U3"),
        ] {
            let plan = plan(&stretches(pieces), LIMITS).unwrap();
            assert_eq!(shown(&plan), expected, "{pieces}");
        }
    }

    #[test]
    fn the_plan_says_what_goes_which_way() {
        let plan = plan(&stretches("A100 L3 A400"), LIMITS).unwrap();
        assert_eq!(plan.copied_bytes(), 493);
        assert_eq!(plan.uploaded_bytes(), 10);
        assert_eq!(plan.downloaded_bytes(), 7);
    }

    #[test]
    fn too_many_short_copies_are_sent_together_and_nothing_is_larger_than_there_can_be() {
        let limits = Limits {
            parts: 100,
            ..LIMITS
        };
        let short = "A10 ".repeat(150);
        let plan_of = |pieces: &str| plan(&stretches(pieces), limits).unwrap();
        let plan = plan_of(&short);
        assert!(plan.parts.len() <= 100, "{}", shown(&plan));
        // What is long enough is still copied.
        let mixed = plan_of(&format!("B900 {short} C900"));
        assert!(mixed.parts.len() <= 100);
        assert_eq!(mixed.copied_bytes(), 1_800);
        // Larger parts to send cost nothing.
        let sent = plan_of("A900 L50000 B900");
        assert_eq!((sent.copied_bytes(), sent.downloaded_bytes()), (1_800, 0));
        assert!(sent.parts.len() <= 100);
        assert!(super::plan(&stretches("A100001"), limits).is_err());
        let huge = Stretch {
            len: MAX_FILE,
            there: None,
        };
        assert!(super::plan(&[huge, huge], LIMITS).is_err());
        assert!(
            super::plan(
                &[Stretch {
                    len: u64::MAX,
                    ..huge
                }; 2],
                LIMITS
            )
            .is_err()
        );
    }

    #[test]
    fn a_plan_of_real_sizes_with_as_many_pieces_as_there_can_be_is_made_at_once() {
        let limits = Limits {
            minimum: 5_000_000,
            maximum: 5_000_000_000,
            sent: 100_000_000,
            parts: 10_000,
        };
        let pieces: Vec<_> = (0..100_000_u64)
            .map(|n| Stretch {
                len: 1 + n * 7_919 % 9_000_000,
                there: (n % 3 > 0).then_some((n as usize, 0)),
            })
            .collect();
        let plan = plan(&pieces, limits).unwrap();
        assert!(plan.parts.len() <= 10_000);
        let len: u64 = pieces.iter().map(|piece| piece.len).sum();
        assert_eq!(plan.copied_bytes() + plan.uploaded_bytes(), len);
    }

    /// The least that has to be downloaded, by trying every place to cut.
    fn least(segments: &Segments, minimum: u64) -> u64 {
        let len = segments.len() as usize;
        let mut best = vec![u64::MAX; len + 1];
        best[0] = 0;
        for end in 1..=len {
            for start in 0..end {
                let range = start as u64..end as u64;
                let size = range.end - range.start;
                if best[start] == u64::MAX || (size < minimum && end < len) {
                    continue;
                }
                let within = |segment: &Segment| {
                    segment.range.start <= range.start && range.end <= segment.range.end
                };
                let copied = segments
                    .segments
                    .iter()
                    .any(|segment| segment.there.is_some() && within(segment));
                let cost = if copied { 0 } else { segments.in_b2(&range) };
                best[end] = best[end].min(best[start] + cost);
            }
        }
        best[len]
    }

    fn any_stretch() -> impl Strategy<Value = Stretch> {
        let there = prop_oneof![
            2 => Just(None),
            3 => (0_usize..3, prop_oneof![Just(0_u64), 0_u64..1_000]).prop_map(Some),
        ];
        let len = prop_oneof![3 => 0_u64..8, 3 => 4_u64..20, 1 => 20_u64..60];
        (len, there).prop_map(|(len, there)| Stretch { len, there })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn parts_cover_the_file_obey_the_limits_and_download_the_least_there_is(
            stretches in prop::collection::vec(any_stretch(), 0..14),
            minimum in 1_u64..9,
            sent in 9_u64..40,
        ) {
            let limits = Limits { minimum, maximum: 20, sent: sent.min(20), parts: 10_000 };
            let plan = plan(&stretches, limits).unwrap();
            let segments = Segments::new(&stretches);
            let mut at = 0;
            for (number, part) in plan.parts.iter().enumerate() {
                prop_assert_eq!(part.range.start, at);
                at = part.range.end;
                let last = number + 1 == plan.parts.len();
                prop_assert!(part.len() >= if last { 1 } else { minimum }, "{:?}", plan);
                prop_assert!(part.len() <= 20, "{:?}", plan);
                let within = segments.segments.iter().any(|segment| {
                    segment.there.is_some()
                        && segment.range.start <= part.range.start
                        && part.range.end <= segment.range.end
                });
                prop_assert!(within || !part.copied);
                let downloaded = if part.copied { 0 } else { segments.in_b2(&part.range) };
                prop_assert_eq!(part.downloaded_bytes, downloaded);
            }
            prop_assert_eq!(at, segments.len());
            prop_assert_eq!(plan.downloaded_bytes(), least(&segments, minimum));
        }

        #[test]
        fn there_are_never_more_parts_than_allowed(
            stretches in prop::collection::vec(any_stretch(), 0..60),
            parts in 2_usize..10,
        ) {
            let limits = Limits { minimum: 5, maximum: 100_000, sent: 20, parts };
            let plan = plan(&stretches, limits).unwrap();
            prop_assert!(plan.parts.len() <= parts, "{:?}", plan);
            for part in plan.parts.iter().rev().skip(1) {
                prop_assert!(part.len() >= 5);
            }
        }
    }
}
