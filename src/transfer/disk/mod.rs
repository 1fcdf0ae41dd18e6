//! All that touches local files. It happens on a small pool of threads, never on the one that polls.

pub(super) mod partial;
pub(super) mod write;
