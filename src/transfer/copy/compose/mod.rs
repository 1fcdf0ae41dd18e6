//! Compositions: files put together of byte ranges of files in B2 and of local data.
//!
//! `builder` is what the caller says; `sources` opens the pieces; `planner` decides what is copied and what is sent, by what
//! `extents` finds, and `plan` says so; `execute` carries it out; `bodies` are the requests' bodies.

mod bodies;
mod builder;
mod compose_source;
mod execute;
mod extents;
mod plan;
mod planner;
mod sources;

pub use self::builder::{Compose, Composed};
pub use self::compose_source::ComposeSource;
pub use self::plan::{ComposePlan, ComposedPart};
