//! SHA-1 and MD5 of uploads: which are computed, and what they come to.

use md5::Md5;
use sha1::{Digest as _, Sha1};

use crate::content::Content;
use crate::protocol::hex::hex;

/// How many digits follow the data when the SHA-1 is sent at the end.
pub(crate) const DIGITS_AT_END: u64 = 40;

/// Which checksums of uploads are computed: [`Builder::checksums`](crate::Builder::checksums).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksums {
    /// SHA-1 and MD5, as B2 does.
    #[default]
    All,
    /// SHA-1, which is checked; `contentMd5` is null. MD5 takes longer than SHA-1, and no client checks it.
    Sha1,
    /// None: the sender is believed, so a wrong SHA-1 or a corrupted byte goes unnoticed. For measuring how fast a client
    /// is, never for testing whether it is right. Where the sender says no SHA-1, it is computed all the same.
    Unverified,
}

/// What arrived: where it lies, and what it hashes to. The heart never sees more of a file than this.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) content: Content,
    /// Lower-case hex; `None` if the sender is believed.
    pub(crate) sha1: Option<String>,
    /// Lower-case hex, if it was computed.
    pub(crate) md5: Option<String>,
    /// What followed the data, where digits were announced at the end.
    pub(crate) at_end: String,
}

/// The checksums that are computed while bytes pass.
#[derive(Default)]
pub(crate) struct Hashes {
    sha1: Option<Sha1>,
    md5: Option<Md5>,
}

impl Hashes {
    /// For bytes whose SHA-1 the sender says.
    pub(crate) fn of_claimed(checksums: Checksums) -> Self {
        match checksums {
            Checksums::Unverified => Self::default(),
            Checksums::All | Checksums::Sha1 => Self::of_unclaimed(checksums),
        }
    }

    /// For bytes whose SHA-1 nobody has said.
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

    /// The slowest of them, and the rest: MD5 takes longer than SHA-1.
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

    pub(crate) fn hex(self) -> (Option<String>, Option<String>) {
        (
            self.sha1.map(|it| hex(&it.finalize())),
            self.md5.map(|it| hex(&it.finalize())),
        )
    }
}
