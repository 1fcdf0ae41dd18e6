//! Where an account is kept: the bytes of files as blobs, everything else in a journal.

pub(crate) mod blobs;
pub(crate) mod journal;
