//! Replication: which files B2 copies to which other bucket, and their status.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::from_object::from_object;
use super::ids::{ApplicationKeyId, BucketId};
use super::rules::{Quoted, at_most, open_rules, rules};
use super::wire_form::{WireForm, null_is_default, nullable};
use crate::error::Error;

/// A bucket's replication settings, as source, destination or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicationConfiguration {
    /// Settings for copying files from this bucket.
    pub as_replication_source: Option<AsReplicationSource>,
    /// Settings for copying files to this bucket.
    pub as_replication_destination: Option<AsReplicationDestination>,
    absent: WireForm<AbsentHalves>,
}

/// The fields that B2 left out.
#[derive(Debug, Clone, Copy, Default)]
struct AbsentHalves {
    source: bool,
    destination: bool,
}

impl<'de> Deserialize<'de> for ReplicationConfiguration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            #[serde(default, deserialize_with = "nullable")]
            as_replication_source: Option<Option<AsReplicationSource>>,
            #[serde(default, deserialize_with = "nullable")]
            as_replication_destination: Option<Option<AsReplicationDestination>>,
        }
        let wire: Wire = from_object(deserializer)?;
        let absent = AbsentHalves {
            source: wire.as_replication_source.is_none(),
            destination: wire.as_replication_destination.is_none(),
        };
        Ok(Self {
            as_replication_source: wire.as_replication_source.flatten(),
            as_replication_destination: wire.as_replication_destination.flatten(),
            absent: WireForm(absent),
        })
    }
}

impl Serialize for ReplicationConfiguration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(absent) = self.absent;
        let (source, destination) = (
            &self.as_replication_source,
            &self.as_replication_destination,
        );
        let mut json = serializer.serialize_map(None)?;
        if source.is_some() || !absent.source {
            json.serialize_entry("asReplicationSource", source)?;
        }
        if destination.is_some() || !absent.destination {
            json.serialize_entry("asReplicationDestination", destination)?;
        }
        json.end()
    }
}

impl ReplicationConfiguration {
    /// No replication. Set on a bucket, it ends replication.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            as_replication_source: None,
            as_replication_destination: None,
            absent: WireForm(AbsentHalves {
                source: false,
                destination: false,
            }),
        }
    }

    /// Copies files from this bucket by these rules; this key reads them.
    #[must_use]
    pub fn source(
        mut self,
        source_application_key_id: impl Into<ApplicationKeyId>,
        rules: ReplicationRules,
    ) -> Self {
        self.as_replication_source = Some(AsReplicationSource {
            replication_rules: rules,
            source_application_key_id: source_application_key_id.into(),
        });
        self
    }

    /// Copies files to this bucket. Maps each key that reads a source to the key that writes here.
    #[must_use]
    pub fn destination<S: Into<ApplicationKeyId>, D: Into<ApplicationKeyId>>(
        mut self,
        source_to_destination_key_mapping: impl IntoIterator<Item = (S, D)>,
    ) -> Self {
        let mapping = source_to_destination_key_mapping.into_iter();
        self.as_replication_destination = Some(AsReplicationDestination {
            source_to_destination_key_mapping: mapping
                .map(|(source, destination)| (source.into(), destination.into()))
                .collect(),
        });
        self
    }

    /// The same with all fields, including those that B2 left out, for a request.
    pub(crate) fn in_full(mut self) -> Self {
        self.absent = WireForm::default();
        if let Some(source) = &mut self.as_replication_source {
            let rules = std::mem::take(&mut source.replication_rules).into_iter();
            let rules = rules.map(|rule| ReplicationRule {
                absent: WireForm::default(),
                ..rule
            });
            source.replication_rules = ReplicationRules::unchecked(rules);
        }
        self
    }
}

/// A bucket's settings as a source of replication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsReplicationSource {
    /// The rules.
    #[serde(default)]
    pub replication_rules: ReplicationRules,
    /// The key that reads the files; an empty id if B2 doesn't say.
    #[serde(default = "absent_key", skip_serializing_if = "is_absent")]
    pub source_application_key_id: ApplicationKeyId,
}

