//! The state machine: takes a request and returns a response or the next step. No I/O.

pub(crate) mod events;
pub(crate) mod lifecycle;
pub(crate) mod state_machine;
