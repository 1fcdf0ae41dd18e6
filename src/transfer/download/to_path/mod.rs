//! Downloads to a local path: ranges side by side, verified, and renamed when they are complete.
//!
//! - `builder`: the arguments
//! - `job`: one download, from its first request to the rename
//! - `streams`: how many streams it has; `stream_controller` decides when another is worth a call
//! - `writer`: writes ranges; `hash` and `flush` follow it; `shared_state` is what these three
//!   share

mod builder;
mod flush;
mod hash;
mod job;
mod shared_state;
mod stream_controller;
mod streams;
mod writer;
