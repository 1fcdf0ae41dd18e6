//! What is larger than one call: files of any size from any source, up, down and across.
//!
//! A transfer is one future: nothing is spawned, and dropping it stops everything that belongs to it within that drop.
//! What a dropped or failed upload leaves on the server is in the client's ledger, which is in `client`.
//!
//! In the order in which an upload meets them: `bucket` is the door; `source` where bytes come from; `plan` how they are
//! cut; `hashing` what is known of them before they are sent; `large_file` carries parts side by side; `resume` finds what
//! is on the server already; `progress` tells how far it is. `download` is the way back, and `safe_local_path` decides which paths the
//! names of files may become. `disk` is all that touches local files. `copy` and `compose` make files of what is in B2;
//! `many` does things to many files at once. `create` makes a file only where there is none.

mod bucket;
mod buckets;
mod compose;
mod compose_plan;
mod copy;
mod create;
#[cfg(feature = "fs")]
mod disk;
mod download;
mod hashing;
mod large_file;
mod safe_local_path;
mod many;
mod once;
mod options;
mod pieces;
mod plan;
mod progress;
mod reserved;
mod resume;
mod sent;
mod source;
mod upload;

pub use bucket::BucketHandle;
pub use compose::{Compose, Composed, ComposeSource};
pub use compose_plan::{ComposePlan, ComposedPart};
pub use copy::{Copied, CopySource, FileCopy};
pub use create::{CREATE_STAGES, Create, CreateSlot, Created, is_create_stage};
pub use download::{DownloadStream, Downloaded, FileDownload, Verified};
pub use large_file::OnFailure;
#[cfg(unix)]
pub use safe_local_path::unix_safe_local_path;
pub use safe_local_path::{UnsafeName, safe_local_path};
pub use progress::{Progress, ProgressNow, Stage};
pub use resume::{PlannedPart, ResumeToken, UploadPlan};
pub use source::Source;
pub use upload::{Upload, Uploaded};
