//! [`Payload`]: bytes in memory, in chunks.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use b2kit::transfer::Source;
use b2kit::{Body, BodyStream};
use bytes::Bytes;
use futures_util::stream;

/// Bytes in memory, in chunks. Clones are cheap.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    chunks: Arc<[Bytes]>,
    len: u64,
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let chunks: Arc<[Bytes]> = chunks
            .into_iter()
            .filter(|chunk| !chunk.is_empty())
            .collect();
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, len }
    }
}

impl Payload {
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// An upload source, without copying.
    pub(crate) fn source(&self) -> Source {
        match &*self.chunks {
            [] => Source::bytes(Bytes::new()),
            [only] => Source::bytes(only.clone()),
            _ => {
                let payload = self.clone();
                Source::ranges(self.len, move |range| {
                    Ok(stream::iter(payload.slices(range).into_iter().map(Ok)))
                })
            }
        }
    }

    /// A request body, without copying.
    pub(crate) fn body(&self) -> Body {
        match &*self.chunks {
            [only] => only.clone().into(),
            _ => {
                let payload = self.clone();
                Body::replay(self.len, move || {
                    let chunks = payload
                        .slices(0..payload.len)
                        .into_iter()
                        .map(Ok::<_, io::Error>);
                    Ok(Box::pin(stream::iter(chunks)) as BodyStream)
                })
            }
        }
    }

    /// The chunks of a range, which must be within the payload.
    fn slices(&self, range: Range<u64>) -> Vec<Bytes> {
        let mut start = 0;
        let mut slices = Vec::new();
        for chunk in &*self.chunks {
            let end = start + chunk.len() as u64;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                slices.push(chunk.slice((from - start) as usize..(to - start) as usize));
            }
            start = end;
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_sliced_from_the_chunks_that_it_overlaps() {
        let chunks = ["ab", "", "cde", "f"].map(|text| Bytes::from_static(text.as_bytes()));
        let payload: Payload = chunks.into_iter().collect();
        assert_eq!(payload.len(), 6);
        for (range, expected) in [
            (0..6, vec!["ab", "cde", "f"]),
            (1..3, vec!["b", "c"]),
            (3..4, vec!["d"]),
            (5..6, vec!["f"]),
            (2..2, vec![]),
        ] {
            assert_eq!(payload.slices(range.clone()), expected, "{range:?}");
        }
    }
}
