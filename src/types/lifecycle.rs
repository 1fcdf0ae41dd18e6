//! [`LifecycleRule`]: when B2 hides and deletes files automatically.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::from_object::from_object;
use super::rules::{Quoted, at_most, open_rules, overlap, rules};
use super::wire_form::{WireForm, nullable};
use crate::error::Error;

/// When B2 automatically hides or deletes files whose names have a prefix. The number of days is at
/// least 1; `None` means never.
///
/// B2 applies rules once a day, and skips locked versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifecycleRule {
    /// The prefix of the names; empty matches all files.
    pub file_name_prefix: String,
    /// Hides a file this many days after its upload.
    pub days_from_uploading_to_hiding: Option<u32>,
    /// Deletes a version this many days after it was hidden or replaced.
    pub days_from_hiding_to_deleting: Option<u32>,
    /// Cancels a large file that was started this many days ago and never finished.
    pub days_from_starting_to_canceling_unfinished_large_files: Option<u32>,
    absent: WireForm<AbsentFields>,
}

/// The fields that B2 left out: rules from before 2024 have no days for unfinished large files.
#[derive(Debug, Clone, Copy, Default)]
struct AbsentFields {
    uploading: bool,
    hiding: bool,
    starting: bool,
}

impl<'de> Deserialize<'de> for LifecycleRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            file_name_prefix: String,
            #[serde(default, deserialize_with = "nullable")]
            days_from_uploading_to_hiding: Option<Option<u32>>,
            #[serde(default, deserialize_with = "nullable")]
            days_from_hiding_to_deleting: Option<Option<u32>>,
            #[serde(default, deserialize_with = "nullable")]
            days_from_starting_to_canceling_unfinished_large_files: Option<Option<u32>>,
        }
        let wire: Wire = from_object(deserializer)?;
        let uploading = wire.days_from_uploading_to_hiding;
        let hiding = wire.days_from_hiding_to_deleting;
        let starting = wire.days_from_starting_to_canceling_unfinished_large_files;
        Ok(Self {
            file_name_prefix: wire.file_name_prefix,
            days_from_uploading_to_hiding: uploading.flatten(),
            days_from_hiding_to_deleting: hiding.flatten(),
            days_from_starting_to_canceling_unfinished_large_files: starting.flatten(),
            absent: WireForm(AbsentFields {
                uploading: uploading.is_none(),
                hiding: hiding.is_none(),
                starting: starting.is_none(),
            }),
        })
    }
}

impl Serialize for LifecycleRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(absent) = self.absent;
        let starting = self.days_from_starting_to_canceling_unfinished_large_files;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("fileNamePrefix", &self.file_name_prefix)?;
        for (name, days, was_absent) in [
            (
                "daysFromUploadingToHiding",
                self.days_from_uploading_to_hiding,
                absent.uploading,
            ),
            (
                "daysFromHidingToDeleting",
                self.days_from_hiding_to_deleting,
                absent.hiding,
            ),
            (
                "daysFromStartingToCancelingUnfinishedLargeFiles",
                starting,
                absent.starting,
            ),
        ] {
            if days.is_some() || !was_absent {
                json.serialize_entry(name, &days)?;
            }
        }
        json.end()
    }
}

impl LifecycleRule {
    /// A rule for files whose names begin with this prefix; empty matches all files. It does
    /// nothing until days are set.
    pub fn new(file_name_prefix: impl Into<String>) -> Self {
        Self {
            file_name_prefix: file_name_prefix.into(),
            ..Self::default()
        }
    }

    /// Hides a file this many days after its upload.
    #[must_use]
    pub const fn days_from_uploading_to_hiding(mut self, days: u32) -> Self {
        self.days_from_uploading_to_hiding = Some(days);
        self
    }

    /// Deletes a version this many days after it was hidden or replaced.
    #[must_use]
    pub const fn days_from_hiding_to_deleting(mut self, days: u32) -> Self {
        self.days_from_hiding_to_deleting = Some(days);
        self
    }

