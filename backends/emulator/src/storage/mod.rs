//! Where an account is stored: the bytes of files in blobs, everything else in a journal.

pub(crate) mod blobs;
pub(crate) mod journal;
