//! Uploads of any size.
//!
//! - `builder`: the public builder; `execute`: executes the upload
//! - `plan`: which parts are uploaded and which are reused
//! - `hash_first`: hashes a replayable source before it is sent
//! - `sequential`: reads a non-replayable stream part by part
//! - `resume`: finds an unfinished upload to resume; `resume_token` identifies one

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
