//! Transfers: uploads, downloads and copies of files of any size, each made of as many calls as it
//! takes.
//!
//! A transfer is a single future. Nothing is spawned, so dropping it stops the whole transfer
//! immediately. Large files that a dropped or failed upload leaves at B2 are in the client's record
//! of unfinished uploads.
//!
//! - `upload`: planning, resuming, hashing first, non-replayable streams
//! - `download`: to streams, writers and local paths; parallel ranges, verification
//! - `copy`: copies of whole files, and files composed of byte ranges and local data
//! - `create`: put-if-absent
//! - `bulk`: operations on many files, each with its own outcome
//! - `large_file`: parallel parts, used by uploads, copies and compositions
//! - `source`: where the bytes of an upload come from; `source_error`: its errors
//! - `commit`: how a completed download replaces the existing file
//! - `disk`: access to local files
//! - `local_path`, `reserved_names`: safe local paths for file names
//! - `progress`: progress counters; `range_set`: sets of byte ranges
//!
//! Sources and transfers are `Send`, so they can be spawned, but not all are `Sync`.
//!
//! There are no circular imports.

pub(crate) mod bulk;
#[cfg(feature = "fs")]
mod commit;
mod copy;
mod create;
#[cfg(feature = "fs")]
mod disk;
mod download;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod large_file;
mod local_path;
mod progress;
#[cfg(feature = "fs")]
mod range_set;
mod reserved_names;
mod source;
mod source_error;
mod upload;

#[cfg(feature = "sync")]
pub(crate) use commit::{Commit, EntryMetadata};
pub use copy::{
    Compose, ComposePlan, ComposeSource, Composed, ComposedPart, Copied, CopySource, FileCopy,
};
pub(crate) use create::discard_abandoned;
pub use create::{CREATE_STAGES, Create, CreateSlot, Created, is_create_stage, put_if_absent};
#[cfg(feature = "sync")]
pub(crate) use disk::{PathBelow, open_nonblocking};
#[cfg(feature = "sync")]
pub(crate) use download::RANGE_SIZE;
pub use download::{DownloadStream, Downloaded, FileDownload, Verified};
pub use large_file::OnFailure;
#[cfg(unix)]
pub use local_path::unix_safe_local_path;
pub use local_path::{UnsafeName, safe_local_path};
pub use progress::{Progress, ProgressNow, Stage};
#[cfg(feature = "sync")]
pub(crate) use reserved_names::is_reserved;
pub use source::Source;
pub use upload::{PlannedPart, ResumeToken, Upload, UploadPlan, Uploaded};
