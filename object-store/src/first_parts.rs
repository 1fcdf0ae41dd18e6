//! [`LoneParts`]: the first parts of multipart uploads that have no second one yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::payload::Payload;

/// So many bytes are kept for all uploads together.
const MOST_BYTES: u64 = 256 << 20;

/// B2 refuses a large file of one part, and hands no part out again, so the only part of an upload is kept until there
/// is another: then it is sent as a file of its own.
#[derive(Debug, Default)]
pub(crate) struct LoneParts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The part that came first, and its bytes as long as no other has come.
    uploads: BTreeMap<String, (usize, Option<Payload>)>,
    bytes: u64,
}

impl LoneParts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part of this upload is sent. The first one to come is kept, unless there is no room; any other takes it away.
    pub(crate) fn sent(&self, upload: &str, part: usize, payload: &Payload) {
        let mut state = self.lock();
        let (first, before) = match state.uploads.remove(upload) {
            Some((first, kept)) => (first, kept),
            None => (part, None),
        };
        state.bytes -= before.as_ref().map_or(0, Payload::len);
        let fits = state.bytes + payload.len() <= MOST_BYTES;
        let kept = (first == part && fits).then(|| payload.clone());
        state.bytes += kept.as_ref().map_or(0, Payload::len);
        // Once another has come, no part is the only one.
        let first = if first == part { first } else { usize::MAX };
        state.uploads.insert(upload.to_owned(), (first, kept));
    }

    /// The upload is over, or about to be: its only part, if it is here.
    pub(crate) fn take(&self, upload: &str) -> Option<Payload> {
        let mut state = self.lock();
        let kept = state.uploads.remove(upload).and_then(|(_, kept)| kept);
        state.bytes -= kept.as_ref().map_or(0, Payload::len);
        kept
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn payload(bytes: usize) -> Payload {
        std::iter::once(Bytes::from(vec![0; bytes])).collect()
    }

    #[test]
    fn only_a_part_that_is_alone_is_kept() {
        let parts = LoneParts::default();
        parts.sent("a", 0, &payload(2));
        parts.sent("a", 0, &payload(3)); // once more
        parts.sent("b", 0, &payload(4));
        parts.sent("b", 1, &payload(5));
        parts.sent("b", 0, &payload(6));
        assert_eq!(parts.lock().bytes, 3);
        assert_eq!(parts.take("a").map(|part| part.len()), Some(3));
        assert!(parts.take("b").is_none());
        assert!(parts.take("c").is_none());
        assert_eq!(parts.lock().bytes, 0);
        assert!(parts.lock().uploads.is_empty());
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let parts = LoneParts::default();
        let large = payload(200 << 20);
        parts.sent("a", 0, &large);
        parts.sent("b", 0, &large);
        assert!(parts.take("b").is_none());
        assert!(parts.take("a").is_some());
    }
}
