//! Files made of what is in B2 already: whole copies, and compositions.

mod compose;
mod copy_parts;
mod file_copy;

pub use self::compose::{Compose, ComposePlan, ComposeSource, Composed, ComposedPart};
pub use self::file_copy::{Copied, CopySource, FileCopy};
