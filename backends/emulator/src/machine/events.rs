//! What happens in buckets, as far as notification rules want to know: [`Webhook`].

use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::model::file::Version;
use crate::model::notification::{NotificationRule, covers};
use crate::model::state::State;
use crate::protocol::hex::hex;
use crate::protocol::json::{self, Sorted};

/// How many events are kept before the oldest are forgotten.
const MOST_EVENTS: usize = 10_000;

/// A request that B2 would send to the receiver of events: a `POST` of JSON.
///
/// [`Emulator::drain_webhooks`](crate::Emulator::drain_webhooks) hands them out, and the test plays the network; or a server
/// sends them, if it was built to.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// The name of the rule.
    pub rule: String,
    /// Where to.
    pub url: String,
    /// Names and values: the rule's own, `Content-Type`, and `X-Bz-Event-Notification-Signature` if the rule has a
    /// secret.
    pub headers: Vec<(String, String)>,
    /// The bytes that are signed.
    pub body: Bytes,
}

/// What can happen to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Upload,
    MultipartUpload,
    Copy,
    Hide,
    HideByRule,
    Delete,
    DeleteByRule,
}

/// What is told of a version.
pub(crate) struct Told {
    bucket_id: String,
    name: String,
    file_id: String,
    size: u64,
}

/// Something that happened, and the rule that wants it told.
#[derive(Clone)]
pub(crate) struct Event {
    bucket: String,
    rule: NotificationRule,
    shown: Value,
}

impl Told {
    pub(crate) fn of(version: &Version) -> Self {
        Self {
            bucket_id: version.bucket_id.clone(),
            name: version.name.clone(),
            file_id: version.file_id.clone(),
            size: version.stored().map_or(0, |stored| stored.content.len()),
        }
    }
}

impl Happening {
    const fn event_type(self) -> &'static str {
        match self {
            Self::Upload => "b2:ObjectCreated:Upload",
            Self::MultipartUpload => "b2:ObjectCreated:MultipartUpload",
            Self::Copy => "b2:ObjectCreated:Copy",
            Self::Hide => "b2:HideMarkerCreated:Hide",
            Self::HideByRule => "b2:HideMarkerCreated:LifecycleRule",
            Self::Delete => "b2:ObjectDeleted:Delete",
            Self::DeleteByRule => "b2:ObjectDeleted:LifecycleRule",
        }
    }
}

impl State {
    /// Something happened to a version: who wants to know is told, once somebody asks for it.
    pub(crate) fn tell(&mut self, version: &Told, happening: Happening, now: u64) {
        let Some(bucket) = self.buckets.get(&version.bucket_id) else {
            return;
        };
        let event_type = happening.event_type();
        let wants = |rule: &&NotificationRule| {
            let mut types = rule.event_types.iter();
            rule.is_enabled
                && version.name.starts_with(&rule.prefix)
                && types.any(|pattern| covers(pattern, event_type))
        };
        let Some(rule) = bucket.notification_rules.iter().find(wants) else {
            return;
        };
        let event = Event {
            bucket: bucket.id.clone(),
            rule: rule.clone(),
            shown: json!({
                "accountId": self.account_id,
                "bucketId": bucket.id,
                "bucketName": bucket.name,
                "eventId": self.ids.event_id(),
                "eventTimestamp": now,
                "eventType": event_type,
                "eventVersion": 1,
                "matchedRuleName": rule.name,
                "objectName": version.name,
                "objectSize": version.size,
                "objectVersionId": version.file_id,
            }),
        };
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// All that is to be told, in batches as large as the rules allow.
    pub(crate) fn drain_webhooks(&mut self) -> Vec<Webhook> {
        let mut batches: Vec<(Event, Vec<Value>)> = Vec::new();
        for event in self.events.drain(..) {
            let fits = |(first, batch): &&mut (Event, Vec<Value>)| {
                let room = (batch.len() as u64) < first.rule.max_batch;
                first.bucket == event.bucket && first.rule == event.rule && room
            };
            let shown = event.shown.clone();
            match batches.iter_mut().rev().find(fits) {
                Some((_, batch)) => batch.push(shown),
                None => batches.push((event, vec![shown])),
            }
        }
        batches
            .into_iter()
            .map(|(first, events)| Webhook::new(&first.rule, &json!({ "events": events })))
            .collect()
    }
}

impl Webhook {
    fn new(rule: &NotificationRule, body: &Value) -> Self {
        let body = json::text(&Sorted(body));
        let mut headers = rule.headers.clone().unwrap_or_default();
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        if let Some(secret) = &rule.secret {
            let name = "X-Bz-Event-Notification-Signature";
            headers.push((name.to_owned(), signature(secret, &body)));
        }
        Self {
            rule: rule.name.clone(),
            url: rule.url.clone(),
            headers,
            body: body.into(),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("rule", &self.rule)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("takes keys of any size");
    mac.update(body);
    format!("v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_computed_one() {
        assert_eq!(
            signature("3XDfkdQte2OgA78qCtSD17LAzpj6ay9H", b"{\"events\":[]}"),
            "v1=c8a2772124a93762fec96147690e81237c5af4fae95ede2255e2b73eb8c62218"
        );
    }
}
