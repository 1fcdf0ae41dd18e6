//! B2 as an `object_store`: `object_store`'s own suite in both versions, and what that doesn't ask.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod creates;
mod deletes;
mod errors;
mod limits;
mod lists;
mod model;
mod multiparts;
mod reads;
mod suite;
mod urls;
mod world;
