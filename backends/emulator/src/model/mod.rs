//! The model of an account: keys, tokens, buckets and files, as plain data.

pub(crate) mod bucket;
pub(crate) mod changes;
pub(crate) mod checksums;
pub(crate) mod encryption;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod file_id;
pub(crate) mod file_info;
pub(crate) mod ids;
pub(crate) mod interner;
pub(crate) mod key;
pub(crate) mod lock;
pub(crate) mod names;
pub(crate) mod notification;
pub(crate) mod random;
pub(crate) mod rules;
pub(crate) mod state;
pub(crate) mod token;
pub(crate) mod versions;
