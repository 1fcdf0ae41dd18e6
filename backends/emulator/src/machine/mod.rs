//! A request comes in, a response or the next step goes out.

pub(crate) mod events;
pub(crate) mod lifecycle;
pub(crate) mod state_machine;
