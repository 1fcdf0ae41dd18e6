//! [`FirstParts`]: the bytes of multipart uploads that have only one part so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::payload::Payload;

/// Maximum number of bytes kept, of all uploads together.
const MAX_BYTES: u64 = 256 << 20;

/// Keeps the only part of each upload until there is a second one. B2 refuses to finish a large file of one part, so
/// such an upload is completed by uploading the bytes again as a small file.
#[derive(Debug, Default)]
pub(crate) struct FirstParts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The index of the first part that was uploaded, and its bytes until there is another part.
    uploads: BTreeMap<String, (usize, Option<Payload>)>,
    bytes: u64,
}

impl FirstParts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a part is uploaded. Keeps the bytes of the first part if they fit, and drops them at the second.
    pub(crate) fn record(&self, upload: &str, part: usize, payload: &Payload) {
        let mut state = self.lock();
        let (first, before) = match state.uploads.remove(upload) {
            Some((first, kept)) => (first, kept),
            None => (part, None),
        };
        state.bytes -= before.as_ref().map_or(0, Payload::len);
        let fits = state.bytes + payload.len() <= MAX_BYTES;
        let kept = (first == part && fits).then(|| payload.clone());
        state.bytes += kept.as_ref().map_or(0, Payload::len);
        // From the second part on, nothing is kept.
        let first = if first == part { first } else { usize::MAX };
        state.uploads.insert(upload.to_owned(), (first, kept));
    }

    /// Removes an upload that is over or about to be completed. Returns its only part, if it was kept.
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
    fn the_only_part_of_an_upload_is_kept_until_there_is_a_second_one() {
        let parts = FirstParts::default();
        parts.record("a", 0, &payload(2));
        parts.record("a", 0, &payload(3)); // again
        parts.record("b", 0, &payload(4));
        parts.record("b", 1, &payload(5));
        parts.record("b", 0, &payload(6));
        assert_eq!(parts.lock().bytes, 3);
        assert_eq!(parts.take("a").map(|part| part.len()), Some(3));
        assert!(parts.take("b").is_none());
        assert!(parts.take("c").is_none());
        assert_eq!(parts.lock().bytes, 0);
        assert!(parts.lock().uploads.is_empty());
    }

    #[test]
    fn parts_beyond_the_limit_are_not_kept() {
        let parts = FirstParts::default();
        let large = payload(200 << 20);
        parts.record("a", 0, &large);
        parts.record("b", 0, &large);
        assert!(parts.take("b").is_none());
        assert!(parts.take("a").is_some());
    }
}
