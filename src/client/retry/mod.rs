//! Retries: failure classification, backoff, quota, rate limiting, and outage detection.

pub(super) mod classifier;
pub(super) mod limiter;
pub(super) mod outage;
pub(super) mod policy;
pub(super) mod quota;
pub(super) mod resume_policy;
pub(super) mod retry_after;
pub(super) mod state;
