//! [`Webhook`]: requests that notify receivers of events.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::model::event::Event;
use crate::model::notification::NotificationRule;
use crate::model::state::State;
use crate::protocol::hex::hex;
use crate::protocol::json::{self, Sorted};

/// A request that B2 sends to a receiver of event notifications: a `POST` of JSON.
///
/// [`Emulator::drain_webhooks`](crate::Emulator::drain_webhooks) returns them for the test to
/// deliver; a server can send them itself.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// The name of the rule.
    pub rule: String,
    /// The receiver's URL.
    pub url: String,
    /// Names and values: those of the rule, `Content-Type`, and `X-Bz-Event-Notification-Signature`
    /// if the rule has a signing secret.
    pub headers: Vec<(String, String)>,
    /// The bytes that the signature covers.
    pub body: Bytes,
}

impl State {
    /// Takes all pending events, in batches of the rules' maximum size.
    pub(crate) fn drain_webhooks(&mut self) -> Vec<Webhook> {
        let mut batches: Vec<(Event, Vec<Value>)> = Vec::new();
        // the last batch of each rule, by the bucket and the rule's name
        let mut open: HashMap<(String, String), usize> = HashMap::new();
        for event in self.events.drain(..) {
            let shown = event.json.clone();
            let key = (event.bucket.clone(), event.rule.name.clone());
            let last = open.get(&key).and_then(|at| batches.get_mut(*at));
            let fits = |(first, batch): &&mut (Event, Vec<Value>)| {
                (batch.len() as u64) < first.rule.max_batch && first.rule == event.rule
            };
            match last.filter(fits) {
                Some((_, batch)) => batch.push(shown),
                None => {
                    open.insert(key, batches.len());
                    batches.push((event, vec![shown]));
                }
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
    fn a_webhook_has_the_expected_signature() {
        assert_eq!(
            signature("3XDfkdQte2OgA78qCtSD17LAzpj6ay9H", b"{\"events\":[]}"),
            "v1=c8a2772124a93762fec96147690e81237c5af4fae95ede2255e2b73eb8c62218"
        );
    }
}
