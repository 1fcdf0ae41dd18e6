//! The functions of all calls. Start at [`table`].

pub(crate) mod account;
#[cfg(feature = "server")]
pub(crate) mod billing;
pub(crate) mod buckets;
pub(crate) mod caller;
pub(crate) mod copy;
pub(crate) mod cors;
pub(crate) mod download;
pub(crate) mod download_authorization;
pub(crate) mod encryption;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod large_files;
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod notifications;
pub(crate) mod outcome;
pub(crate) mod pending_copy;
pub(crate) mod replication;
pub(crate) mod response_json;
mod rules;
mod settings;
mod store;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod upload;
