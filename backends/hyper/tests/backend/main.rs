//! The hyper backend against raw sockets on loopback: the test plays the server, line by line.
//!
//! - `raw_server`: the server's side of a conversation; knows no HTTP library
//! - `client`: the backend's side: requests, and waiting for what becomes of them
//! - `wire`: what leaves, byte for byte
//! - `uploads`, `responses`: bodies in both directions
//! - `connections`: which are used again, and which are closed when
//! - `failures`: kind and phase of each error
//! - `tls`: whom the backend trusts
//! - `runtimes`: on which executors it works, and what happens when one is gone

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod client;
mod connections;
mod failures;
mod raw_server;
mod responses;
mod runtimes;
mod tls;
mod uploads;
mod wire;
