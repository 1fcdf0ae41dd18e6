//! Downloads of any size.
//!
//! In the order in which bytes meet them: `builder` is what the caller says, and `first_response` decides the version;
//! `reader` asks for bytes, and again where they break off; `background_hash` hashes them beside; `stream` hands them on in
//! order; `to_path` writes ranges side by side into a file; `verify` says what was checked.

mod background_hash;
mod builder;
mod first_response;
mod reader;
mod stream;
#[cfg(feature = "fs")]
mod to_path;
mod verify;

pub use self::builder::FileDownload;
#[cfg(feature = "sync")]
pub(crate) use self::builder::RANGE_SIZE;
pub use self::stream::DownloadStream;
pub use self::verify::{Downloaded, Verified};
