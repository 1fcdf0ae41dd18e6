//! Event notifications: which events in a bucket B2 reports, and where.

use serde::{Deserialize, Deserializer, Serialize};

use super::from_object::from_object;
use super::open_enum::open_enum;
use super::rules::{Quoted, at_most, overlap, rule_name, rules, twice};
use super::secret::Secret;
use crate::error::Error;

open_enum! {
    /// The type of an event in a bucket. In rules, a type with `All` in its name matches every
    /// event of its kind.
    EventType {
        /// A file was created, in any way.
        ObjectCreatedAll = "b2:ObjectCreated:*",
        /// A file was uploaded.
        ObjectCreatedUpload = "b2:ObjectCreated:Upload",
        /// A large file was finished.
        ObjectCreatedMultipartUpload = "b2:ObjectCreated:MultipartUpload",
        /// A file was copied.
        ObjectCreatedCopy = "b2:ObjectCreated:Copy",
        /// A file arrived by replication.
        ObjectCreatedReplica = "b2:ObjectCreated:Replica",
        /// A large file arrived by replication.
        ObjectCreatedMultipartReplica = "b2:ObjectCreated:MultipartReplica",
        /// A version was deleted, in any way.
        ObjectDeletedAll = "b2:ObjectDeleted:*",
        /// A version was deleted by a program.
        ObjectDeletedDelete = "b2:ObjectDeleted:Delete",
        /// A version was deleted by a lifecycle rule.
        ObjectDeletedLifecycleRule = "b2:ObjectDeleted:LifecycleRule",
        /// A file was hidden, in any way.
        HideMarkerCreatedAll = "b2:HideMarkerCreated:*",
        /// A file was hidden by a program.
        HideMarkerCreatedHide = "b2:HideMarkerCreated:Hide",
        /// A file was hidden by a lifecycle rule.
        HideMarkerCreatedLifecycleRule = "b2:HideMarkerCreated:LifecycleRule",
        /// A large file was started, in any way.
        MultipartUploadCreatedAll = "b2:MultipartUploadCreated:*",
        /// A large file was started that can be read while it is written.
        MultipartUploadCreatedLiveRead = "b2:MultipartUploadCreated:LiveRead",
        /// B2 tests the target of a rule that was just set. Not allowed in rules.
        TestEvent = "b2:TestEvent",
    }
}

impl EventType {
    /// Whether rules for the two overlap: they are the same, or one matches every event of the
    /// other's kind.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let covers = |all: &Self, one: &Self| {
            let kind = all.as_str().strip_suffix('*');
            kind.is_some_and(|kind| kind.ends_with(':') && one.as_str().starts_with(kind))
        };
        self == other || covers(self, other) || covers(other, self)
    }
}

open_enum! {
    /// The type of a target: how B2 delivers events.
    TargetType {
        /// A POST request to a URL.
        Webhook = "webhook",
    }
}

/// An event notification rule: which events B2 reports, and where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventNotificationRule {
    /// The events.
    pub event_types: Vec<EventType>,
    /// Whether the rule is enabled.
    pub is_enabled: bool,
    /// Whether B2 has suspended deliveries to the target. Only B2 sets it.
    pub is_suspended: bool,
    /// The rule's name: 6 to 63 letters, digits and `-`, unique in the bucket.
    pub name: String,
    /// The prefix of the file names; empty matches all files.
    pub object_name_prefix: String,
    /// Why B2 has suspended deliveries; empty if it has not.
    pub suspension_reason: String,
    /// Where events are delivered.
    pub target_configuration: TargetConfiguration,
}

/// The target of a rule: where and how B2 delivers events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetConfiguration {
    /// How they are delivered.
    pub target_type: TargetType,
    /// The URL, which begins with `https://`.
    pub url: String,
    /// Additional headers that B2 sends: at most ten, none beginning with `X-Bz-`.
    pub custom_headers: Vec<CustomHeader>,
    /// The secret with which B2 signs its requests: 32 letters and digits. `None` means unsigned,
    /// and anyone can forge an unsigned request.
    pub hmac_sha256_signing_secret: Option<Secret>,
    /// The maximum number of events in one request: 1 to 50.
    pub max_events_per_batch: u32,
}

/// A custom header of the requests that deliver events.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct CustomHeader {
    /// Its name.
    pub name: String,
    /// Its value, which often is a token.
    pub value: Secret,
}

