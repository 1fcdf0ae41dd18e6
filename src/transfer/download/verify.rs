//! [`Verified`]: how the content of a download was verified.

use crate::api::DownloadedFile;
use crate::error::{Error, ErrorKind};
use crate::types::Sha1;

/// How the content of a download was verified. Length and offsets always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verified {
    /// By the SHA-1 that B2 stores for the file.
    Sha1,
    /// By the SHA-1 that the uploader of a large file stored as `large_file_sha1`.
    LargeFileSha1,
    /// By the length only: a large file without a SHA-1.
    LengthOnly,
    /// By the length only: a byte range, for which there is no SHA-1.
    Range,
}

/// The result of a completed download.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Downloaded {
    /// The metadata of the file.
    pub file: DownloadedFile,
    /// How the content was verified.
    pub verified: Verified,
    /// The number of bytes of the file or the requested range.
    pub bytes: u64,
    /// The number of bytes reused from an earlier, interrupted download.
    pub resumed_bytes: u64,
}

/// How the content will be verified, according to the response headers.
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

/// Fails if only the length would be verified.
pub(super) fn require_verification(verified: Verified, file_name: &str) -> Result<(), Error> {
    let what = match verified {
        Verified::Sha1 | Verified::LargeFileSha1 => return Ok(()),
        Verified::LengthOnly => "B2 has no SHA-1 of the file, so its bytes can't be verified",
        Verified::Range => "a byte range can't be verified: the SHA-1 is that of the whole file",
    };
    Err(Error::new(ErrorKind::Integrity, what).about(file_name))
}

/// The error for content that doesn't match the stored SHA-1.
pub(super) fn sha1_mismatch(expected: Sha1, arrived: Sha1, file_name: &str) -> Error {
    let what = format!(
        "the file's SHA-1 is {expected}, but that of the received bytes is \
         {arrived}"
    );
    Error::new(ErrorKind::Integrity, what).about(file_name)
}
