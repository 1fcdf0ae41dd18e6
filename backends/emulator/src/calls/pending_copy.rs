//! [`PendingCopy`]: a copy whose bytes are still to be hashed.

use super::caller::Caller;
use super::target::Target;
use crate::content::Content;

/// A copy whose bytes are still to be hashed.
#[derive(Debug)]
pub(crate) struct PendingCopy {
    pub(super) content: Content,
    pub(super) caller: Caller,
    pub(super) target: Target,
}

impl PendingCopy {
    /// The bytes to hash.
    pub(crate) fn content(&self) -> Content {
        self.content.clone()
    }
}
