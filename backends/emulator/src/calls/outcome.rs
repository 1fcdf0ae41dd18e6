//! [`Outcome`]: the result of a call.

use serde::Serialize;
use serde_json::Value;

use super::pending_copy::PendingCopy;
use crate::protocol::response::Response;

/// The result of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    Json(Value),
    Response(Response),
    /// The bytes must be hashed first.
    Rehash(Box<PendingCopy>),
}

impl Outcome {
    /// A value whose fields are in B2's order.
    pub(crate) fn serialized(value: &impl Serialize) -> Self {
        Self::Response(Response::serialized(value))
    }
}
