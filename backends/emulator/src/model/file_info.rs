//! [`FileInfo`]: the file info of a version, in one allocation.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// File info, with its keys in lower case and sorted.
///
/// Keys and values alternate, each preceded by its length and a colon.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct FileInfo(Option<Box<str>>);

impl FileInfo {
    pub(crate) const EMPTY: Self = Self(None);

    /// The entries, sorted by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.0.as_deref().unwrap_or("");
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }
}

/// Takes the first text.
fn take<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (len, after) = rest.split_once(':')?;
    let (text, after) = after.split_at_checked(len.parse().ok()?)?;
    *rest = after;
    Some(text)
}

/// Packs entries that are sorted by key.
fn pack<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> FileInfo {
    let mut packed = String::new();
    for text in entries.flat_map(|(key, value)| [key, value]) {
        write!(packed, "{}:{text}", text.len()).expect("writing to a String never fails");
    }
    FileInfo((!packed.is_empty()).then(|| packed.into()))
}

impl From<BTreeMap<String, String>> for FileInfo {
    fn from(entries: BTreeMap<String, String>) -> Self {
        pack(entries.iter())
    }
}

impl fmt::Debug for FileInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for FileInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for FileInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = FileInfo;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("file info")
            }

            // not via a map, since each map would allocate half a kilobyte
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FileInfo, A::Error> {
                let mut entries: Vec<(String, String)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_unstable();
                entries.dedup_by(|later, earlier| later.0 == earlier.0);
                Ok(pack(entries.iter().map(|(key, value)| (key, value))))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_entries_take_no_memory() {
        assert_eq!(FileInfo::from(BTreeMap::new()), FileInfo::EMPTY);
        assert_eq!(FileInfo::EMPTY.iter().count(), 0);
        assert_eq!(size_of::<FileInfo>(), 16);
    }

    proptest! {
        #[test]
        fn entries_are_read_back_in_order(entries: BTreeMap<String, String>) {
            let info = FileInfo::from(entries.clone());
            let pairs = entries.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            prop_assert!(info.iter().eq(pairs));
            let json = serde_json::to_string(&info).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&entries).unwrap());
            prop_assert_eq!(serde_json::from_str::<FileInfo>(&json).unwrap(), info);
        }
    }
}
