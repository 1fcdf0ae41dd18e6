//! Record and replay HTTP sessions as YAML, over any backend.

mod error;
mod hex;
mod interaction;
mod json;
mod matching;
mod miss;
mod places;
mod player;
mod read;
mod recorder;
mod redaction;
mod sample;
mod secrets;
mod text_secrets;
mod tree;
mod write;

pub use error::CassetteError;
pub use interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
pub use miss::{Miss, Summary, Unplayed};
pub use player::Player;
pub use recorder::Recorder;

/// The size of a recording that is read or written unless told otherwise: 16 MiB.
pub const DEFAULT_FILE_LIMIT: u64 = 16 << 20;
