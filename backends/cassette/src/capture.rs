//! [`BodyCapture`]: the bytes of a body that streams through, or only its length and SHA-1.

use bytes::BytesMut;
use sha1::{Digest as _, Sha1};

use crate::interaction::RecordedBody;

/// Captures a body up to a size limit; for a longer one only the length and the SHA-1.
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

    /// The body to be recorded.
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
