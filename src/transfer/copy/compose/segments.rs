//! Which bytes of a composition are copied where they lie: the choice that downloads the least.

use std::ops::Range;

use super::plan::ComposedPart;

/// A stretch of the file that comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) len: u64,
    /// Which file in B2 it is of, by a number of the caller's, and where it begins there; `None` if it is not in B2.
    pub(super) there: Option<(usize, u64)>,
}

/// What lies beside each other and is of one kind, as one.
pub(super) struct Segments {
    pub(super) segments: Vec<Segment>,
    /// The bytes that are in B2, before each segment and after the last.
    there: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) range: Range<u64>,
    /// Where in which file it begins.
    pub(super) there: Option<(usize, u64)>,
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
    pub(super) fn new(stretches: &[Stretch]) -> Self {
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
    pub(super) fn copied(&self, least: u64) -> Vec<Range<u64>> {
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

    pub(super) fn len(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.range.end)
    }

    /// Cuts what is copied and what lies between into parts.
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
    pub(super) fn in_b2(&self, range: &Range<u64>) -> u64 {
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
