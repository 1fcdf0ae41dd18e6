//! Large files: parts side by side, and then the whole, or nothing. Uploads, copies and compositions share it.
//!
//! `options` is what the caller says of the new file; `part_sizes` how it is cut; `parts` what a part is made of;
//! `upload_parts` carries them out and finishes the file; `upload_counter` tells the progress what was sent.

mod on_failure;
mod options;
mod part_sizes;
mod parts;
mod upload_counter;
mod upload_parts;

pub use self::on_failure::OnFailure;
pub(crate) use self::options::{
    CONCURRENCY, FileOptions, account_part_sizes, add_info_if_it_fits, file_options, is_ours,
};
pub(crate) use self::part_sizes::{MAX_PART, MAX_PARTS, PartLayout, PartSizes};
pub(crate) use self::parts::{PartOrigin, PartTask, task_stream};
pub(crate) use self::upload_counter::UploadCounter;
pub(crate) use self::upload_parts::LargeFile;
