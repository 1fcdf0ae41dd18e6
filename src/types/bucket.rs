//! [`Bucket`]: a bucket and its settings, as B2 shows them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bucket_info::BucketInfo;
use super::cors::CorsRules;
use super::encryption::Encryption;
use super::from_object::from_object;
use super::ids::{AccountId, BucketId};
use super::lifecycle::LifecycleRules;
use super::names::BucketName;
use super::open_enum::open_enum;
use super::replication::ReplicationConfiguration;
use super::restricted::Restricted;
use super::retention::DefaultRetention;
use super::wire_form::WireForm;

open_enum! {
    /// The type of a bucket: who may download its files.
    BucketType {
        /// Everyone.
        AllPublic = "allPublic",
        /// Holders of a key or a download authorization.
        AllPrivate = "allPrivate",
        /// A snapshot, created in Backblaze's web interface.
        Snapshot = "snapshot",
        /// Restricted; not documented by B2.
        Restricted = "restricted",
        /// Shared; not documented by B2.
        Shared = "shared",
    }
}

/// A bucket and its settings.
///
/// It serializes to B2's own JSON. Fields that B2 left out are left out again, unless they have
/// been set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// The account that owns it.
    pub account_id: AccountId,
    /// Its id.
    pub bucket_id: BucketId,
    /// Its name.
    pub bucket_name: BucketName,
    /// Who may download its files; empty if B2 doesn't say.
    pub bucket_type: BucketType,
    /// The bucket info: custom metadata.
    pub bucket_info: BucketInfo,
    /// CORS rules.
    pub cors_rules: CorsRules,
    /// Lifecycle rules: when B2 hides and deletes files automatically.
    pub lifecycle_rules: LifecycleRules,
    /// Options such as `s3`: the bucket can be used through the S3 API.
    pub options: Vec<String>,
    /// A number that increases with every change of the settings.
    pub revision: u64,
    /// The default encryption of files.
    pub default_server_side_encryption: Restricted<Encryption>,
    /// Object Lock.
    pub file_lock_configuration: Restricted<FileLockConfiguration>,
    /// Replication.
    pub replication_configuration: Restricted<ReplicationConfiguration>,
    absent: WireForm<AbsentFields>,
}

/// The fields that B2 left out.
#[derive(Debug, Clone, Copy)]
struct AbsentFields {
    info: bool,
    cors: bool,
    lifecycle: bool,
    options: bool,
    encryption: bool,
    lock: bool,
    replication: bool,
    /// Whether B2 wrote `null` for no replication, instead of two empty halves.
    replication_value: bool,
}

/// A bucket on the wire, the form in which it is both read and written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    account_id: Cow<'a, AccountId>,
    bucket_id: Cow<'a, BucketId>,
    bucket_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_type: Option<Cow<'a, BucketType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_info: Option<Cow<'a, BucketInfo>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors_rules: Option<Cow<'a, CorsRules>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_rules: Option<Cow<'a, LifecycleRules>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Cow<'a, [String]>>,
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_server_side_encryption: Option<Cow<'a, Restricted<Encryption>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_lock_configuration: Option<Cow<'a, Restricted<FileLockConfiguration>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_configuration: Option<Restricted<Option<ReplicationConfiguration>>>,
}

impl<'de> Deserialize<'de> for Bucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire: Wire<'_> = from_object(deserializer)?;
        let absent = AbsentFields {
            info: wire.bucket_info.is_none(),
            cors: wire.cors_rules.is_none(),
            lifecycle: wire.lifecycle_rules.is_none(),
            options: wire.options.is_none(),
            encryption: wire.default_server_side_encryption.is_none(),
            lock: wire.file_lock_configuration.is_none(),
            replication: wire.replication_configuration.is_none(),
            replication_value: wire.replication_configuration == Some(Restricted::Value(None)),
        };
        let replication = wire.replication_configuration;
        let replication = replication.unwrap_or(Restricted::Unauthorized);
        Ok(Self {
            account_id: wire.account_id.into_owned(),
            bucket_id: wire.bucket_id.into_owned(),
            bucket_name: BucketName::new_unchecked(wire.bucket_name),
            bucket_type: wire
                .bucket_type
                .map_or_else(|| BucketType::from(""), Cow::into_owned),
            bucket_info: or_default(wire.bucket_info),
            cors_rules: or_default(wire.cors_rules),
            lifecycle_rules: or_default(wire.lifecycle_rules),
            options: wire.options.map(Cow::into_owned).unwrap_or_default(),
            revision: wire.revision,
            default_server_side_encryption: or_unauthorized(wire.default_server_side_encryption),
            file_lock_configuration: or_unauthorized(wire.file_lock_configuration),
            replication_configuration: replication.map(Option::unwrap_or_default),
            absent: WireForm(absent),
        })
    }
}

impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(absent) = self.absent;
        let is_absent = self.bucket_type.as_str().is_empty();
        let wire = Wire {
            account_id: Cow::Borrowed(&self.account_id),
            bucket_id: Cow::Borrowed(&self.bucket_id),
            bucket_name: Cow::Borrowed(self.bucket_name.as_str()),
            bucket_type: (!is_absent).then_some(Cow::Borrowed(&self.bucket_type)),
            bucket_info: if_present(absent.info, &self.bucket_info, &BucketInfo::default()),
            cors_rules: if_present(absent.cors, &self.cors_rules, &CorsRules::default()),
            lifecycle_rules: if_present(
                absent.lifecycle,
                &self.lifecycle_rules,
                &LifecycleRules::default(),
            ),
            options: if_present(absent.options, self.options.as_slice(), &[]),
            revision: self.revision,
            default_server_side_encryption: if_present(
                absent.encryption,
                &self.default_server_side_encryption,
                &Restricted::Unauthorized,
            ),
            file_lock_configuration: if_present(
                absent.lock,
                &self.file_lock_configuration,
                &Restricted::Unauthorized,
            ),
            replication_configuration: self.replication(absent),
        };
        wire.serialize(serializer)
    }
}

impl Bucket {
    /// The replication settings, as B2 wrote them.
    fn replication(
        &self,
        absent: AbsentFields,
    ) -> Option<Restricted<Option<ReplicationConfiguration>>> {
        let settings = &self.replication_configuration;
        if absent.replication && *settings == Restricted::Unauthorized {
            return None;
        }
        let is_null = |settings: &_| {
            absent.replication_value && *settings == ReplicationConfiguration::none()
        };
        let settings = settings.clone();
        Some(settings.map(|settings| (!is_null(&settings)).then_some(settings)))
    }
}

fn or_default<T: Clone + Default>(value: Option<Cow<'_, T>>) -> T {
    value.map(Cow::into_owned).unwrap_or_default()
}

/// A setting that B2 leaves out counts as one that the key may not read.
fn or_unauthorized<T: Clone>(value: Option<Cow<'_, Restricted<T>>>) -> Restricted<T> {
    value.map_or(Restricted::Unauthorized, Cow::into_owned)
}

/// The value, unless B2 left it out and it still has its default.
fn if_present<'a, T: ToOwned + PartialEq + ?Sized>(
    was_absent: bool,
    value: &'a T,
    default: &T,
) -> Option<Cow<'a, T>> {
    (!was_absent || value != default).then_some(Cow::Borrowed(value))
}

impl Bucket {
    /// The name, for other calls. It is B2's own, so it is not checked again.
    #[must_use]
    pub fn name(&self) -> BucketName {
        self.bucket_name.clone()
    }

    /// The same bucket with the fields of replication rules that B2 left out, for comparison with a
    /// request.
    pub(crate) fn in_full(mut self) -> Self {
        let replication = self.replication_configuration;
        self.replication_configuration = replication.map(ReplicationConfiguration::in_full);
        self
    }
}

/// A bucket's Object Lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileLockConfiguration {
    /// Whether files can be locked. It can't be disabled again.
    #[serde(default)]
    pub is_file_lock_enabled: bool,
    /// The default retention of files.
    #[serde(default)]
    pub default_retention: DefaultRetention,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_serializes_with_b2s_fields_and_those_set_since() {
        let least = r#"{"accountId":"a","bucketId":"b","bucketName":"my-bucket""#;
        let full = concat!(
            r#","bucketType":"allPublic","bucketInfo":{},"corsRules":[],"lifecycleRules":[]"#,
            r#","options":["s3"]"#
        );
        let hidden = |field: &str| {
            format!(r#","{field}":{{"isClientAuthorizedToRead":false,"value":null}}"#)
        };
        for (before, after) in [
            (String::new(), String::new()),
            (full.to_owned(), String::new()),
            (r#","options":[]"#.to_owned(), String::new()),
            (
                full.to_owned(),
                [
                    "defaultServerSideEncryption",
                    "fileLockConfiguration",
                    "replicationConfiguration",
                ]
                .map(hidden)
                .concat(),
            ),
        ] {
            let json = format!(r#"{least}{before},"revision":2{after}}}"#);
            let bucket: Bucket = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&bucket).unwrap(), json);
        }

        let mut bucket: Bucket =
            serde_json::from_str(&format!(r#"{least},"revision":2}}"#)).unwrap();
        bucket.options.push("s3".to_owned());
        let json = serde_json::to_string(&bucket).unwrap();
        assert!(json.contains(r#""options":["s3"]"#), "{json}");
        let again: Bucket = serde_json::from_str(&json).unwrap();
        assert_eq!(again, bucket);
    }
}
