//! [`BodyCapture`]: what is kept of a body that streams by.

use bytes::BytesMut;
use sha1::{Digest as _, Sha1};

use crate::interaction::RecordedBody;

/// A body's length, and its bytes as long as there are no more than a limit; after that, their SHA-1.
pub(crate) struct BodyCapture {
    limit: usize,
    len: u64,
    kept: BytesMut,
    hasher: Option<Sha1>,
}

impl BodyCapture {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            len: 0,
            kept: BytesMut::new(),
            hasher: None,
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.len += chunk.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(chunk);
        } else if self.len <= self.limit as u64 {
            self.kept.extend_from_slice(chunk);
        } else {
            let mut hasher = Sha1::new();
            hasher.update(std::mem::take(&mut self.kept));
            hasher.update(chunk);
            self.hasher = Some(hasher);
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// What there is to record: the bytes, or their number and SHA-1.
    pub(crate) fn finish(self) -> RecordedBody {
        match self.hasher {
            None => RecordedBody::Bytes(self.kept.freeze()),
            Some(hasher) => RecordedBody::Omitted {
                length: self.len,
                sha1: Some(hasher.finalize().into()),
            },
        }
    }
}
