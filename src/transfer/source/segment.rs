//! [`Segment`]: a byte range of a source as a request body.

use b2kit_core::Body;

use crate::api::Digest;
use crate::types::Sha1;

/// A byte range to send.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) body: Body,
    /// Set to its SHA-1 once it is read, if the source computes that.
    pub(crate) digest: Option<Digest>,
    /// Its SHA-1, if known in advance.
    pub(crate) sha1: Option<Sha1>,
}

impl From<Body> for Segment {
    fn from(body: Body) -> Self {
        Self {
            body,
            digest: None,
            sha1: None,
        }
    }
}

impl Segment {
    /// A segment with a known SHA-1: B2 rejects other content.
    pub(crate) fn with_sha1(body: Body, sha1: Sha1) -> Self {
        Self {
            body,
            digest: None,
            sha1: Some(sha1),
        }
    }
}
