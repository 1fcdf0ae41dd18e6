//! The cases.
//!
//! - `wire`: what leaves, byte for byte
//! - `targets`: paths and queries that must not be rewritten
//! - `uploads`, `responses`: bodies in both directions
//! - `conduct`: what a library must not do by itself
//! - `connections`: which are used again, and which are closed when
//! - `deadlines`: what the guard adds, over this backend
//! - `failures`: kind and phase of each error
//! - `tls`: whom the backend trusts
//! - `executors`: on which executors it works

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
