//! [`Extents`]: the contiguous ranges of a composition, and the choice of copies that downloads the
//! least.

use std::ops::Range;

use super::plan::ComposedPart;

/// The byte range that one source contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputRange {
    pub(super) len: u64,
    /// The index of the file in B2 and the offset in it; `None` for local data.
    pub(super) stored: Option<(usize, u64)>,
}

/// The sources, with contiguous neighbours merged.
pub(super) struct Extents {
    pub(super) extents: Vec<Extent>,
    /// Prefix sums: the bytes in B2 before each extent, and in total.
    stored_before: Vec<u64>,
}

/// A contiguous range of one file in B2, or of local data.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) range: Range<u64>,
    /// The index of the file in B2 and the offset in it; `None` for local data.
    pub(super) stored: Option<(usize, u64)>,
}

/// A candidate solution whose last copied extent is this one, except for bytes that neighbouring
/// parts need.
#[derive(Debug, Clone, Copy)]
struct Choice {
    /// The bytes downloaded for everything before this extent's copy.
    downloaded: u64,
    /// The bytes at its head that are uploaded with the preceding part.
    head: u64,
    /// The previous copied extent, the index of its choice, and the bytes at that extent's tail
    /// that are uploaded with the following part.
    before: Option<(usize, usize, u64)>,
}

impl Extents {
    pub(super) fn new(inputs: &[InputRange]) -> Self {
        let mut extents: Vec<Extent> = Vec::new();
        let mut at = 0;
        for input in inputs.iter().filter(|input| input.len > 0) {
            let range = at..at + input.len;
            at = range.end;
            match extents.last_mut() {
                Some(last) if last.is_continued_by(input) => last.range.end = range.end,
                _ => extents.push(Extent {
                    range,
                    stored: input.stored,
                }),
            }
        }
        let mut stored = vec![0];
        for extent in &extents {
            let more = extent.stored.map_or(0, |_| extent.len());
            stored.push(stored[stored.len() - 1] + more);
        }
        Self {
            extents,
            stored_before: stored,
        }
    }

    /// Chooses the ranges to copy so that the fewest bytes are downloaded, if parts have at least
    /// `least` bytes.
    ///
    /// Between two copies there is either nothing or an uploaded range of at least that size.
    /// Missing bytes are taken from the tail of the first copy as far as it can spare them, and the
    /// rest from the head of the second. If a copy can't spare enough, uploading it as a whole may
    /// be better. More than two of those in a row are never better: of three, the middle one can be
    /// copied, since its neighbours are large enough to upload.
    pub(super) fn choose_copies(&self, least: u64) -> Vec<Range<u64>> {
        const IN_A_ROW: usize = 2;
        let last = self.extents.len().saturating_sub(1);
        let may_be_copied = |(at, extent): &(usize, &Extent)| {
            extent.stored.is_some() && (extent.len() >= least || *at == last)
        };
        let extents = self.extents.iter().enumerate().filter(may_be_copied);
        let candidates: Vec<usize> = extents.map(|(at, _)| at).collect();
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
            choices.push(pareto_front(found));
        }
        let mut best = (self.stored_before[self.extents.len()], None);
        for number in candidates.len().saturating_sub(IN_A_ROW + 1)..candidates.len() {
            let (_, after) = self.between(Some(candidates[number]), self.extents.len());
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
                &self.extents[candidates[number]].range,
            );
            copied.push(range.start + choice.head..range.end - tail);
            next = choice.before;
        }
        copied.reverse();
        copied
    }

    /// How many bytes of a copy can be uploaded instead, with enough left to copy.
    fn spare(&self, at: usize, last: usize, least: u64) -> u64 {
        let least = if at == last { 1 } else { least };
        self.extents[at].len() - least
    }

    /// The bytes between two extents, and how many of them are in B2.
    fn between(&self, from: Option<usize>, to: usize) -> (u64, u64) {
        let first = from.map_or(0, |from| from + 1);
        let start = |at: usize| match self.extents.get(at) {
            Some(extent) => extent.range.start,
            None => self.len(),
        };
        (
            start(to) - start(first),
            self.stored_before[to] - self.stored_before[first],
        )
    }

    pub(super) fn len(&self) -> u64 {
        self.extents.last().map_or(0, |last| last.range.end)
    }

    /// Splits the copied ranges and the gaps between them into parts.
    pub(super) fn parts(
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
            // As many parts as the part size asks for, but none below the minimum.
            let number = gap.div_ceil(sent).min((gap / least).max(1));
            for range in split_evenly(at..copy.start, number.max(gap.div_ceil(maximum))) {
                parts.push(ComposedPart {
                    downloaded_bytes: self.stored_bytes(&range),
                    range,
                    copied: false,
                });
            }
            for range in split_evenly(copy.clone(), (copy.end - copy.start).div_ceil(maximum)) {
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

    /// How many bytes of this range are in B2.
    pub(super) fn stored_bytes(&self, range: &Range<u64>) -> u64 {
        let before = |at: u64| {
            let number = self
                .extents
                .partition_point(|extent| extent.range.end <= at);
            let begun = self.extents.get(number).filter(|it| it.stored.is_some());
            self.stored_before[number] + begun.map_or(0, |extent| at - extent.range.start)
        };
        before(range.end) - before(range.start)
    }
}

impl Extent {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn is_continued_by(&self, input: &InputRange) -> bool {
        match (self.stored, input.stored) {
            (None, None) => true,
            (Some((file, start)), Some((other, next))) => {
                file == other && start.checked_add(self.len()) == Some(next)
            }
            _ => false,
        }
    }
}

/// The Pareto-optimal choices by bytes downloaded and bytes taken from the head, at most 64.
fn pareto_front(mut choices: Vec<Choice>) -> Vec<Choice> {
    const MAX_CHOICES: usize = 64;
    choices.sort_by_key(|choice| (choice.downloaded, choice.head));
    let mut least = u64::MAX;
    choices.retain(|choice| {
        let better = choice.head < least;
        least = least.min(choice.head);
        better
    });
    choices.truncate(MAX_CHOICES);
    choices
}

/// Splits a range into `number` ranges whose lengths differ by at most one byte.
fn split_evenly(range: Range<u64>, number: u64) -> impl Iterator<Item = Range<u64>> {
    let len = u128::from(range.end - range.start);
    let number = if len == 0 { 0 } else { number };
    let at = move |n: u64| range.start + (len * u128::from(n) / u128::from(number.max(1))) as u64;
    (0..number).map(move |n| at(n)..at(n + 1))
}
