//! [`Answer`]: what a call comes to.

use serde::Serialize;
use serde_json::Value;

use super::ticket::CopyTicket;
use crate::protocol::response::Reply;

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    Reply(Reply),
    /// Bytes must be hashed first.
    Rehash(Box<CopyTicket>),
}

impl Answer {
    /// A shape whose fields are in B2's order.
    pub(crate) fn of(shape: &impl Serialize) -> Self {
        Self::Reply(Reply::shape(shape))
    }
}
