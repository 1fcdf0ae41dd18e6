//! B2 as an `object_store`: `object_store`'s own suite in both versions, and tests of what it does not cover.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod creates;
mod deletes;
mod errors;
mod fixture;
mod limits;
mod lists;
mod model;
mod multiparts;
mod programs;
mod reads;
mod suite;
mod urls;
