//! Downloads into a file of the local disk: ranges side by side, the hash behind them, and the name only at the end.
//!
//! `builder` is what the caller says; `job` is one download from its first request to the rename; `writer` writes ranges,
//! `hash` and `flush` follow it, and `shared_state` is what these three tell each other.

mod builder;
mod flush;
mod hash;
mod job;
mod shared_state;
mod writer;
