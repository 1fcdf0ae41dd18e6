//! [`SetBucketNotificationRules`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::get_bucket_notification_rules::{BucketNotificationRules, secrets};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, EventNotificationRules, Secret};

/// Sets a bucket's event notification rules: `b2_set_bucket_notification_rules`. Replaces all
/// existing rules.
///
/// B2 sends a [`TestEvent`](crate::types::EventType::TestEvent) to each new target.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-set-bucket-notification-rules)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `event_types_empty`, `event_type_invalid`,
/// `event_type_overlap` or `event_type_categories`.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone)]
pub struct SetBucketNotificationRules {
    bucket_id: BucketId,
    rules: EventNotificationRules,
}

impl SetBucketNotificationRules {
    /// Sets the rules of this bucket; [`EventNotificationRules::default`] removes all.
    pub fn new(bucket_id: impl Into<BucketId>, rules: EventNotificationRules) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            rules,
        }
    }
}

impl Call for SetBucketNotificationRules {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_set_bucket_notification_rules",
        Capability::WriteBucketNotifications,
        BillingClass::C,
    );
    type Output = BucketNotificationRules;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a, R> {
            bucket_id: &'a BucketId,
            event_notification_rules: R,
        }
        let wire = Wire {
            bucket_id: &self.bucket_id,
            event_notification_rules: self.rules.wire(),
        };
        target.post(&Self::METADATA, &wire)
    }

    fn read(&self, reply: Reply) -> Result<BucketNotificationRules, Error> {
        reply.json_about(|shown: &BucketNotificationRules| {
            let names = |rules: &EventNotificationRules| -> std::collections::BTreeSet<String> {
                rules.iter().map(|rule| rule.name.to_string()).collect()
            };
            shown.bucket_id == self.bucket_id
                && names(&shown.event_notification_rules) == names(&self.rules)
        })
    }

    fn secrets(&self) -> Vec<Secret> {
        secrets(&self.rules)
    }

    fn secrets_in_output(shown: &BucketNotificationRules) -> Vec<Secret> {
        secrets(&shown.event_notification_rules)
    }
}
