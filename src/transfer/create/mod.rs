//! Files created only where there is none: of many writers, one succeeds.
//!
//! - `builder`: the arguments; `execute`: checks and uploads the stage
//! - `protocol`: which request comes next; pure; `driver`: makes the requests
//! - `stage`, `slot`: what the requests are about
//! - `discard`: deletes the stages that writers left behind
//! - `checker`: a test that runs the protocol through every order in which things can go wrong

mod builder;
#[cfg(test)]
mod checker;
mod discard;
mod driver;
mod execute;
mod protocol;
mod slot;
mod stage;

pub use self::builder::{Create, Created};
pub(crate) use self::discard::discard_abandoned;
pub use self::slot::CreateSlot;
pub use self::stage::{CREATE_STAGES, is_create_stage};
