//! [`CreateBucket`].

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
    Bucket, BucketInfo, BucketName, BucketType, Capability, CorsRules, Encryption, LifecycleRules,
    ReplicationConfiguration,
};

/// Creates a bucket: `b2_create_bucket`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-create-bucket)
///
/// # Errors
/// [`Conflict`](crate::ErrorKind::Conflict) if any B2 account has a bucket of this name;
/// [`Rejected`](crate::ErrorKind::Rejected) with `too_many_buckets` if the account has the maximum
/// number of buckets. Replication also requires a verified email address (else
/// `email_not_verified`) and a payment history (else `no_payment_history`).
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateBucket {
    bucket_name: BucketName,
    bucket_type: BucketType,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_info: Option<BucketInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors_rules: Option<CorsRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_server_side_encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_lock_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_rules: Option<LifecycleRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_configuration: Option<ReplicationConfiguration>,
}

impl CreateBucket {
    /// Creates a bucket with this name. Its files can be downloaded by anyone
    /// ([`BucketType::AllPublic`]), or only with a key or a download authorization
    /// ([`BucketType::AllPrivate`]).
    #[must_use]
    pub const fn new(bucket_name: BucketName, bucket_type: BucketType) -> Self {
        Self {
            bucket_name,
            bucket_type,
            bucket_info: None,
            cors_rules: None,
            default_server_side_encryption: None,
            file_lock_enabled: None,
            lifecycle_rules: None,
            replication_configuration: None,
        }
    }

    /// Sets the bucket info: custom metadata of the bucket.
    #[must_use]
    pub fn bucket_info(mut self, info: BucketInfo) -> Self {
        self.bucket_info = Some(info);
        self
    }

    /// Sets the CORS rules.
    #[must_use]
    pub fn cors_rules(mut self, rules: CorsRules) -> Self {
        self.cors_rules = Some(rules.in_full());
        self
    }

    /// Sets the default encryption of files. SSE-B2 is B2's own default; setting it explicitly
    /// needs `writeBucketEncryption`.
    #[must_use]
    pub fn default_server_side_encryption(mut self, encryption: Encryption) -> Self {
        self.default_server_side_encryption = Some(encryption);
        self
    }

    /// Sets whether Object Lock is enabled. Needs `writeBucketRetentions`.
    #[must_use]
    pub const fn file_lock_enabled(mut self, enabled: bool) -> Self {
        self.file_lock_enabled = Some(enabled);
        self
    }

    /// Sets the lifecycle rules, by which B2 hides and deletes files automatically.
    #[must_use]
    pub fn lifecycle_rules(mut self, rules: LifecycleRules) -> Self {
        self.lifecycle_rules = Some(rules.in_full());
        self
    }

    /// Sets the bucket's replication. Needs `writeBucketReplications`.
    #[must_use]
    pub fn replication_configuration(mut self, configuration: ReplicationConfiguration) -> Self {
        self.replication_configuration = Some(configuration.in_full());
        self
    }
}

impl Call for CreateBucket {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_create_bucket",
        Capability::WriteBuckets,
        BillingClass::C,
    );
    type Output = Bucket;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_name.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        match &self.default_server_side_encryption {
            Some(encryption) => encryption.check_default(),
            None => Ok(()),
        }
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Bucket, Error> {
        reply.json_like(|bucket: &Bucket| {
            if bucket.name() != self.bucket_name {
                return Some("its name differs".to_owned());
            }
            match match_settings(bucket, self) {
                SettingsMatch::Full | SettingsMatch::Readable => None,
                SettingsMatch::Differs(field) => Some(format!("its {field} differs")),
            }
        })
    }

    /// Bucket names are globally unique, so if this account has a bucket with this name and these
    /// settings, this call may have created it.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<Bucket> {
        let Ok(found) = executor
            .execute(ListBuckets::new().bucket_name(self.bucket_name.clone()))
            .await
        else {
            return if lost.rejection.is_some() {
                Reconciliation::Unknown
            } else {
                Reconciliation::NotDone
            };
        };
        // An identical bucket that already existed can't be distinguished, and needn't be.
        let ours = found
            .buckets
            .into_iter()
            .find(|bucket| bucket.name() == self.bucket_name && bucket.revision <= 2);
        let Some(bucket) = ours else {
            return Reconciliation::NotDone;
        };
        match match_settings(&bucket, self) {
            SettingsMatch::Full => Reconciliation::Done(bucket),
            SettingsMatch::Readable => Reconciliation::Unknown,
            SettingsMatch::Differs(_) => Reconciliation::NotDone,
        }
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        Capability::for_bucket(
            self.default_server_side_encryption.is_some(),
            self.file_lock_enabled == Some(true),
            self.replication_configuration.is_some(),
        )
    }
}
