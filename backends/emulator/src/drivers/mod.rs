//! The drivers of the state machine: in-process, over HTTP, and for tests in other languages. All
//! I/O is here.

mod account;
pub(crate) mod builder;
#[cfg(feature = "server")]
mod call_log;
pub(crate) mod clock;
#[cfg(feature = "server")]
mod control;
pub(crate) mod exchange;
pub(crate) mod host;
pub(crate) mod in_process;
mod observer;
pub(crate) mod receiver;
mod request_body;
pub(crate) mod response_body;
#[cfg(feature = "server")]
pub(crate) mod server;
#[cfg(feature = "server")]
mod webhook_sender;
