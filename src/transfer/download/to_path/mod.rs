//! Downloads to a local path: ranges side by side, verified, and renamed when they are complete.
//!
//! - `builder`: the arguments
//! - `job`: one download, from its first request to the rename
//! - `writer`: writes ranges; `hash` and `flush` follow it; `shared_state` is what these three
//!   share

mod builder;
mod flush;
mod hash;
mod job;
mod shared_state;
mod writer;
