//! Put-if-absent: creates a file only if none of its name exists. Of several writers, one succeeds.
//!
//! - `builder`: the public builder; `execute`: checks preconditions and uploads the stage
//! - `protocol`: the state machine (pure); `driver`: makes its requests
//! - `stage`, `slot`: the stage, and the slot's entry
//! - `discard`: deletes abandoned stages
//! - `put_if_absent`: the assumptions, as a page of the documentation
//! - `checker`: a model checker for the protocol (test only)

mod builder;
#[cfg(test)]
mod checker;
mod discard;
mod driver;
mod execute;
mod protocol;
pub mod put_if_absent;
mod slot;
mod stage;

pub use self::builder::{Create, Created};
pub(crate) use self::discard::discard_abandoned;
pub use self::slot::CreateSlot;
pub use self::stage::{CREATE_STAGES, is_create_stage};
