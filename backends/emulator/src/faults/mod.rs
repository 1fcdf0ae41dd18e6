//! Fault injection: rules decide which requests fail, and how.
//!
//! [`rules`] makes a [`plan`] for each request, which the drivers carry out.

pub(crate) mod fault;
pub(crate) mod kind;
pub(crate) mod latch;
pub(crate) mod plan;
pub(crate) mod rules;
pub(crate) mod subject;
pub(crate) mod tampering;
pub(crate) mod test_mode;
