//! Downloads of any size. In the order in which bytes pass through:
//!
//! - `builder`: the public builder; `first_response`: determines the version
//! - `reader`: requests bytes, and resumes when the connection breaks
//! - `background_hash`: hashes them; `verify`: how they were verified
//! - `stream`: returns them in order
//! - `to_path`: writes parallel ranges to a local file

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