fn absent_key() -> ApplicationKeyId {
    ApplicationKeyId::from("")
}

fn is_absent(key_id: &ApplicationKeyId) -> bool {
    key_id.is_empty()
}

/// A replication rule: which files are copied to which bucket.
///
/// It serializes to B2's own JSON. Fields that B2 left out or sent as `null` have the defaults of
/// B2's own SDK, which are those of [`new`](Self::new), and are left out again, unless they have
/// been set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicationRule {
    /// The bucket they go to.
    pub destination_bucket_id: BucketId,
    /// The prefix of the names; empty matches all files.
    pub file_name_prefix: String,
    /// Whether files that existed before the rule are copied too.
    pub include_existing_files: bool,
    /// Whether the rule is enabled.
    pub is_enabled: bool,
    /// The priority, 1 to 2,147,483,647 and unique in the bucket: the rule with the larger number
    /// wins.
    pub priority: u32,
    /// The rule's name: 1 to 64 letters, digits, `-` and `_`.
    pub replication_rule_name: String,
    absent: WireForm<AbsentFields>,
}

/// The fields that B2 left out.
#[derive(Debug, Clone, Copy, Default)]
struct AbsentFields {
    prefix: bool,
    existing: bool,
    enabled: bool,
    priority: bool,
}

impl<'de> Deserialize<'de> for ReplicationRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            destination_bucket_id: BucketId,
            file_name_prefix: Option<String>,
            include_existing_files: Option<bool>,
            is_enabled: Option<bool>,
            priority: Option<u32>,
            replication_rule_name: String,
        }
        let wire: Wire = from_object(deserializer)?;
        let default = Self::new(wire.replication_rule_name, wire.destination_bucket_id);
        let absent = AbsentFields {
            prefix: wire.file_name_prefix.is_none(),
            existing: wire.include_existing_files.is_none(),
            enabled: wire.is_enabled.is_none(),
            priority: wire.priority.is_none(),
        };
        Ok(Self {
            file_name_prefix: wire.file_name_prefix.unwrap_or_default(),
            include_existing_files: wire.include_existing_files.unwrap_or_default(),
            is_enabled: wire.is_enabled.unwrap_or(default.is_enabled),
            priority: wire.priority.unwrap_or(default.priority),
            absent: WireForm(absent),
            ..default
        })
    }
}

impl Serialize for ReplicationRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(absent) = self.absent;
        let default = Self::new("", "");
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("destinationBucketId", &self.destination_bucket_id)?;
        if !(absent.prefix && self.file_name_prefix.is_empty()) {
            json.serialize_entry("fileNamePrefix", &self.file_name_prefix)?;
        }
        if self.include_existing_files || !absent.existing {
            json.serialize_entry("includeExistingFiles", &self.include_existing_files)?;
        }
        if !(absent.enabled && self.is_enabled == default.is_enabled) {
            json.serialize_entry("isEnabled", &self.is_enabled)?;
        }
        if !(absent.priority && self.priority == default.priority) {
            json.serialize_entry("priority", &self.priority)?;
        }
        json.serialize_entry("replicationRuleName", &self.replication_rule_name)?;
        json.end()
    }
}

impl ReplicationRule {
    /// A rule with this name that copies all new files to this bucket. Its priority is 128.
    pub fn new(name: impl Into<String>, destination_bucket_id: impl Into<BucketId>) -> Self {
        Self {
            destination_bucket_id: destination_bucket_id.into(),
            file_name_prefix: String::new(),
            include_existing_files: false,
            is_enabled: true,
            priority: 128,
            replication_rule_name: name.into(),
            absent: WireForm::default(),
        }
    }

    /// Restricts the rule to files whose names begin with this prefix.
    #[must_use]
    pub fn file_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.file_name_prefix = prefix.into();
        self
    }

    /// Also copies files that existed before the rule.
    #[must_use]
    pub const fn include_existing_files(mut self) -> Self {
        self.include_existing_files = true;
        self
    }

    /// Disables the rule without removing it.
    #[must_use]
    pub const fn disabled(mut self) -> Self {
        self.is_enabled = false;
        self
    }

    /// Sets the priority, 1 to 2,147,483,647: the rule with the larger number wins.
    #[must_use]
    pub const fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
}

