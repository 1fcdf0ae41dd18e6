//! What a program does with a bucket: the methods of [`BucketHandle`], one file for each verb.
//!
//! Transfers of bytes (upload, download, copy, compose, create) are carried out by [`transfer`](crate::transfer); single
//! requests, retries and pages by [`client`](crate::client). This layer adds B2's rules about names and versions: which
//! of a listing's rows belong to a name, in which order versions may be deleted, and what is checked before they are.
//!
//! `delete_order` decides in which order versions are deleted, without I/O; `sweep` deletes in that order.

mod delete;
mod delete_order;
mod delete_prefix;
mod download;
mod hide;
mod list;
mod prune;
mod rename;
mod settings;
mod stat;
mod sweep;
mod unfinished;
mod urls;

pub use self::delete::{Delete, DeleteScope};
pub use self::prune::PruneRule;
pub use self::rename::Renamed;
pub use self::urls::PresignedUrl;

use crate::client::Client;
use crate::error::Error;
use crate::transfer::{BucketHandle, is_create_stage};
use crate::types::{BucketName, FileName};

impl Client {
    /// A bucket by its name. The handle's name is spelled as B2 spells it.
    ///
    /// Makes one `b2_list_buckets` (class C), or none if the key is restricted to buckets: then the names came with the
    /// authorization.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the account has no such bucket,
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) if the key is restricted to other buckets,
    /// [`Invalid`](crate::ErrorKind::Invalid) if no bucket can have this name.
    pub async fn bucket(&self, name: &str) -> Result<BucketHandle, Error> {
        let name = BucketName::new(name)?;
        let (id, name) = self.find_bucket(&name).await?;
        Ok(BucketHandle::new(self.clone(), id, name))
    }
}

/// Whether a row is a stage of [`create`](BucketHandle::create) that nobody asked for.
fn is_unasked_stage(prefix: &str, name: &str) -> bool {
    is_create_stage(name) && !is_create_stage(prefix)
}

/// Refuses the name of a stage of [`create`](BucketHandle::create).
fn refuse_stage(name: &FileName) -> Result<(), Error> {
    if is_create_stage(name.as_str()) {
        return Err(stage_refused(name.as_str()));
    }
    Ok(())
}

fn stage_refused(name: &str) -> Error {
    Error::invalid(format!(
        "{name:?} belongs to files that are being created; discard_abandoned_creates removes what is left of them"
    ))
}
