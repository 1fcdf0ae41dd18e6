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

mod conduct;
mod connections;
mod deadlines;
mod executors;
mod failures;
mod responses;
mod targets;
mod tls;
mod uploads;
mod wire;

use crate::suite::Case;

/// All cases, in their order.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        wire::CASES,
        targets::CASES,
        uploads::CASES,
        responses::CASES,
        conduct::CASES,
        connections::CASES,
        failures::CASES,
        deadlines::CASES,
        tls::CASES,
        executors::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The table of a module's cases, each named after its function.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const CASES: &[crate::suite::Case] = &[$(crate::suite::Case {
            name: stringify!($case),
            run: $case,
        }),*];
    };
}
use cases;
