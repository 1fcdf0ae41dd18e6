//! The control API, for tests in any language and for the console. Documented in `CONTROL.md`.
//!
//! Its path is none of B2's. Requests to it are not counted as calls, and no fault hits them,
//! except those that it forwards as a client.

mod account;
mod browse;
mod client;
mod console;
pub(in crate::drivers) mod context;
mod dispatch;
mod faults;
mod log;
mod query;
mod routes;
mod rule;

/// The path of the console, and the prefix of all other paths; their next segment is the version.
pub(in crate::drivers) const PATH: &str = "/b2kit-emulator/";
