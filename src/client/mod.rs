//! [`Client`] and what it does for every call: authorization, retries, limits, and the loop that
//! every call goes through.
//!
//! Not here: the content of calls ([`api`](crate::api)), and how a request reaches a server
//! ([`b2kit_core`](crate::HttpClient)).
//!
//! In the order in which a call meets them: `call_loop` is the loop, and `erased_call` is its view
//! of a call; `attempt` has an attempt's token, URL and headers; `admission` decides when it may be
//! sent; `exchange` sends it. Below them are three groups: `auth` (the session, what its key may
//! do, where its token may be sent), `retry` (what a failure means, whether to make another
//! attempt, and when all calls wait together) and `limits` (memory, bandwidth, open files).
//! `paginate`, `buckets` and `orphans` are built on calls. `handle` is the [`Client`] itself, to
//! which the others add methods; `bucket` is a [`BucketHandle`], whose methods are in
//! [`bucket`](crate::bucket).

// In the order in which the documentation of `Client` lists their methods; blank lines keep it.
mod builder;

mod buckets;

mod call_loop;

mod paginate;

mod orphans;

mod handle;

mod bucket;

mod admission;
mod attempt;
mod auth;
mod erased_call;
mod exchange;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod limits;
mod metrics;
mod redaction;
mod retry;
#[cfg(feature = "fs")]
mod signing_key;
mod telemetry;
mod unfinished;
mod upload_urls;

pub use self::bucket::BucketHandle;
pub use self::builder::{ClientBuilder, TestMode};
pub use self::handle::Client;
pub(crate) use self::limits::semaphore::Reservation;
pub use self::metrics::CallCounts;
pub(crate) use self::orphans::is_large_file_gone;
pub(crate) use self::paginate::{MAX_VERSIONS, at_most};
pub use self::retry::policy::RetryPolicy;
pub(crate) use self::retry::resume_policy::ResumePolicy;
#[cfg(feature = "fs")]
pub(crate) use self::signing_key::SigningKey;
pub(crate) use self::unfinished::{ActiveTransfer, UploadEntry};
pub use self::unfinished::{Unfinished, UnfinishedState};