impl EventNotificationRule {
    /// A rule with this name that reports these events to this target, for all files.
    pub fn new(
        name: impl Into<String>,
        event_types: impl IntoIterator<Item = EventType>,
        target: TargetConfiguration,
    ) -> Self {
        Self {
            event_types: event_types.into_iter().collect(),
            is_enabled: true,
            is_suspended: false,
            name: name.into(),
            object_name_prefix: String::new(),
            suspension_reason: String::new(),
            target_configuration: target,
        }
    }

    /// Restricts the rule to files whose names begin with this prefix.
    #[must_use]
    pub fn object_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.object_name_prefix = prefix.into();
        self
    }

    /// Disables the rule without removing it.
    #[must_use]
    pub const fn disabled(mut self) -> Self {
        self.is_enabled = false;
        self
    }

    fn broken(&self) -> Option<String> {
        if let Some(broken) = rule_name(&self.name, 6, 63) {
            return Some(format!("its name {broken}"));
        }
        if self.event_types.is_empty() {
            return Some("it has no event types".to_owned());
        }
        for (at, one) in self.event_types.iter().enumerate() {
            if let Some(other) = self.event_types[..at]
                .iter()
                .find(|other| one.overlaps(other))
            {
                return Some(format!("its events {other} and {one} overlap"));
            }
        }
        self.target_configuration.broken()
    }
}

impl TargetConfiguration {
    /// A webhook at this URL, unsigned, with one event for each request.
    pub fn webhook(url: impl Into<String>) -> Self {
        Self {
            target_type: TargetType::Webhook,
            url: url.into(),
            custom_headers: Vec::new(),
            hmac_sha256_signing_secret: None,
            max_events_per_batch: 1,
        }
    }

    /// Signs the requests with this secret: 32 letters and digits.
    #[must_use]
    pub fn hmac_sha256_signing_secret(mut self, secret: Secret) -> Self {
        self.hmac_sha256_signing_secret = Some(secret);
        self
    }

    /// Adds this header to the requests.
    #[must_use]
    pub fn custom_header(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.custom_headers.push(CustomHeader {
            name: name.into(),
            value,
        });
        self
    }

    /// The maximum number of events in one request: 1 to 50.
    #[must_use]
    pub const fn max_events_per_batch(mut self, count: u32) -> Self {
        self.max_events_per_batch = count;
        self
    }

    fn broken(&self) -> Option<String> {
        if self.target_type == TargetType::Webhook && !self.url.starts_with("https://") {
            return Some("its URL doesn't begin with \"https://\"".to_owned());
        }
        if !(1..=50).contains(&self.max_events_per_batch) {
            return Some(format!(
                "it has {} events per batch; B2 allows 1 to 50",
                self.max_events_per_batch
            ));
        }
        if let Some(secret) = &self.hmac_sha256_signing_secret {
            let secret = secret.expose();
            if secret.len() != 32 || !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Some("its signing secret is not 32 letters and digits".to_owned());
            }
        }
        if self.custom_headers.len() > 10 {
            let count = self.custom_headers.len();
            return Some(format!("it has {count} headers; B2 allows at most 10"));
        }
        let own = |name: &str| {
            name.get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-bz-"))
        };
        if let Some(header) = self.custom_headers.iter().find(|header| own(&header.name)) {
            let name = Quoted(&header.name);
            return Some(format!(
                "its header {name} begins with \"X-Bz-\", which is reserved by B2"
            ));
        }
        let lengths = self.custom_headers.iter();
        let size: usize = lengths
            .map(|header| header.name.len() + header.value.expose().len())
            .sum();
        (size > 2_048).then(|| {
            let excess = size - 2_048;
            format!("its headers have {size} bytes, {excess} more than the 2,048 that B2 allows")
        })
    }
}

rules! {
    /// A bucket's event notification rules: at most 25, no two of which may match the same event of
    /// the same file.
    EventNotificationRules of EventNotificationRule, check
}

