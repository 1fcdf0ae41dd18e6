//! The hyper backend: the suite that all backends pass, and what only this one has.
//!
//! - `conformance`: the suite
//! - `connector`: connectors and settings of a user's own
//! - `pool`: which connection a request takes
//! - `tls`: what can be chosen about trust
//! - `runtimes`: on which runtime it lives, and what happens when that is gone

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod conformance;
mod connector;
mod pool;
mod runtimes;
mod tls;

use b2kit_hyper::HyperClient;

/// A client on a runtime of its own.
fn client() -> HyperClient {
    HyperClient::builder().dedicated_runtime().build().unwrap()
}
