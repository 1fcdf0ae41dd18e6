//! Files created from files already in B2.
//!
//! - `file_copy`: one file, copied as a whole
//! - `compose`: a file assembled from byte ranges of files in B2 and from local data
//! - `copy_parts`: the copied parts of a large file, used by both

mod compose;
mod copy_parts;
mod file_copy;

pub use self::compose::{Compose, ComposePlan, ComposeSource, Composed, ComposedPart};
pub use self::file_copy::{Copied, CopySource, FileCopy};
