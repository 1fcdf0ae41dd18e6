//! SHA-1 and MD5 of uploads.

use md5::Md5;
use sha1::{Digest as _, Sha1};

use super::file::{Md5Digest, Sha1Digest};
use crate::content::Content;
use crate::protocol::hex::Hex;

/// Number of digits after the data when the SHA-1 is sent at the end.
pub(crate) const DIGITS_AT_END: u64 = 40;

/// Which checksums the emulator computes for uploads:
/// [`Builder::checksums`](crate::Builder::checksums).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksums {
    /// SHA-1 and MD5, like B2.
    #[default]
    All,
    /// SHA-1, which is verified; `contentMd5` is null. MD5 is slower than SHA-1, and no client
    /// checks it.
    Sha1,
    /// None: the client's SHA-1 is stored unverified, so corruption goes unnoticed. For client
    /// benchmarks, never for correctness tests. If the client sends no SHA-1, it is still computed.
    Unverified,
}

/// An upload that has been received: its content and checksums. The state machine sees no more of a
/// file's bytes.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) content: Content,
    /// `None` if the client's SHA-1 is used unverified.
    pub(crate) sha1: Option<Sha1Digest>,
    /// `None` if it is not computed.
    pub(crate) md5: Option<Md5Digest>,
    /// The digits after the data, if the SHA-1 is sent at the end.
    pub(crate) at_end: String,
}

/// SHA-1 and MD5, as far as they are computed.
pub(crate) type Digests = (Option<Sha1Digest>, Option<Md5Digest>);

/// Checksums in progress.
#[derive(Default)]
pub(crate) struct Hashes {
    sha1: Option<Sha1>,
    md5: Option<Md5>,
}

impl Hashes {
    /// For an upload that comes with a SHA-1.
    pub(crate) fn of_claimed(checksums: Checksums) -> Self {
        match checksums {
            Checksums::Unverified => Self::default(),
            Checksums::All | Checksums::Sha1 => Self::of_unclaimed(checksums),
        }
    }

    /// For an upload without a SHA-1.
    pub(crate) fn of_unclaimed(checksums: Checksums) -> Self {
        Self {
            sha1: Some(Sha1::new()),
            md5: (checksums == Checksums::All).then(Md5::new),
        }
    }

    /// Whether there is nothing to compute.
    #[cfg(feature = "server")]
    pub(crate) const fn are_none(&self) -> bool {
        self.sha1.is_none() && self.md5.is_none()
    }

    /// Splits off the slowest: MD5, if it is computed, otherwise SHA-1.
    #[cfg(feature = "server")]
    pub(crate) fn split_slowest(mut self) -> (Self, Self) {
        let slowest = match self.md5.take() {
            None => Self {
                sha1: self.sha1.take(),
                md5: None,
            },
            md5 => Self { sha1: None, md5 },
        };
        (slowest, self)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Digests {
        (
            self.sha1.map(|it| Hex(it.finalize().into())),
            self.md5.map(|it| Hex(it.finalize().into())),
        )
    }
}
