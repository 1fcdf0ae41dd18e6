//! Replication: which files are copied to which other bucket, and their status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{ApplicationKeyId, BucketId};
use super::rules::{Quoted, at_most, open_rules, rules};
use crate::error::Error;

/// A bucket's replication settings, as source, destination or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplicationConfiguration {
    /// Files are copied from this bucket.
    pub as_replication_source: Option<AsReplicationSource>,
    /// Files are copied to this bucket.
    pub as_replication_destination: Option<AsReplicationDestination>,
}

impl ReplicationConfiguration {
    /// No replication; set on a bucket, it ends replication.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            as_replication_source: None,
            as_replication_destination: None,
        }
    }

    /// Files are copied from this bucket by these rules, read with this key.
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

    /// Files are copied to this bucket: from each key that reads a source to the key that writes
    /// here.
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
}

/// A bucket's settings as a source of replication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsReplicationSource {
    /// The rules.
    pub replication_rules: ReplicationRules,
    /// The key that reads the files.
    pub source_application_key_id: ApplicationKeyId,
}

/// Which files are copied where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplicationRule {
    /// The bucket they go to.
    pub destination_bucket_id: BucketId,
    /// The prefix of the names; empty is all files.
    #[serde(default)]
    pub file_name_prefix: String,
    /// Whether files that existed before the rule are copied too.
    #[serde(default)]
    pub include_existing_files: bool,
    /// Whether the rule is enabled.
    pub is_enabled: bool,
    /// 1 to 2,147,483,647, unique in the bucket: the rule with the larger number wins.
    pub priority: u32,
    /// 1 to 64 letters, digits, `-` and `_`.
    pub replication_rule_name: String,
}

impl ReplicationRule {
    /// A rule with this name by which all new files are copied to this bucket. Its priority is 128.
    pub fn new(name: impl Into<String>, destination_bucket_id: impl Into<BucketId>) -> Self {
        Self {
            destination_bucket_id: destination_bucket_id.into(),
            file_name_prefix: String::new(),
            include_existing_files: false,
            is_enabled: true,
            priority: 128,
            replication_rule_name: name.into(),
        }
    }

    /// Only files whose names begin with this.
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

    /// Which rule wins: the one with the larger number, of 1 to 2,147,483,647.
    #[must_use]
    pub const fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
}

rules! {
    /// A bucket's replication rules: at most two, of different priorities.
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
    /// From the key that reads the source to the key that writes here.
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
    /// B2's pages print the words in capitals, its SDKs read them in small letters: either is
    /// taken.
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
    fn a_broken_rule_is_refused_by_name_and_reason() {
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
    fn a_status_is_known_in_either_case_and_kept_where_it_is_not() {
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
