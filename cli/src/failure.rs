//! [`Failure`]: why a command failed.

/// Any error: the program only prints it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
