//! [`SecretSearch`]: finds any of many values in a text, plain or encoded, with one pass for each encoding.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::encodings::{self, Escapes, MIN_SEARCH_LENGTH, Unescaped};

/// A search automaton over values, each with a number. Needs about fifty times the memory of the values.
pub(crate) struct SecretSearch {
    /// Values long enough to be searched for in every encoding.
    long: Values,
    /// The long values by their first bytes.
    by_start: BTreeMap<[u8; START], Vec<(Vec<u8>, usize)>>,
    /// Shorter values, which are searched for only plain and escaped.
    short: Values,
}

/// The number of bytes by which values are looked up where they may begin.
const START: usize = 2;

/// A value that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) number: usize,
}

enum Values {
    None,
    Some(AhoCorasick, Vec<usize>),
    /// Too many values for an automaton: every byte counts as a secret.
    TooMany(usize),
}

impl SecretSearch {
    /// Builds the search for these values.
    pub(crate) fn new<'a>(values: impl Iterator<Item = (&'a [u8], usize)>) -> Self {
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (value, number) in values.filter(|(value, _)| !value.is_empty()) {
            if value.len() < MIN_SEARCH_LENGTH {
                short.push((value, number));
            } else {
                long.push((value, number));
            }
        }
        let mut by_start: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (value, number) in &long {
            if let Some(start) = value.first_chunk::<START>() {
                let same = by_start.entry(*start).or_default();
                same.push((value.to_vec(), *number));
            }
        }
        Self {
            long: Values::of(long),
            by_start,
            short: Values::of(short),
        }
    }

    /// Every occurrence of a value: plain, escaped, in base64 or hexadecimal. In order, without overlaps.
    pub(crate) fn find_all(&self, text: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        self.in_text(text, |range| range, &mut found);
        for kinds in Escapes::of(text) {
            if let Some(plain) = Unescaped::of(text, *kinds) {
                self.in_text(&plain.bytes, |range| plain.written(range), &mut found);
            }
            found.extend(self.inside_escapes(text, *kinds));
        }
        merged(found)
    }

    /// The values that begin inside what looks like an escape.
    fn inside_escapes(&self, text: &[u8], kinds: Escapes) -> impl Iterator<Item = Found> {
        let starts = encodings::inside_escapes(text, kinds);
        starts.filter_map(move |start| self.at(text, start, kinds))
    }

    /// The longest value whose escaped form begins here.
    fn at(&self, text: &[u8], start: usize, kinds: Escapes) -> Option<Found> {
        let mut first = kinds.plain_bytes(text, start).map(|(byte, _)| byte);
        let values = self.by_start.get(&[first.next()?, first.next()?])?;
        let ends = values.iter().filter_map(|(value, number)| {
            let mut plain = kinds.plain_bytes(text, start);
            let mut end = start;
            for byte in value {
                let (found, after) = plain.next()?;
                if found != *byte {
                    return None;
                }
                end = after;
            }
            Some((end, *number))
        });
        let (end, number) = ends.max_by_key(|(end, _)| *end)?;
        Some(Found {
            range: start..end,
            number,
        })
    }

    fn in_text(
        &self,
        text: &[u8],
        place: impl Fn(Range<usize>) -> Range<usize>,
        found: &mut Vec<Found>,
    ) {
        for values in [&self.long, &self.short] {
            let matches = values.matches(text);
            found.extend(matches.map(|(range, number)| Found {
                range: place(range),
                number,
            }));
        }
        if let Values::None = self.long {
            return;
        }
        encodings::each_decoded(text, |decoded| {
            let matches = self.long.matches(decoded.bytes);
            found.extend(matches.map(|(range, number)| Found {
                range: place(decoded.written(range)),
                number,
            }));
            None::<()>
        });
    }

    /// A value that the text contains: plain, escaped any number of times, in base64 or hexadecimal.
    pub(crate) fn any(&self, text: &[u8]) -> Option<usize> {
        if let Values::None = self.long {
            return None;
        }
        let any = |bytes: &[u8]| self.long.matches(bytes).next().map(|(_, number)| number);
        let inside = |text: &[u8]| {
            let ways = Escapes::of(text).iter();
            let mut found = ways.flat_map(|kinds| self.inside_escapes(text, *kinds));
            found.next().map(|found| found.number)
        };
        encodings::each_unescaped(text, &mut |text: &[u8]| {
            let plain = any(text).or_else(|| inside(text));
            plain.or_else(|| encodings::each_decoded(text, |decoded| any(decoded.bytes)))
        })
    }
}

