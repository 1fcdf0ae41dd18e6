//! [`CopyTicket`]: a copy that waits for the hash of its bytes.

use super::caller::Caller;
use super::target::Target;
use crate::content::Content;

/// A copy whose bytes are still to be hashed.
#[derive(Debug)]
pub(crate) struct CopyTicket {
    pub(super) content: Content,
    pub(super) caller: Caller,
    pub(super) target: Target,
}

impl CopyTicket {
    /// What to hash.
    pub(crate) fn content(&self) -> Content {
        self.content.clone()
    }
}