fn check(rules: &[EventNotificationRule]) -> Result<(), Error> {
    at_most(25, rules.len(), "event notification rules")?;
    for rule in rules {
        if let Some(broken) = rule.broken() {
            let name = Quoted(&rule.name);
            return Err(Error::invalid(format!(
                "the event notification rule {name}: {broken}"
            )));
        }
    }
    if let Some(name) = twice(rules.iter().map(|rule| rule.name.as_str())) {
        let name = Quoted(name);
        return Err(Error::invalid(format!(
            "two event notification rules have the name {name}"
        )));
    }
    for (at, one) in rules.iter().enumerate() {
        for other in &rules[..at] {
            let same = one
                .event_types
                .iter()
                .find(|one| other.event_types.iter().any(|other| one.overlaps(other)));
            let prefixes = [&*one.object_name_prefix, &*other.object_name_prefix];
            if let Some(same) = same
                && overlap(prefixes.into_iter()).is_some()
            {
                let (one, other) = (Quoted(&one.name), Quoted(&other.name));
                return Err(Error::invalid(format!(
                    "the event notification rules {other} and {one} both apply to {same} of the \
                     same files"
                )));
            }
        }
    }
    Ok(())
}

impl EventNotificationRules {
    /// The rules for a request, the only place where their secrets are written. Fields that only B2
    /// sets are left out.
    pub(crate) fn wire(&self) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Rule<'a> {
            event_types: &'a [EventType],
            is_enabled: bool,
            name: &'a str,
            object_name_prefix: &'a str,
            target_configuration: Target<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Target<'a> {
            target_type: &'a TargetType,
            url: &'a str,
            custom_headers: Vec<Header<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hmac_sha256_signing_secret: Option<&'a str>,
            max_events_per_batch: u32,
        }
        #[derive(Serialize)]
        struct Header<'a> {
            name: &'a str,
            value: &'a str,
        }
        self.0
            .iter()
            .map(|rule| {
                let target = &rule.target_configuration;
                Rule {
                    event_types: &rule.event_types,
                    is_enabled: rule.is_enabled,
                    name: &rule.name,
                    object_name_prefix: &rule.object_name_prefix,
                    target_configuration: Target {
                        target_type: &target.target_type,
                        url: &target.url,
                        custom_headers: target
                            .custom_headers
                            .iter()
                            .map(|header| Header {
                                name: &header.name,
                                value: header.value.expose(),
                            })
                            .collect(),
                        hmac_sha256_signing_secret: target
                            .hmac_sha256_signing_secret
                            .as_ref()
                            .map(Secret::expose),
                        max_events_per_batch: target.max_events_per_batch,
                    },
                }
            })
            .collect::<Vec<_>>()
    }
}

