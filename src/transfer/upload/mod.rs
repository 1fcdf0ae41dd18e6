//! Uploads.
//!
//! `builder` is what the caller says; `execute` carries it out: in one piece, in parts of a source that can be read
//! random_access, or in `sequential` parts of one that can't. `hash_first` reads a source before it is sent, `resume` finds what
//! is on the server already, and `plan` says what is sent and what is used again.

mod builder;
mod execute;
mod hash_first;
mod plan;
mod resume;
mod resume_token;
mod sequential;

pub use self::builder::{Upload, Uploaded};
pub use self::plan::{PlannedPart, UploadPlan};
pub use self::resume_token::ResumeToken;
pub(crate) use self::sequential::{SequentialParts, with_memory};
