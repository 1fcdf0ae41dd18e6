//! The state machine: a request goes in, a response or the next step comes out. No I/O.

pub(crate) mod events;
pub(crate) mod lifecycle;
pub(crate) mod state_machine;
