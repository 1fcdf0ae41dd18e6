//! Large files: upload parts in parallel, then finish or cancel the file. Used by uploads, copies
//! and compositions.
//!
//! - `options`: the options of the new file; `on_failure`: what happens if it fails
//! - `part_sizes`: how a file is divided into parts (pure)
//! - `parts`: the origin of each part, and the completed parts
//! - `upload_parts`: uploads the parts and finishes the file
//! - `upload_counter`: reports sent bytes to the progress

mod on_failure;
mod options;
mod part_sizes;
mod parts;
mod upload_counter;
mod upload_parts;

pub use self::on_failure::OnFailure;
pub(crate) use self::options::{
    CONCURRENCY, ContentOptions, FileOptions, account_part_sizes, add_info_if_it_fits,
    content_options, file_options, is_ours,
};
pub(crate) use self::part_sizes::{MAX_PART, MAX_PARTS, PartLayout, PartSizes};
pub(crate) use self::parts::{PartOrigin, PartTask, task_stream};
pub(crate) use self::upload_counter::UploadCounter;
pub(crate) use self::upload_parts::LargeFile;
