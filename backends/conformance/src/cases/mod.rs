//! All cases, by topic.
//!
//! - `wire`: the bytes of a request
//! - `targets`: paths and queries that must not be rewritten
//! - `uploads`, `responses`: bodies in both directions
//! - `forbidden_behavior`: what a library must not do by itself
//! - `connections`: which connections are reused, and when they are closed
//! - `deadlines`: what `CheckedClient` enforces over this backend
//! - `failures`: kind and phase of each error
//! - `tls`: which servers the backend trusts
//! - `executors`: on which async executors it works

mod connections;
mod deadlines;
mod executors;
mod failures;
mod forbidden_behavior;
mod responses;
mod targets;
mod tls;
mod uploads;
mod wire;

use crate::case::Case;

/// All cases, in their order.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        wire::CASES,
        targets::CASES,
        uploads::CASES,
        responses::CASES,
        forbidden_behavior::CASES,
        connections::CASES,
        failures::CASES,
        deadlines::CASES,
        tls::CASES,
        executors::CASES,
    ]
    .into_iter()
    .flatten()
}