    /// Cancels a large file that was started this many days ago and never finished.
    #[must_use]
    pub const fn days_from_starting_to_canceling_unfinished_large_files(
        mut self,
        days: u32,
    ) -> Self {
        self.days_from_starting_to_canceling_unfinished_large_files = Some(days);
        self
    }

    fn days(&self) -> impl Iterator<Item = u32> {
        [
            self.days_from_uploading_to_hiding,
            self.days_from_hiding_to_deleting,
            self.days_from_starting_to_canceling_unfinished_large_files,
        ]
        .into_iter()
        .flatten()
    }
}

rules! {
    /// A bucket's lifecycle rules: at most 100, no two of which may apply to the same file.
    LifecycleRules of LifecycleRule, check
}
open_rules!(LifecycleRules);

impl LifecycleRules {
    /// The same rules with all fields, including those that B2 left out, for a request.
    pub(crate) fn in_full(self) -> Self {
        let rules = self.0.into_iter().map(|rule| LifecycleRule {
            absent: WireForm::default(),
            ..rule
        });
        Self(rules.collect())
    }
}

fn check(rules: &[LifecycleRule]) -> Result<(), Error> {
    at_most(100, rules.len(), "lifecycle rules")?;
    for rule in rules {
        let broken = match (rule.days().next(), rule.days().find(|days| *days == 0)) {
            (None, _) => "sets no days",
            (_, Some(_)) => "has 0 days; the minimum is 1",
            _ => continue,
        };
        let prefix = Quoted(&rule.file_name_prefix);
        return Err(Error::invalid(format!(
            "the lifecycle rule for {prefix} {broken}"
        )));
    }
    match overlap(rules.iter().map(|rule| rule.file_name_prefix.as_str())) {
        Some((shorter, longer)) => Err(Error::invalid(format!(
            "the lifecycle rules for {} and {} overlap: one prefix begins with the other",
            Quoted(shorter),
            Quoted(longer)
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str) -> LifecycleRule {
        LifecycleRule::new(prefix).days_from_hiding_to_deleting(1)
    }

    fn told(rules: impl IntoIterator<Item = LifecycleRule>) -> String {
        LifecycleRules::new(rules).unwrap_err().to_string()
    }

    #[test]
    fn rules_overlap_if_one_prefix_begins_with_the_other() {
        assert!(LifecycleRules::new([rule("logs/"), rule("log-"), rule("temp/")]).is_ok());
        // The two that overlap are not adjacent when sorted.
        let overlapping = [rule("logs/b"), rule("logs/"), rule("logs/a")];
        assert_eq!(
            told(overlapping),
            "the lifecycle rules for \"logs/\" and \"logs/a\" overlap: \
             one prefix begins with the other"
        );
        assert!(told([rule("x"), rule("x")]).contains("overlap"));
        assert!(told([rule("x"), rule("")]).contains("overlap"));
    }

    #[test]
    fn a_rule_without_days_or_with_0_days_is_refused() {
        assert!(told([LifecycleRule::new("x")]).contains("for \"x\" sets no days"));
        assert!(told([rule("x").days_from_uploading_to_hiding(0)]).contains("0 days"));
        let canceling =
            LifecycleRule::new("").days_from_starting_to_canceling_unfinished_large_files(7);
        assert!(LifecycleRules::new([canceling]).is_ok());
    }

    #[test]
    fn more_than_100_rules_are_refused() {
        let many = |count| (0..count).map(|number| rule(&format!("{number:03}/")));
        assert!(LifecycleRules::new(many(100)).is_ok());
        assert!(told(many(101)).contains("101 lifecycle rules, 1 more than the 100"));
    }

    proptest::proptest! {
        #[test]
        fn overlaps_are_found_in_any_order_of_rules(
            prefixes in proptest::collection::vec("[ab]{0,3}", 0..6),
        ) {
            let naive = (0..prefixes.len()).any(|i| {
                (0..prefixes.len()).any(|j| i != j && prefixes[i].starts_with(&*prefixes[j]))
            });
            let rules = LifecycleRules::new(prefixes.iter().map(|prefix| rule(prefix)));
            proptest::prop_assert_eq!(rules.is_err(), naive);
        }
    }
}
