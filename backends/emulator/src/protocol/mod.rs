//! Reads requests and writes responses as B2's documentation describes. No state.

pub(crate) mod api_error;
pub(crate) mod args;
pub(crate) mod content_type;
pub(crate) mod date;
pub(crate) mod headers;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod origins;
pub(crate) mod overrides;
pub(crate) mod percent;
pub(crate) mod range;
pub(crate) mod response;
pub(crate) mod undocumented;
pub(crate) mod version;
