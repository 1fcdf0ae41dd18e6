//! [`FirstParts`]: the bytes of multipart uploads that have only one part so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use b2kit::types::Sha1;

use crate::payload::Payload;

/// Maximum number of bytes kept, of all uploads together. The newest part is kept whatever its size.
const MAX_BYTES: u64 = 256 << 20;

/// Maximum number of uploads that are remembered.
const MAX_UPLOADS: usize = 10_000;

/// Keeps the only part of each upload until there is a second one. B2 refuses to finish a large file of one part, so
/// such an upload is completed by uploading the bytes again as a small file.
///
/// Abandoned uploads are never removed explicitly, so the parts kept longest make room for new ones.
#[derive(Debug, Default)]
pub(crate) struct FirstParts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    uploads: HashMap<String, Upload>,
    /// All uploads, in the order in which they were last recorded.
    by_order: BTreeMap<u64, String>,
    /// The uploads whose bytes are kept, in the same order.
    kept: BTreeMap<u64, String>,
    /// The number of bytes of all kept parts.
    bytes: u64,
    /// Number of parts recorded so far.
    recorded: u64,
}

#[derive(Debug)]
struct Upload {
    /// Number of parts that were recorded before the last one of this upload: the lowest is the oldest.
    order: u64,
    part: FirstPart,
}

#[derive(Debug)]
enum FirstPart {
    Kept {
        index: usize,
        sha1: Sha1,
        payload: Payload,
    },
    /// The bytes were dropped to make room for those of newer uploads.
    Evicted { index: usize },
    /// There is a second part, so nothing is kept.
    NotOnly,
}

/// What is known about the only part of an upload.
#[derive(Debug, Clone)]
pub(crate) enum OnlyPart {
    Kept(Payload),
    Evicted,
    Unknown,
}

impl FirstPart {
    fn bytes(&self) -> u64 {
        match self {
            Self::Kept { payload, .. } => payload.len(),
            Self::Evicted { .. } | Self::NotOnly => 0,
        }
    }
}

impl FirstParts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an uploaded part. Keeps its bytes if it is the upload's first one.
    pub(crate) fn record(&self, upload: &str, index: usize, sha1: Sha1, payload: &Payload) {
        let mut state = self.lock();
        let is_only = match state.remove(upload) {
            None => true,
            Some(FirstPart::Kept { index: first, .. } | FirstPart::Evicted { index: first }) => {
                first == index
            }
            Some(FirstPart::NotOnly) => false,
        };
        let kept = || FirstPart::Kept {
            index,
            sha1,
            payload: payload.clone(),
        };
        let part = if is_only { kept() } else { FirstPart::NotOnly };
        state.insert(upload, part);
        state.evict();
    }

    /// The only part of an upload, if it has this digest.
    pub(crate) fn only_part(&self, upload: &str, digest: &Sha1) -> OnlyPart {
        match self.lock().uploads.get(upload).map(|upload| &upload.part) {
            Some(FirstPart::Kept { sha1, payload, .. }) if sha1 == digest => {
                OnlyPart::Kept(payload.clone())
            }
            Some(FirstPart::Evicted { .. }) => OnlyPart::Evicted,
            _ => OnlyPart::Unknown,
        }
    }

    /// Forgets an upload that is over.
    pub(crate) fn remove(&self, upload: &str) {
        self.lock().remove(upload);
    }
}

impl State {
    fn insert(&mut self, upload: &str, part: FirstPart) {
        let order = self.recorded;
        self.recorded += 1;
        self.bytes += part.bytes();
        if matches!(part, FirstPart::Kept { .. }) {
            self.kept.insert(order, upload.to_owned());
        }
        self.by_order.insert(order, upload.to_owned());
        self.uploads
            .insert(upload.to_owned(), Upload { order, part });
    }

    fn remove(&mut self, upload: &str) -> Option<FirstPart> {
        let Upload { order, part } = self.uploads.remove(upload)?;
        self.by_order.remove(&order);
        self.kept.remove(&order);
        self.bytes -= part.bytes();
        Some(part)
    }

