//! What B2 expects of a well-behaved caller: authorization, and the loop through which every call
//! goes.
//!
//! Left to others: what a call says ([`api`](crate::api)), and how a request reaches a server
//! ([`b2kit_core`](crate::HttpClient)).
//!
//! In the order in which a call meets them: `call_loop` is the loop; `attempt` says in whose name
//! an attempt is made, where it goes and which headers it has; `admission` lets it go; `exchange`
//! sends it. Beneath them stand three rooms: `auth` (the session, what its key may do, where its
//! token may be sent), `retry` (what a failure means, whether another attempt follows, and when all
//! calls wait together) and `limits` (memory, bandwidth, open files). `paginate`, `buckets`,
//! `cleanup` and `orphans` are made of calls. `handle` is the [`Client`] itself, which the others
//! add their methods to.

// In the order in which the documentation of `Client` lists their methods.
mod builder;

mod call_loop;

mod buckets;

mod paginate;

mod cleanup;

mod orphans;

mod auth;

mod handle;

mod admission;
mod attempt;
mod exchange;
mod limits;
mod metrics;
mod redaction;
mod retry;
#[cfg(feature = "fs")]
mod signing_key;
mod telemetry;
mod unfinished;
mod upload_urls;

pub use self::builder::{ClientBuilder, TestMode};
pub use self::cleanup::DeleteMode;
pub use self::handle::Client;
pub(crate) use self::limits::semaphore::Reservation;
pub use self::metrics::CallCounts;
pub(crate) use self::paginate::{MAX_VERSIONS, at_most};
pub use self::retry::policy::RetryPolicy;
pub(crate) use self::retry::resume_policy::ResumePolicy;
#[cfg(feature = "fs")]
pub(crate) use self::signing_key::SigningKey;
pub(crate) use self::unfinished::UploadEntry;
pub use self::unfinished::{Unfinished, UnfinishedState};
