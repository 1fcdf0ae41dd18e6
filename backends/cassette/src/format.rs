//! Constants of the file format.

/// The size limit of a recording that is read or written, unless another is set: 16 MiB.
pub const DEFAULT_FILE_LIMIT: u64 = 16 << 20;

/// The key of the first document, whose value is the version.
pub(crate) const VERSION_KEY: &str = "b2kit-cassette";
