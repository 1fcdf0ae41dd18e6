//! Uploads.
//!
//! - `builder`: the arguments; `execute`: carries out the upload
//! - `plan`: which parts are sent, and which are reused
//! - `hash_first`: reads a replayable source before it is sent
//! - `sequential`: reads a non-replayable stream part by part
//! - `resume`: finds an unfinished upload at B2; `resume_token` names one

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
