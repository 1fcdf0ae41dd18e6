//! The fields of `b2_create_bucket` and `b2_update_bucket`: those given replace the bucket's
//! settings.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{encryption, lock, replication, rules};
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::lock::{DefaultRetention, RetentionMode, Unit};
use crate::model::names;
use crate::model::rules::{CorsRule, LifecycleRule};
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;

/// The fields given, checked.
pub(crate) struct Settings {
    kind: Option<String>,
    info: Option<BTreeMap<String, String>>,
    cors_rules: Option<Vec<CorsRule>>,
    lifecycle_rules: Option<Vec<LifecycleRule>>,
    encryption: Option<encryption::Setting>,
    file_lock: Option<bool>,
    default_retention: Option<Option<DefaultRetention>>,
    replication: Option<Value>,
}

impl Settings {
    /// Reads the fields and checks the capabilities that some of them need.
    pub(crate) fn of(caller: &Caller, args: &Args) -> Result<Self, ApiError> {
        for (field, capability) in [
            ("defaultRetention", "writeBucketRetentions"),
            ("defaultServerSideEncryption", "writeBucketEncryption"),
            ("replicationConfiguration", "writeBucketReplications"),
        ] {
            if args.value(field).is_some() {
                caller.key.require(capability)?;
            }
        }
        let file_lock = args.boolean("fileLockEnabled")?;
        if file_lock == Some(true) {
            caller.key.require("writeBucketRetentions")?;
        }
        Ok(Self {
            kind: kind(args)?,
            info: info(args)?,
            cors_rules: rules::cors(args)?,
            lifecycle_rules: rules::lifecycle(args)?,
            encryption: encryption::of_args(args, "defaultServerSideEncryption")?,
            file_lock,
            default_retention: default_retention(args)?,
            replication: replication::of_args(args)?,
        })
    }

    /// The type, which a new bucket must have.
    pub(crate) fn kind(&self) -> Result<&str, ApiError> {
        self.kind
            .as_deref()
            .ok_or_else(|| undocumented::missing_field("bucketType"))
    }

    /// Applies all fields, or none.
    pub(crate) fn apply(self, bucket: &mut Bucket) -> Result<(), ApiError> {
        match self.file_lock {
            Some(false) if bucket.file_lock => {
                let message = "fileLockEnabled value of false is not allowed when bucket is \
                               already file lock enabled.";
                return Err(ApiError::new(400, "file_lock_conflict", message));
            }
            Some(true) if !bucket.file_lock && replication::is_source(&bucket.replication) => {
                let message = "Turning on file lock for an existing bucket having source \
                               replication configuration is not allowed.";
                return Err(ApiError::new(400, "source_replication_conflict", message));
            }
            _ => {}
        }
        if matches!(self.default_retention, Some(Some(_))) && self.file_lock != Some(true) {
            lock::require_lockable(bucket)?;
        }
        let setting = self.encryption.as_ref();
        let encrypts = setting
            .map(|setting| encryption::is_default(setting, bucket))
            .transpose()?;
        put(&mut bucket.kind, self.kind);
        put(&mut bucket.info, self.info);
        put(&mut bucket.cors_rules, self.cors_rules);
        put(&mut bucket.lifecycle_rules, self.lifecycle_rules);
        put(&mut bucket.encrypts, encrypts);
        put(&mut bucket.file_lock, self.file_lock);
        put(&mut bucket.default_retention, self.default_retention);
        put(&mut bucket.replication, self.replication);
        Ok(())
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn kind(args: &Args) -> Result<Option<String>, ApiError> {
    let kind = args.string("bucketType")?;
    match kind {
        None | Some("allPublic" | "allPrivate") => Ok(kind.map(str::to_owned)),
        Some(other) => Err(ApiError::bad_request(format!(
            "Invalid bucketType: {other}"
        ))),
    }
}

fn info(args: &Args) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let Some(info) = args.string_map("bucketInfo")? else {
        return Ok(None);
    };
    names::check_bucket_info(info).map(Some)
}

fn default_retention(args: &Args) -> Result<Option<Option<DefaultRetention>>, ApiError> {
    let Some(retention) = args.object("defaultRetention")? else {
        return Ok(None);
    };
    let Some(mode) = retention.string("mode")?.filter(|mode| *mode != "none") else {
        return Ok(Some(None));
    };
    let bad = |what: &str| ApiError::bad_request(format!("Invalid defaultRetention: {what}"));
    let mode = RetentionMode::parse(mode).ok_or_else(|| bad("mode"))?;
    let period = retention.object("period")?.ok_or_else(|| bad("period"))?;
    let duration = period.integer("duration")?;
    Ok(Some(Some(DefaultRetention {
        mode,
        duration: duration
            .and_then(|duration| u64::try_from(duration).ok())
            .filter(|duration| *duration > 0)
            .ok_or_else(|| bad("duration"))?,
        unit: match period.required("unit")? {
            "days" => Unit::Days,
            "years" => Unit::Years,
            _ => return Err(bad("unit")),
        },
    })))
}
