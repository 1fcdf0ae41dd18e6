//! The methods of [`BucketHandle`](crate::BucketHandle), one file for each verb.
//!
//! Transfers of bytes (upload, download, copy, compose, create) are carried out by
//! [`transfer`](crate::transfer); single requests, retries and pages by [`client`](crate::client).
//! This layer adds B2's rules about names and versions: which rows of a listing belong to a name,
//! in which order versions may be deleted, and what is checked before that.
//!
//! `delete_order` decides in which order versions are deleted, without I/O; `sweep` deletes in that
//! order.

// In the order in which the documentation of `BucketHandle` lists their methods; blank lines keep
// it.
mod list;

mod stat;

mod upload;

mod download;

mod delete;

mod prune;

mod delete_prefix;

mod hide;

mod rename;

mod copy;

mod urls;

mod unfinished;

mod settings;

mod many;

mod create;

mod delete_order;
mod sweep;

pub use crate::client::BucketHandle;

pub use self::delete::{Delete, DeleteScope};
pub use self::prune::PruneRule;
pub use self::rename::Renamed;
pub use self::sweep::DeleteMode;
#[cfg(feature = "sync")]
pub(crate) use self::sweep::deletion_outcome;
pub use self::urls::PresignedUrl;

use crate::error::Error;
use crate::transfer::is_create_stage;
use crate::types::FileName;

/// Whether a row is a stage of `create` and the prefix doesn't ask for stages.
fn is_unasked_stage(prefix: &str, name: &str) -> bool {
    is_create_stage(name) && !is_create_stage(prefix)
}

/// Refuses the name of a stage of `create`.
fn refuse_stage(name: &FileName) -> Result<(), Error> {
    if is_create_stage(name.as_str()) {
        return Err(stage_refused(name.as_str()));
    }
    Ok(())
}

fn stage_refused(name: &str) -> Error {
    Error::invalid(format!(
        "{name:?} is the stage of a file that is being created; discard_abandoned_creates removes \
         stages that are left over"
    ))
}
