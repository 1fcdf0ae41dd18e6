//! [`TestMode`]: `X-Bz-Test-Mode`, with which B2 lets clients test their error handling.
//!
//! B2's documents say that "some" requests fail. Here it is every third upload and every second
//! token, starting at an offset that follows from the seed.

use super::kind::FaultKind;

/// The value of `X-Bz-Test-Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestMode {
    FailSomeUploads,
    ExpireSomeTokens,
    ForceCapExceeded,
}

/// One upload in this many fails.
const UPLOADS: u64 = 3;

/// One token in this many expires early.
const TOKENS: u64 = 2;

/// Calls that a storage cap can stop.
const CAPPED: [&str; 6] = [
    "b2_copy_file",
    "b2_copy_part",
    "b2_get_upload_part_url",
    "b2_get_upload_url",
    "b2_upload_file",
    "b2_upload_part",
];

impl TestMode {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.trim() {
            "fail_some_uploads" => Some(Self::FailSomeUploads),
            "expire_some_account_authorization_tokens" => Some(Self::ExpireSomeTokens),
            "force_cap_exceeded" => Some(Self::ForceCapExceeded),
            _ => None,
        }
    }
}

/// Counters of uploads and tokens.
pub(super) struct Counts {
    uploads: u64,
    tokens: u64,
}

impl Counts {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            uploads: seed % UPLOADS,
            tokens: seed % TOKENS,
        }
    }

    pub(super) fn fault(&mut self, mode: TestMode, call: &str) -> Option<FaultKind> {
        match mode {
            TestMode::FailSomeUploads if matches!(call, "b2_upload_file" | "b2_upload_part") => {
                self.uploads += 1;
                self.uploads
                    .is_multiple_of(UPLOADS)
                    .then(FaultKind::service_unavailable)
            }
            TestMode::ForceCapExceeded if CAPPED.contains(&call) => {
                Some(FaultKind::storage_cap_exceeded())
            }
            _ => None,
        }
    }

    /// Counts a token. Returns whether it expires early.
    pub(super) const fn limits(&mut self) -> bool {
        self.tokens += 1;
        self.tokens.is_multiple_of(TOKENS)
    }
}
