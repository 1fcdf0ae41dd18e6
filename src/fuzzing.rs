//! Private code that the fuzz targets in `fuzz/` call. Compiled only with `--cfg fuzzing`; not part
//! of the public API.

pub use crate::client::fuzzing::{redacted, retry_after, server_time};
pub use crate::transfer::fuzzing::{RangeSet, State, read_state, write_state};

use crate::api::Reply;
use crate::error::{B2Error, NonB2Response};

/// See `Reply::error`.
pub fn error_document(reply: &Reply, to_head: bool) -> Result<B2Error, NonB2Response> {
    reply.error(to_head)
}
