//! An account on disk, which survives the process.

pub(crate) mod data_dir;
mod directory;
mod head;
mod line;
mod log;
mod reader;
mod record;
mod replay;
mod salvage;
mod snapshot;
