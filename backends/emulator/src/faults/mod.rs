//! Faults on request: rules say which requests go wrong, and how.
//!
//! [`rules`] makes a [`plan`] for each request; the drivers carry it out.

pub(crate) mod fault;
pub(crate) mod kind;
pub(crate) mod latch;
pub(crate) mod plan;
pub(crate) mod rules;
pub(crate) mod subject;
pub(crate) mod tampering;
pub(crate) mod test_mode;