rules! {
    /// A bucket's replication rules: at most two, with different priorities.
    ReplicationRules of ReplicationRule, check
}
open_rules!(ReplicationRules);

fn check(rules: &[ReplicationRule]) -> Result<(), Error> {
    at_most(2, rules.len(), "replication rules")?;
    for rule in rules {
        let name = &rule.replication_rule_name;
        let broken = if !(1..=64).contains(&name.len()) {
            format!("its name has {} bytes; it has 1 to 64", name.len())
        } else if let Some(other) = name
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"-_".contains(*c))
        {
            format!("its name has {other:?}; it has letters, digits, '-' and '_' only")
        } else if !(1..=2_147_483_647).contains(&rule.priority) {
            format!(
                "its priority {} is not between 1 and 2,147,483,647",
                rule.priority
            )
        } else {
            continue;
        };
        return Err(Error::invalid(format!(
            "the replication rule {}: {broken}",
            Quoted(name)
        )));
    }
    if let [one, other] = rules
        && one.priority == other.priority
    {
        return Err(Error::invalid(format!(
            "both replication rules have the priority {}",
            one.priority
        )));
    }
    Ok(())
}

/// A bucket's settings as a destination of replication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsReplicationDestination {
    /// Maps each key that reads a source to the key that writes here.
    #[serde(default, deserialize_with = "null_is_default")]
    pub source_to_destination_key_mapping: BTreeMap<ApplicationKeyId, ApplicationKeyId>,
}

/// The replication status of a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplicationStatus {
    /// It will be copied.
    Pending,
    /// It was copied.
    Completed,
    /// It could not be copied.
    Failed,
    /// It is itself a copy.
    Replica,
    /// A word that this version of the crate doesn't know.
    Other(Box<str>),
}

impl ReplicationStatus {
    /// B2's word for it, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Replica => "replica",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for ReplicationStatus {
    /// Accepts the words in capitals, as B2's documentation prints them, and in lower case, as its
    /// SDKs read them.
    fn from(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "replica" => Self::Replica,
            _ => Self::Other(word.into()),
        }
    }
}

impl Serialize for ReplicationStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReplicationStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer).map(|word| (&*word).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_rule_is_refused_with_name_and_reason() {
        let rule = |name: &str| ReplicationRule::new(name, "b");
        for (rules, told) in [
            (vec![rule("")], "its name has 0 bytes"),
            (
                vec![rule(&"n".repeat(65))],
                "its name has 65 bytes; it has 1 to 64",
            ),
            (vec![rule("a b")], "its name has ' '"),
            (vec![rule("n").priority(0)], "its priority 0 is not"),
            (
                vec![rule("n").priority(1 << 31)],
                "its priority 2147483648 is not",
            ),
            (
                vec![rule("a"), rule("b")],
                "both replication rules have the priority 128",
            ),
            (vec![rule("a"); 3], "3 replication rules, 1 more than the 2"),
        ] {
            let error = ReplicationRules::new(rules.clone())
                .unwrap_err()
                .to_string();
            assert!(error.contains(told), "{error}");
            assert_eq!(ReplicationRules::unchecked(rules.clone()).into_vec(), rules);
        }
        let good = [rule("A-b_1"), rule("b").priority(2_147_483_647)];
        assert!(ReplicationRules::new(good).is_ok());
    }

    #[test]
    fn a_status_is_parsed_in_either_case_and_an_unknown_one_is_kept() {
        for (word, status) in [
            ("PENDING", ReplicationStatus::Pending),
            ("completed", ReplicationStatus::Completed),
            ("Failed", ReplicationStatus::Failed),
            ("replica", ReplicationStatus::Replica),
            ("Paused", ReplicationStatus::Other("Paused".into())),
        ] {
            assert_eq!(ReplicationStatus::from(word), status);
            let again = serde_json::to_string(&status).unwrap();
            assert_eq!(
                serde_json::from_str::<ReplicationStatus>(&again).unwrap(),
                status
            );
        }
    }
}
