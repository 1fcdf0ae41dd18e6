//! Downloads to a local path: parallel ranges, verified, and renamed when complete.
//!
//! - `builder`: the public methods and options
//! - `job`: a download, from the first request to the rename
//! - `streams`: the parallel streams; `stream_plan` divides the file into ranges, and
//!   `stream_controller` decides when to add a stream (both pure; `simulation` tests them together)
//! - `writer`: writes ranges; `hash` and `flush` run concurrently; `shared_state` is shared by
//!   these three

mod builder;
mod flush;
mod hash;
mod job;
mod shared_state;
#[cfg(test)]
mod simulation;
mod stream_controller;
mod stream_plan;
mod streams;
mod writer;