impl Values {
    fn of(values: Vec<(&[u8], usize)>) -> Self {
        let Some((_, first)) = values.first() else {
            return Self::None;
        };
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // A DFA of a long value would need hundreds of times its memory.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(values.iter().map(|(value, _)| value));
        match built {
            Ok(automaton) => Self::Some(automaton, values.iter().map(|it| it.1).collect()),
            Err(_) => Self::TooMany(*first),
        }
    }

    fn matches<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (Range<usize>, usize)> + 'a {
        let (known, all) = match self {
            Self::None => (None, None),
            Self::Some(automaton, numbers) => (Some((automaton.find_iter(text), numbers)), None),
            Self::TooMany(number) => (None, Some((0..text.len(), *number))),
        };
        let known = known.into_iter().flat_map(|(matches, numbers)| {
            matches.map(|found| (found.range(), numbers[found.pattern().as_usize()]))
        });
        known.chain(all)
    }
}

/// Merges overlapping ranges: the number is that of the one that begins first, and of those the longest.
fn merged(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    for found in found {
        match merged.last_mut() {
            // No part of the other value may remain.
            Some(last) if found.range.start < last.range.end => {
                last.range.end = last.range.end.max(found.range.end);
            }
            _ => merged.push(found),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_matches_are_merged() {
        let search =
            SecretSearch::new([(&b"abcdef"[..], 0), (b"def", 1), (b"xyz1", 2)].into_iter());
        let found = search.find_all(b"-abcdef-def-xyz1-");
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.range.clone(), it.number))
            .collect();
        assert_eq!(shown, [(1..7, 0), (8..11, 1), (12..16, 2)]);
        let one = |range, number| Found { range, number };
        let cross = vec![one(5..9, 1), one(0..6, 0), one(9..10, 2)];
        assert_eq!(merged(cross), [one(0..9, 0), one(9..10, 2)]);
    }

    #[test]
    fn a_value_that_looks_like_an_escape_is_found_in_escaped_text() {
        let value = br#"a\/b%25c"#;
        let search = SecretSearch::new([(&value[..], 0)].into_iter());
        for text in [
            r#"<a\\/b%25c>"#,
            r"<a\/b%2525c>",
            r"<a%5C%2Fb%2525c>",
            r"<a\u005c\u002fb\u0025\u0032\u0035c>",
        ] {
            let found = search.find_all(text.as_bytes());
            let whole = [Found {
                range: 1..text.len() - 1,
                number: 0,
            }];
            assert_eq!(found, whole, "{text}");
            assert_eq!(search.any(text.as_bytes()), Some(0), "{text}");
        }
    }

    #[test]
    fn a_value_is_found_where_the_text_before_it_completes_an_escape() {
        let value = b"3/a+\"quoted\"";
        let search = SecretSearch::new([(&value[..], 0)].into_iter());
        for (before, written) in [
            ("%d", "3%2Fa%2b%22quoted%22"),
            ("%", "3%2Fa%2b%22quoted%22"),
            (r"\", r#"\u0033\/a\u002b\"quoted\""#),
        ] {
            let text = format!("{before}{written}.");
            let found = search.find_all(text.as_bytes());
            let whole = [Found {
                range: before.len()..text.len() - 1,
                number: 0,
            }];
            assert_eq!(found, whole, "{text}");
            assert_eq!(search.any(text.as_bytes()), Some(0), "{text}");
        }
    }

    #[test]
    fn with_too_many_values_everything_is_a_secret() {
        let search = SecretSearch {
            long: Values::TooMany(3),
            by_start: BTreeMap::new(),
            short: Values::None,
        };
        assert_eq!(
            search.find_all(b"text")[0],
            Found {
                range: 0..4,
                number: 3
            }
        );
        assert_eq!(search.any(b"text"), Some(3));
    }
}
