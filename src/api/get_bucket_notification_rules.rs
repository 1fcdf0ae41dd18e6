//! [`GetBucketNotificationRules`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, EventNotificationRules, Secret};

/// Gets a bucket's event notification rules: `b2_get_bucket_notification_rules`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-get-bucket-notification-rules)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) with `bad_bucket_id` if the bucket does not exist.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetBucketNotificationRules {
    bucket_id: BucketId,
}

/// A bucket's event notification rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BucketNotificationRules {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The rules, sorted by name.
    pub event_notification_rules: EventNotificationRules,
}

impl GetBucketNotificationRules {
    /// Gets this bucket's rules.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
        }
    }
}

impl Call for GetBucketNotificationRules {
    const METADATA: CallMetadata = CallMetadata::read(
        "b2_get_bucket_notification_rules",
        Capability::ReadBucketNotifications,
        BillingClass::C,
    );
    type Output = BucketNotificationRules;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<BucketNotificationRules, Error> {
        reply.json_about(|rules: &BucketNotificationRules| rules.bucket_id == self.bucket_id)
    }

    fn secrets_in_output(shown: &BucketNotificationRules) -> Vec<Secret> {
        secrets(&shown.event_notification_rules)
    }
}

/// The secrets in the targets of the rules.
pub(super) fn secrets(rules: &EventNotificationRules) -> Vec<Secret> {
    let targets = rules.iter().map(|rule| &rule.target_configuration);
    let secrets = targets.flat_map(|target| {
        let headers = target.custom_headers.iter().map(|header| &header.value);
        headers.chain(&target.hmac_sha256_signing_secret)
    });
    secrets.cloned().collect()
}
