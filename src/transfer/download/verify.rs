//! [`Verified`]: by what the bytes of a download were checked, and [`Downloaded`]: what came of it.

use crate::api::DownloadedFile;
use crate::error::{Error, ErrorKind};
use crate::types::Sha1;

/// By what the bytes of a download are checked. Their number and their place in the file always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verified {
    /// By the SHA-1 that B2 has of the file.
    Sha1,
    /// By the SHA-1 that the uploader of a large file noted in `large_file_sha1`.
    LargeFileSha1,
    /// By nothing else: B2 has no SHA-1 of a large file whose uploader noted none.
    LengthOnly,
    /// By nothing else: it is a part of the file, and the SHA-1 is the whole file's.
    Range,
}

/// A download that has ended well.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Downloaded {
    /// What B2 says of the file.
    pub file: DownloadedFile,
    /// By what the bytes were checked.
    pub verified: Verified,
    /// How many bytes there are now: those of the file, or of the range that was asked for.
    pub bytes: u64,
    /// How many of them were there from an earlier download that did not come to its end.
    pub resumed_bytes: u64,
}

/// What the bytes will be checked by, as far as the headers tell.
pub(super) fn verification_of(file: &DownloadedFile, is_whole: bool) -> (Verified, Option<Sha1>) {
    let sha1 = file.expected_sha1().filter(|_| is_whole);
    let verified = match (is_whole, file.content_sha1.sha1(), sha1) {
        (false, ..) => Verified::Range,
        (true, Some(_), _) => Verified::Sha1,
        (true, None, Some(_)) => Verified::LargeFileSha1,
        (true, None, None) => Verified::LengthOnly,
    };
    (verified, sha1)
}

/// Why it is not enough, where more than the length was to be checked.
pub(super) fn require_verification(verified: Verified, file_name: &str) -> Result<(), Error> {
    let what = match verified {
        Verified::Sha1 | Verified::LargeFileSha1 => return Ok(()),
        Verified::LengthOnly => "B2 has no SHA-1 of the file, so its bytes can't be verified",
        Verified::Range => "a part of a file can't be verified: the SHA-1 is the whole file's",
    };
    Err(Error::new(ErrorKind::Integrity, what).about(file_name))
}

/// What arrived is not what was stored.
pub(super) fn sha1_mismatch(expected: Sha1, arrived: Sha1, file_name: &str) -> Error {
    let what = format!("the file's SHA-1 is {expected}, and what arrived has {arrived}");
    Error::new(ErrorKind::Integrity, what).about(file_name)
}