    /// Makes room: drops the bytes kept longest, but never the newest, and forgets the oldest uploads.
    fn evict(&mut self) {
        while self.bytes > MAX_BYTES
            && self.kept.len() > 1
            && let Some((_, upload)) = self.kept.pop_first()
        {
            if let Some(Upload { part, .. }) = self.uploads.get_mut(&upload)
                && let FirstPart::Kept { index, .. } = *part
            {
                self.bytes -= part.bytes();
                *part = FirstPart::Evicted { index };
            }
        }
        while self.uploads.len() > MAX_UPLOADS
            && let Some((_, upload)) = self.by_order.pop_first()
        {
            self.remove(&upload);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sha1() -> Sha1 {
        Sha1::of(b"")
    }

    fn payload(bytes: usize) -> Payload {
        std::iter::once(Bytes::from(vec![0; bytes])).collect()
    }

    /// The length of the only part, if it is kept.
    fn kept(parts: &FirstParts, upload: &str) -> Option<u64> {
        match parts.only_part(upload, &sha1()) {
            OnlyPart::Kept(payload) => Some(payload.len()),
            OnlyPart::Evicted | OnlyPart::Unknown => None,
        }
    }

    #[test]
    fn the_only_part_of_an_upload_is_kept_until_there_is_a_second_one() {
        let parts = FirstParts::default();
        parts.record("a", 0, sha1(), &payload(2));
        parts.record("a", 0, sha1(), &payload(3)); // again
        parts.record("b", 0, sha1(), &payload(4));
        parts.record("b", 1, sha1(), &payload(5));
        parts.record("b", 0, sha1(), &payload(6));
        assert_eq!(parts.lock().bytes, 3);
        assert_eq!(kept(&parts, "a"), Some(3));
        assert_eq!(kept(&parts, "b"), None);
        assert_eq!(kept(&parts, "c"), None);
        parts.remove("a");
        parts.remove("b");
        assert_eq!(parts.lock().bytes, 0);
        assert!(parts.lock().uploads.is_empty());
    }

    #[test]
    fn a_part_with_another_digest_is_not_the_only_part() {
        let parts = FirstParts::default();
        parts.record("a", 0, sha1(), &payload(2));
        let other = parts.only_part("a", &Sha1::of(b"another"));
        assert!(matches!(other, OnlyPart::Unknown), "{other:?}");
    }

    #[test]
    fn beyond_the_limit_the_oldest_parts_make_room_for_the_newest() {
        let parts = FirstParts::default();
        let large = payload(100 << 20);
        for upload in ["a", "b", "c"] {
            parts.record(upload, 0, sha1(), &large);
        }
        let first = parts.only_part("a", &sha1());
        assert!(matches!(first, OnlyPart::Evicted), "{first:?}");
        assert!(kept(&parts, "b").is_some() && kept(&parts, "c").is_some());
        parts.record("a", 0, sha1(), &large); // uploaded again
        assert!(kept(&parts, "a").is_some() && kept(&parts, "b").is_none());
        parts.record("d", 0, sha1(), &payload(300 << 20));
        assert_eq!(kept(&parts, "d"), Some(300 << 20));
        assert_eq!(parts.lock().bytes, 300 << 20);
    }

    #[test]
    fn a_second_part_of_another_upload_does_not_evict_the_newest_kept_part() {
        let parts = FirstParts::default();
        parts.record("a", 0, sha1(), &payload(5));
        parts.record("b", 0, sha1(), &payload(300 << 20));
        parts.record("a", 1, sha1(), &payload(5));
        assert_eq!(kept(&parts, "b"), Some(300 << 20));
        assert_eq!(parts.lock().bytes, 300 << 20);
    }

    #[test]
    fn the_oldest_of_too_many_uploads_is_forgotten() {
        let parts = FirstParts::default();
        for upload in 0..=MAX_UPLOADS {
            parts.record(&upload.to_string(), 0, sha1(), &payload(1));
        }
        assert_eq!(parts.lock().uploads.len(), MAX_UPLOADS);
        assert_eq!(parts.lock().bytes, MAX_UPLOADS as u64);
        let first = parts.only_part("0", &sha1());
        assert!(matches!(first, OnlyPart::Unknown), "{first:?}");
        assert!(kept(&parts, "1").is_some());
    }
}
