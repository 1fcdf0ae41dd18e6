//! [`UpdateBucket`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::list_buckets::ListBuckets;
use super::reply::Reply;
use super::response_match::{SettingsMatch, match_settings};
use super::target::Target;
use crate::error::Error;
use crate::types::{
    Bucket, BucketId, BucketInfo, BucketType, Capability, CorsRules, DefaultRetention, Encryption,
    LifecycleRules, ReplicationConfiguration,
};

/// Updates a bucket's settings: `b2_update_bucket`.
///
/// Each setting given here replaces the current one; the others are unchanged.
///
/// ```
/// # use b2kit::api::UpdateBucket;
/// # use b2kit::types::{Bucket, LifecycleRule, LifecycleRules};
/// # fn tidy(bucket: Bucket) -> Result<UpdateBucket, b2kit::Error> {
/// let mut rules = bucket.lifecycle_rules.into_vec();
/// rules.push(LifecycleRule::new("logs/").days_from_hiding_to_deleting(7));
/// let update = UpdateBucket::new(&bucket.bucket_id)
///     .lifecycle_rules(LifecycleRules::new(rules)?)
///     .if_revision_is(bucket.revision); // fails if it was changed in the meantime
/// # Ok(update)
/// # }
/// ```
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-update-bucket)
///
/// # Errors
/// [`Conflict`](crate::ErrorKind::Conflict) if the bucket's revision is not that of
/// [`if_revision_is`](Self::if_revision_is). B2's error codes for Object Lock are
/// `bucket_missing_file_lock` for a default retention without Object Lock, `file_lock_conflict` for
/// disabling it, `source_replication_conflict` for enabling it on a replication source, and
/// `restricted_bucket_conflict` for enabling it on a bucket that is neither public nor private.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateBucket {
    bucket_id: BucketId,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_type: Option<BucketType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_info: Option<BucketInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors_rules: Option<CorsRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_retention: Option<DefaultRetention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_server_side_encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_lock_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_rules: Option<LifecycleRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_configuration: Option<ReplicationConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_revision_is: Option<u64>,
}

impl UpdateBucket {
    /// Creates an update of this bucket, without any changes yet.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            bucket_type: None,
            bucket_info: None,
            cors_rules: None,
            default_retention: None,
            default_server_side_encryption: None,
            file_lock_enabled: None,
            lifecycle_rules: None,
            replication_configuration: None,
            if_revision_is: None,
        }
    }

    /// Sets whether anyone can download its files ([`BucketType::AllPublic`]) or not
    /// ([`BucketType::AllPrivate`]).
    #[must_use]
    pub fn bucket_type(mut self, bucket_type: BucketType) -> Self {
        self.bucket_type = Some(bucket_type);
        self
    }

    /// Sets the bucket info; [`BucketInfo::new`] removes all entries.
    #[must_use]
    pub fn bucket_info(mut self, info: BucketInfo) -> Self {
        self.bucket_info = Some(info);
        self
    }

    /// Sets the CORS rules; [`CorsRules::default`] removes all.
    #[must_use]
    pub fn cors_rules(mut self, rules: CorsRules) -> Self {
        self.cors_rules = Some(rules.in_full());
        self
    }

    /// Sets the default retention of files; [`DefaultRetention::none`] removes it. Needs
    /// `writeBucketRetentions`, and a bucket with Object Lock.
    #[must_use]
    pub fn default_retention(mut self, retention: DefaultRetention) -> Self {
        self.default_retention = Some(retention);
        self
    }

    /// Sets the default encryption of files. [`Encryption::none`] resets it to B2's own default,
    /// SSE-B2; SSE-C is not allowed. Needs `writeBucketEncryption`.
    #[must_use]
    pub fn default_server_side_encryption(mut self, encryption: Encryption) -> Self {
        self.default_server_side_encryption = Some(encryption);
        self
    }

    /// Sets whether Object Lock is enabled. Once enabled, it can't be disabled. Needs
    /// `writeBucketRetentions`.
    #[must_use]
    pub const fn file_lock_enabled(mut self, enabled: bool) -> Self {
        self.file_lock_enabled = Some(enabled);
        self
    }

    /// Sets the lifecycle rules, by which B2 hides and deletes files automatically;
    /// [`LifecycleRules::default`] removes all.
    #[must_use]
    pub fn lifecycle_rules(mut self, rules: LifecycleRules) -> Self {
        self.lifecycle_rules = Some(rules.in_full());
        self
    }

    /// Sets the bucket's replication; [`ReplicationConfiguration::none`] ends it. Needs
    /// `writeBucketReplications`.
    #[must_use]
    pub fn replication_configuration(mut self, configuration: ReplicationConfiguration) -> Self {
        self.replication_configuration = Some(configuration.in_full());
        self
    }

    /// Changes nothing unless the bucket is at this [`revision`](Bucket::revision).
    #[must_use]
    pub const fn if_revision_is(mut self, revision: u64) -> Self {
        self.if_revision_is = Some(revision);
        self
    }
}

impl Call for UpdateBucket {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_update_bucket",
        Capability::WriteBuckets,
        BillingClass::C,
    );
    type Output = Bucket;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        if let Some(encryption) = &self.default_server_side_encryption {
            encryption.check_default()?;
        }
        self.default_retention
            .as_ref()
            .map_or(Ok(()), DefaultRetention::check)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Bucket, Error> {
        reply.json_like(|bucket: &Bucket| {
            if bucket.bucket_id != self.bucket_id {
                return Some("it is a different bucket".to_owned());
            }
            if self
                .if_revision_is
                .is_some_and(|before| bucket.revision < before)
            {
                return Some("it has an older revision".to_owned());
            }
            match match_settings(bucket, self) {
                SettingsMatch::Full | SettingsMatch::Readable => None,
                SettingsMatch::Differs(field) => Some(format!("its {field} differs")),
            }
        })
    }

    /// Without a revision the update is idempotent and can be sent twice. With a revision, the
    /// second attempt is rejected if the first succeeded: it did if the bucket's revision is one
    /// higher and its settings match.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        _: &LostResponse,
    ) -> Reconciliation<Bucket> {
        let Some(revision) = self.if_revision_is else {
            return Reconciliation::NotDone;
        };
        let Ok(found) = executor
            .execute(ListBuckets::new().bucket_id(&self.bucket_id))
            .await
        else {
            return Reconciliation::Unknown;
        };
        let next = found.buckets.into_iter().find(|bucket| {
            bucket.bucket_id == self.bucket_id && bucket.revision.checked_sub(1) == Some(revision)
        });
        let Some(bucket) = next else {
            return Reconciliation::NotDone;
        };
        match match_settings(&bucket, self) {
            SettingsMatch::Full => Reconciliation::Done(bucket),
            // It may be another writer's change to settings that the key may write but not read.
            SettingsMatch::Readable => Reconciliation::Unknown,
            SettingsMatch::Differs(_) => Reconciliation::NotDone,
        }
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        Capability::for_bucket(
            self.default_server_side_encryption.is_some(),
            self.default_retention.is_some() || self.file_lock_enabled == Some(true),
            self.replication_configuration.is_some(),
        )
    }
}
