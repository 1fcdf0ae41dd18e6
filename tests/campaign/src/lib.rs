//! The fault campaign: random workloads over a hostile proxy, a model of what B2 must hold afterwards, and checks of
//! the process's output and memory.
//!
//! ```text
//! cargo test -p b2kit-campaign                        the short form
//! cargo test -p b2kit-campaign -- --include-ignored   the long form
//! B2KIT_SEEDS=500 cargo test -p b2kit-campaign        as many seeds of each random scenario
//! B2KIT_SEED=17 cargo test -p b2kit-campaign NAME     one seed, as a failure prints it
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "a hostile network is late, and a hang has to be noticed"
)]
#![expect(clippy::unwrap_used, reason = "it is made of tests")]
#![expect(
    missing_docs,
    reason = "its first lines say what each item is, the rest is for reading"
)]

pub mod backends;
pub mod fault;
pub mod hostile_server;
pub mod http_relay;
pub mod model;
pub mod operations;
pub mod process;
pub mod proxy;
pub mod seeds;
pub mod workload;
