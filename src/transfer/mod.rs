//! What is larger than one call: files of any size from any source, up, down and across.
//!
//! A transfer is one future: nothing is spawned, and dropping it stops everything that belongs to it within that drop.
//! What a dropped or failed upload leaves on the server is in the client's ledger.
//!
//! In the order in which an upload meets them: `bucket` is the door; `source` where bytes come from; `plan` how they are
//! cut; `large_file` carries parts side by side; `resume` finds what is on the server already; `ledger` remembers what
//! is left there; `progress` tells how far it is.

mod bucket;
mod progress;

pub use bucket::BucketHandle;
pub use progress::{Progress, ProgressNow, Stage};
