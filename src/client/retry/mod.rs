//! Retries: what a failure means, whether and when another attempt follows, and when all calls wait
//! together.

pub(super) mod classifier;
pub(super) mod limiter;
pub(super) mod outage;
pub(super) mod policy;
pub(super) mod quota;
pub(super) mod resume_policy;
pub(super) mod retry_after;
pub(super) mod state;