impl<'de> Deserialize<'de> for EventNotificationRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            event_types: Vec<EventType>,
            is_enabled: bool,
            #[serde(default)]
            is_suspended: bool,
            name: String,
            #[serde(default)]
            object_name_prefix: String,
            suspension_reason: Option<String>,
            target_configuration: WireTarget,
            /// The place where B2's documentation has this field; B2 itself returns it in the
            /// target.
            max_events_per_batch: Option<u32>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct WireTarget {
            target_type: TargetType,
            #[serde(default)]
            url: String,
            custom_headers: Option<Vec<CustomHeader>>,
            hmac_sha256_signing_secret: Option<Secret>,
            max_events_per_batch: Option<u32>,
        }
        let wire: Wire = from_object(deserializer)?;
        let target = wire.target_configuration;
        Ok(Self {
            event_types: wire.event_types,
            is_enabled: wire.is_enabled,
            is_suspended: wire.is_suspended,
            name: wire.name,
            object_name_prefix: wire.object_name_prefix,
            suspension_reason: wire.suspension_reason.unwrap_or_default(),
            target_configuration: TargetConfiguration {
                target_type: target.target_type,
                url: target.url,
                custom_headers: target.custom_headers.unwrap_or_default(),
                hmac_sha256_signing_secret: target.hmac_sha256_signing_secret,
                max_events_per_batch: target
                    .max_events_per_batch
                    .or(wire.max_events_per_batch)
                    .unwrap_or(1),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> TargetConfiguration {
        TargetConfiguration::webhook("https://example.com/hook")
    }

    fn rule(name: &str, prefix: &str, event_types: &[EventType]) -> EventNotificationRule {
        EventNotificationRule::new(name, event_types.iter().cloned(), target())
            .object_name_prefix(prefix)
    }

    #[test]
    fn an_event_kind_overlaps_with_its_members_only() {
        use EventType as E;
        let unknown = E::from("b2:ObjectCreated:Summoned");
        assert!(E::ObjectCreatedAll.overlaps(&E::ObjectCreatedCopy));
        assert!(unknown.overlaps(&E::ObjectCreatedAll));
        assert!(E::TestEvent.overlaps(&E::TestEvent));
        assert!(!E::ObjectCreatedAll.overlaps(&E::ObjectDeletedAll));
        assert!(!E::ObjectCreatedUpload.overlaps(&E::ObjectCreatedCopy));
        assert!(!E::from("*").overlaps(&E::ObjectCreatedCopy));
    }

    #[test]
    fn an_invalid_rule_is_refused_with_name_and_reason_but_without_secrets() {
        use EventType as E;
        let with = |target| EventNotificationRule::new("my-rule", [E::ObjectCreatedAll], target);
        let secret = |text: &str| target().hmac_sha256_signing_secret(Secret::new(text));
        let headers = |count| {
            (0..count).fold(target(), |target, number| {
                target.custom_header(format!("h-{number}"), Secret::new("canary"))
            })
        };
        for (rule, told) in [
            (
                rule("short", "", &[E::ObjectCreatedAll]),
                "its name has 5 bytes; it has 6 to 63",
            ),
            (
                rule("b2-mine", "", &[E::ObjectCreatedAll]),
                "begins with \"b2-\"",
            ),
            (rule("my-rule", "", &[]), "no event types"),
            (
                rule("my-rule", "", &[E::ObjectCreatedAll, E::ObjectCreatedCopy]),
                "its events b2:ObjectCreated:* and b2:ObjectCreated:Copy overlap",
            ),
            (
                with(TargetConfiguration::webhook("http://example.com/canary")),
                "\"https://\"",
            ),
            (
                with(target().max_events_per_batch(0)),
                "has 0 events per batch",
            ),
            (
                with(target().max_events_per_batch(51)),
                "has 51 events per batch",
            ),
            (
                with(secret("canarycanarycanarycanarycanary3")),
                "not 32 letters and digits",
            ),
            (
                with(secret("canarycanarycanarycanarycanary-!")),
                "not 32 letters and digits",
            ),
            (with(headers(11)), "it has 11 headers"),
            (
                with(target().custom_header("X-bz-x", Secret::new(""))),
                "begins with \"X-Bz-\"",
            ),
            (
                with(target().custom_header("h", Secret::new("canary".repeat(342)))),
                "have 2053 bytes, 5 more than the 2,048",
            ),
        ] {
            let error = EventNotificationRules::new([rule]).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("canary"), "{error}");
        }
        assert!(EventNotificationRules::new([with(headers(10).max_events_per_batch(50))]).is_ok());
        let signed = secret("canarycanarycanarycanarycanary32");
        assert!(!format!("{signed:?} {:?}", headers(1)).contains("canary"));
        assert!(EventNotificationRules::new([with(signed)]).is_ok());
    }

    #[test]
    fn two_rules_may_not_be_for_the_same_event_of_the_same_file() {
        use EventType as E;
        let pets = rule("pets-rule", "images/pets/", &[E::ObjectCreatedCopy]);
        let images = |event| rule("images-rule", "images/", &[event]);
        let error = EventNotificationRules::new([pets.clone(), images(E::ObjectCreatedAll)]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "the event notification rules \"pets-rule\" and \"images-rule\" both apply to \
             b2:ObjectCreated:* of the same files"
        );
        assert!(EventNotificationRules::new([pets.clone(), images(E::ObjectDeletedAll)]).is_ok());
        let films = rule("films-rule", "films/", &[E::ObjectCreatedCopy]);
        assert!(EventNotificationRules::new([pets.clone(), films]).is_ok());
        let again = rule("pets-rule", "films/", &[E::ObjectDeletedAll]);
        let error = EventNotificationRules::new([pets.clone(), again]).unwrap_err();
        assert!(error.to_string().contains("have the name \"pets-rule\""));
        let many = (0..26).map(|number| rule(&format!("rule-{number}"), "", &[]));
        let error = EventNotificationRules::new(many).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("26 event notification rules, 1 more than the 25")
        );
        assert_eq!(
            EventNotificationRules::unchecked([pets.clone(), pets]).len(),
            2
        );
    }
}
