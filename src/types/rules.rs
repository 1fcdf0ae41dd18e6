//! `rules!`: declares the type of a list of rules that B2 takes as one setting, with the checks of
//! B2's limits.

use crate::error::Error;
pub(crate) use crate::error::Quoted;

/// Declares a list type, which `new` checks; `unchecked` and lists from B2 are not checked.
macro_rules! rules {
    ($(#[$doc:meta])* $name:ident of $rule:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name(Vec<$rule>);

        impl $name {
            /// Checks a list of rules.
            ///
            /// # Errors
            /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the invalid rule and the
            /// reason.
            pub fn new(rules: impl IntoIterator<Item = $rule>) -> Result<Self, Error> {
                let rules: Vec<_> = rules.into_iter().collect();
                $check(&rules)?;
                Ok(Self(rules))
            }

            /// Takes rules unchecked, in case B2 allows more than this version of the crate knows.
            #[must_use]
            pub fn unchecked(rules: impl IntoIterator<Item = $rule>) -> Self {
                Self(rules.into_iter().collect())
            }

            /// The rules.
            #[must_use]
            pub fn as_slice(&self) -> &[$rule] {
                &self.0
            }

            /// The rules, one by one.
            pub fn iter(&self) -> std::slice::Iter<'_, $rule> {
                self.0.iter()
            }

            /// The number of rules.
            #[must_use]
            pub const fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether there are none.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// The rules as a `Vec`, to change and check them again.
            #[must_use]
            pub fn into_vec(self) -> Vec<$rule> {
                self.0
            }
        }

        impl<I: std::slice::SliceIndex<[$rule]>> std::ops::Index<I> for $name {
            type Output = I::Output;

            fn index(&self, index: I) -> &I::Output {
                &self.0[index]
            }
        }

        impl IntoIterator for $name {
            type Item = $rule;
            type IntoIter = std::vec::IntoIter<$rule>;

            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }

        impl<'a> IntoIterator for &'a $name {
            type Item = &'a $rule;
            type IntoIter = std::slice::Iter<'a, $rule>;

            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// Does not check B2's rules; `null` means none.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let rules = Option::<Vec<$rule>>::deserialize(deserializer)?;
                Ok(Self(rules.unwrap_or_default()))
            }
        }
    };
}

/// Implements the traits of a list whose rules contain no secrets, and so can be compared and
/// printed.
macro_rules! open_rules {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl Eq for $name {}

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    };
}

pub(crate) use open_rules;
pub(crate) use rules;

/// Checks the number of rules.
pub(crate) fn at_most(max: usize, len: usize, what: &str) -> Result<(), Error> {
    if len > max {
        let excess = len - max;
        return Err(Error::invalid(format!(
            "there are {len} {what}, {excess} more than the {max} that B2 allows"
        )));
    }
    Ok(())
}

/// Why the name of a rule is invalid, if it is: it may have letters, digits and `-`, and must not
/// be one that B2 reserves.
pub(crate) fn rule_name(name: &str, least: usize, most: usize) -> Option<String> {
    if !(least..=most).contains(&name.len()) {
        Some(format!(
            "has {} bytes; it has {least} to {most}",
            name.len()
        ))
    } else if let Some(other) = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
    {
        Some(format!(
            "has {other:?}; it has letters, digits and '-' only"
        ))
    } else if is_reserved(name) {
        Some("begins with \"b2-\", which is reserved by B2".to_owned())
    } else {
        None
    }
}

pub(crate) fn is_reserved(name: &str) -> bool {
    name.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("b2-"))
}

/// The first name that occurs twice.
pub(crate) fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

/// The first two prefixes of which one begins with the other.
pub(crate) fn overlap<'a>(prefixes: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut sorted: Vec<_> = prefixes.collect();
    sorted.sort_unstable();
    // In sorted order, a text that begins with a prefix follows it directly, or follows another
    // text that begins with it.
    sorted
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .find(|(shorter, longer)| longer.starts_with(shorter))
}
