//! [`Create`]: a file made only where there is none, of many writers by one.
//!
//! `builder` is what the caller says; `execute` checks and uploads; `protocol` says which request comes next, and is pure;
//! `driver` makes the requests; `stage` and `slot` are what they are about; `discard` removes what was left behind.
//! `checker`, a test, drives the protocol through every order in which things can go wrong.

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
