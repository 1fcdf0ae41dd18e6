//! Compositions: files assembled from byte ranges of files in B2 and from local data.
//!
//! - `builder`, `compose_source`: the public builder and its sources
//! - `sources`: the open sources, and the bytes of each part
//! - `planner`: decides what is copied and what is uploaded, over `extents` (pure); `plan` is its
//!   result
//! - `execute`: executes the plan; `bodies` are the request bodies

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
