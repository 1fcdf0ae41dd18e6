//! Files made of what is in B2 already.
//!
//! - `file_copy`: one file, copied as a whole
//! - `compose`: a file assembled from byte ranges of files in B2 and from local data
//! - `copy_parts`: the parts of a large file that B2 copies, which both share

mod compose;
mod copy_parts;
mod file_copy;

pub use self::compose::{Compose, ComposePlan, ComposeSource, Composed, ComposedPart};
pub use self::file_copy::{Copied, CopySource, FileCopy};
