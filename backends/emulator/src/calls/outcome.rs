//! [`Outcome`]: what a call comes to.

use serde::Serialize;
use serde_json::Value;

use super::ticket::CopyTicket;
use crate::protocol::response::Response;

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Json(Value),
    Response(Response),
    /// Bytes must be hashed first.
    Rehash(Box<CopyTicket>),
}

impl Outcome {
    /// A shape whose fields are in B2's order.
    pub(crate) fn serialized(value: &impl Serialize) -> Self {
        Self::Response(Response::serialized(value))
    }
}
