//! Downloads of any size, in the order in which bytes pass them:
//!
//! - `builder`: the arguments; `first_response`: decides the version
//! - `reader`: requests bytes, and again from where the connection broke
//! - `background_hash`: hashes them; `verify`: says what was verified
//! - `stream`: returns them in order
//! - `to_path`: writes ranges side by side into a local file

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
