//! Operations larger than one call: files of any size from any source, up, down and across.
//!
//! A transfer is one future. Nothing is spawned, so dropping it stops everything that belongs to it
//! within that drop. What a dropped or failed upload leaves at B2 is in the client's record of
//! unfinished uploads.
//!
//! - `upload`: planning, resuming, hashing first, non-replayable streams
//! - `download`: to streams, writers and local paths; ranges side by side, verification
//! - `copy`: what B2 copies: whole files, and files composed of byte ranges and local data
//! - `create`: files created only where there is none
//! - `bulk`: many files at once, each with its own outcome
//! - `large_file`: parts side by side, which uploads, copies and compositions share
//! - `source`: where the bytes of an upload come from; `source_error`: its errors
//! - `commit`: how a finished download gets its name
//! - `disk`: all that touches local files
//! - `local_path`, `reserved_names`: which local paths file names may become
//! - `progress`: counters; `range_set`: which bytes are there
//!
//! Sources and transfers are `Send`, so they can be spawned, but not all are `Sync`.
//!
//! No module imports one that imports it.

pub(crate) mod bulk;
#[cfg(feature = "fs")]
mod commit;
mod copy;
mod create;
#[cfg(feature = "fs")]
mod disk;
mod download;
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
pub use create::{CREATE_STAGES, Create, CreateSlot, Created, is_create_stage};
#[cfg(feature = "sync")]
pub(crate) use disk::PathBelow;
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
