//! [`CopyTicket`]: a copy whose bytes are still to be hashed.

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
    /// The bytes to hash.
    pub(crate) fn content(&self) -> Content {
        self.content.clone()
    }
}
