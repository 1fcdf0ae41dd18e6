//! [`FileInfo`] and [`ContentType`]: a file's custom metadata and its MIME type.

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::encryption::EncryptionSetting;
use super::header_grammar::broken;
use super::percent::percent_encode;
use super::rules::Quoted;
use super::text::Text;
use super::timestamp::Timestamp;
use crate::error::Error;

/// File info: custom metadata of a file. At most ten entries, a few of which B2 interprets.
///
/// Keys are stored in lower case, as in B2. `b2-content-disposition`, `b2-content-language`,
/// `b2-expires`, `b2-cache-control` and `b2-content-encoding` become headers of downloads; by B2's
/// conventions, `src_last_modified_millis` is the file's modification time and `large_file_sha1` a
/// large file's SHA-1.
#[doc(alias = "metadata")]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FileInfo(Vec<(Text, Text)>); // by their keys

/// The maximum size in bytes of a file's name and file info together.
///
/// B2 accepts less for files that are encrypted or in a bucket with Object Lock. Since September
/// 2026 it encrypts everything, except in old buckets that have not been migrated yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileInfoLimit {
    /// 2,048 bytes: what B2 accepts for every file.
    #[default]
    Encrypted,
    /// 7,000 bytes: what B2 accepts for a file that is not encrypted, in a bucket without Object
    /// Lock. Elsewhere B2 refuses more than 2,048.
    Unencrypted,
}

impl FileInfoLimit {
    /// The limit that applies to a file with this encryption, locked or not.
    pub(crate) const fn of_file(
        self,
        encryption: Option<&EncryptionSetting>,
        is_locked: bool,
    ) -> Self {
        match encryption {
            _ if is_locked => Self::Encrypted,
            Some(EncryptionSetting::None) => Self::Unencrypted,
            Some(EncryptionSetting::SseB2 | EncryptionSetting::SseC(_)) => Self::Encrypted,
            None => self,
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Encrypted => 2_048,
            Self::Unencrypted => 7_000,
        }
    }
}

/// The key of a large file's SHA-1, by B2's convention: B2 computes none for large files.
pub(crate) const LARGE_FILE_SHA1: &str = "large_file_sha1";

/// The keys beginning with `b2-` that B2 accepts; all others are reserved.
const B2_KEYS: [&str; 5] = [
    "b2-content-disposition",
    "b2-content-language",
    "b2-expires",
    "b2-cache-control",
    "b2-content-encoding",
];

impl FileInfo {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an entry, or replaces the one with this key.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the key is not 1 to 50 characters that are allowed
    /// in header names, begins with `b2-` and is not one of the five above, or would be the
    /// eleventh; or if the value of `b2-content-disposition`, `b2-content-language` or `b2-expires`
    /// is not valid for that header by the RFCs that B2's documentation names.
    pub fn with(mut self, key: &str, value: impl AsRef<str>) -> Result<Self, Error> {
        let key = key.to_ascii_lowercase();
        let why = if !(1..=50).contains(&key.len()) {
            format!("has {} bytes; a key has 1 to 50", key.len())
        } else if let Some(other) = key
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"-_.~!#$%^&*'+|`".contains(*c))
        {
            format!("has {other:?}; a key has letters, digits and -_.~!#$%^&*'+|` only")
        } else if key.starts_with("b2-") && !B2_KEYS.contains(&key.as_str()) {
            format!(
                "begins with \"b2-\", and B2 accepts only {} of those",
                B2_KEYS.join(", ")
            )
        } else if self.0.len() >= 10 && self.get(&key).is_none() {
            "would be one too many; a file has at most 10".to_owned()
        } else if let Some(rule) = broken(&key, value.as_ref()) {
            format!("has a value that {rule}")
        } else {
            self.insert(Text::new(&key), Text::new(value.as_ref()));
            return Ok(self);
        };
        let shown: String = key.chars().take(60).collect();
        Err(Error::invalid(format!("the file info key {shown:?} {why}")))
    }

    /// Takes entries unchecked, in case B2 allows more than this version of the crate knows, or to
    /// copy those of another file. Keys are changed to lower case.
    pub fn unchecked<K: AsRef<str>, V: AsRef<str>>(
        notes: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let folded = |(key, value): (K, V)| {
            let key = key.as_ref().to_ascii_lowercase();
            (Text::new(&key), Text::new(value.as_ref()))
        };
        Self::from_entries(notes.into_iter().map(folded).collect())
    }

    /// Sorts the entries, however many there are. The last value of a key wins.
    fn from_entries(entries: Vec<(Text, Text)>) -> Self {
        if entries.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Self(entries);
        }
        // A map from strings to strings, like bucket info.
        let mut by_key = BTreeMap::new();
        for (key, value) in entries {
            by_key.insert(key.as_str().to_owned(), value.as_str().to_owned());
        }
        let sorted = by_key.iter();
        Self(
            sorted
                .map(|(key, value)| (Text::new(key), Text::new(value)))
                .collect(),
        )
    }

    /// Each key has one value: the last one wins.
    fn insert(&mut self, key: Text, value: Text) {
        if self.0.is_empty() {
            // Most files have one entry, and listings have many files; by default a Vec starts with a
            // capacity of four.
            self.0.reserve_exact(1);
        }
        match self.0.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Adds the file's modification time as `src_last_modified_millis`, as B2's tools do.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it would be the eleventh entry.
    pub fn with_last_modified(self, modified: Timestamp) -> Result<Self, Error> {
        self.with("src_last_modified_millis", modified.as_millis().to_string())
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of this key, regardless of case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.get(&key.to_ascii_lowercase());
        }
        let at = self
            .0
            .binary_search_by(|(other, _)| other.as_str().cmp(key));
        Some(self.0.get(at.ok()?)?.1.as_str())
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Checks B2's limit on a file's name and file info together. How exactly B2 counts is not
    /// documented, so this counts the minimum: the bytes without any encoding.
    pub(crate) fn check_size(&self, name: &str, limit: FileInfoLimit) -> Result<(), Error> {
        let wider = match limit {
            FileInfoLimit::Encrypted
                if self.check_size(name, FileInfoLimit::Unencrypted).is_ok() =>
            {
                "; FileInfoLimit::Unencrypted is for old buckets that don't encrypt"
            }
            _ => "",
        };
        let limit = limit.bytes();
        let size = name.len()
            + self
                .0
                .iter()
                .map(|(key, value)| key.as_str().len() + value.as_str().len())
                .sum::<usize>();
        if size > limit {
            let excess = size - limit;
            return Err(Error::invalid(format!(
                "the file name and file info have {size} bytes in total, {excess} more than the \
                 {limit} that B2 allows{wider}",
            )));
        }
        Ok(())
    }

    /// Whether B2 accepts them even if it counts them encoded and with the header names. So an
    /// entry that the client adds never causes a refusal.
    pub(crate) fn surely_fits(&self, name: &str, limit: FileInfoLimit) -> bool {
        let note = |(key, value): (&str, &str)| {
            "x-bz-info-".len() + key.len() + percent_encode(value).len()
        };
        let notes: usize = self.iter().map(note).sum();
        percent_encode(name).len() + notes <= limit.bytes()
    }

    /// Refuses unchecked keys that are not valid in a header.
    pub(crate) fn check_headers(&self) -> Result<(), Error> {
        self.iter()
            .try_for_each(|(key, _)| header_name(key).map(drop))
    }

    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        for (key, value) in self.iter() {
            let name = header_name(key)?;
            let value = HeaderValue::try_from(&*percent_encode(value))
                .expect("encoded text is a header's value");
            headers.insert(name, value);
        }
        Ok(())
    }
}

fn header_name(key: &str) -> Result<HeaderName, Error> {
    HeaderName::try_from(format!("x-bz-info-{key}")).map_err(|_| {
        let key = Quoted(key);
        Error::invalid(format!("the file info key {key} is not valid in a header"))
    })
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

/// Does not check the entries, but changes keys to lower case: `get` would not find others.
impl<'de> Deserialize<'de> for FileInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileInfoVisitor;
        impl<'de> Visitor<'de> for FileInfoVisitor {
            type Value = FileInfo;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys with their values")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FileInfo, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    if entries.is_empty() {
                        entries.reserve_exact(1);
                    }
                    entries.push((lowercase(key), value));
                }
                Ok(FileInfo::from_entries(entries))
            }
        }
        deserializer.deserialize_map(FileInfoVisitor)
    }
}

fn lowercase(key: Text) -> Text {
    if key.as_bytes().iter().any(u8::is_ascii_uppercase) {
        return Text::new(&key.as_str().to_ascii_lowercase());
    }
    key
}

/// A MIME type, or `b2/x-auto`, for which B2 derives it from the name's extension.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentType(Text);

impl ContentType {
    /// `b2/x-auto`, for which B2 derives the type from the name's extension.
    #[must_use]
    pub fn auto() -> Self {
        Self(Text::new("b2/x-auto"))
    }

    /// Checks a type.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is empty or contains anything but visible ASCII
    /// and spaces.
    pub fn new(content_type: impl AsRef<str>) -> Result<Self, Error> {
        let content_type = content_type.as_ref();
        match content_type.chars().find(|c| !matches!(c, ' '..='~')) {
            Some(other) => Err(Error::invalid(format!(
                "the content type has {other:?}; it has visible ASCII only"
            ))),
            None if content_type.trim().is_empty() => {
                Err(Error::invalid("the content type is empty"))
            }
            None => Ok(Self(Text::new(content_type))),
        }
    }

    /// A content type from B2, unchecked.
    pub(crate) fn unchecked(content_type: &str) -> Self {
        Self(Text::new(content_type))
    }

    /// The type's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        // A type from B2 may be invalid, since it was not checked.
        HeaderValue::try_from(self.as_str())
            .map_err(|_| Error::invalid("the content type is not a valid header value"))
    }
}

impl Default for ContentType {
    fn default() -> Self {
        Self::auto()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_may_have_any_number_of_entries_in_any_order_and_the_last_value_of_a_key_wins() {
        let entries = (0..100_000).rev().map(|key| format!("\"{key:06}\":\"\""));
        let entries: Vec<_> = entries.collect();
        let json = format!(r#"{{"k":"1",{},"K":"2","k":"3"}}"#, entries.join(","));
        let info: FileInfo = serde_json::from_str(&json).unwrap();
        assert_eq!(info.iter().count(), 100_001);
        assert_eq!((info.get("k"), info.get("000007")), (Some("3"), Some("")));
        assert!(info.iter().is_sorted());
    }

    #[test]
    fn keys_are_checked_by_b2s_rules_and_stored_in_lower_case() {
        let info = FileInfo::new()
            .with("Src_Last_Modified_Millis", "1")
            .unwrap();
        let info = info
            .with("src_last_modified_millis", "2")
            .unwrap()
            .with("b2-Cache-Control", "x")
            .unwrap();
        assert_eq!(
            info.iter().collect::<Vec<_>>(),
            [("b2-cache-control", "x"), ("src_last_modified_millis", "2")]
        );
        for (bad, rule) in [
            ("", "has 0 bytes"),
            (&*"k".repeat(51), "has 51 bytes"),
            ("a b", "has ' '"),
            ("a:b", "has ':'"),
            ("a\r\nx", "has '\\r'"),
            ("schlüssel", "has 'ü'"),
            ("b2-other", "begins with \"b2-\""),
        ] {
            let error = FileInfo::new().with(bad, "").unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
    }

    #[test]
    fn entries_are_looked_up_case_insensitively() {
        let info: FileInfo = serde_json::from_str(r#"{"Colour":"red","size":"1"}"#).unwrap();
        for key in ["colour", "Colour", "COLOUR"] {
            assert_eq!(info.get(key), Some("red"));
        }
        assert_eq!(
            info,
            FileInfo::unchecked([("cOLOUR", "red"), ("SIZE", "1")])
        );
        assert_eq!(info.get("other"), None);
    }

    #[test]
    fn an_eleventh_entry_is_refused() {
        let ten = (0..10)
            .try_fold(FileInfo::new(), |info, n| info.with(&format!("k{n}"), "v"))
            .unwrap();
        assert!(ten.clone().with("k3", "again").is_ok());
        assert!(
            ten.with("k10", "v")
                .unwrap_err()
                .to_string()
                .contains("one too many")
        );
    }

    #[test]
    fn an_error_about_the_size_limit_names_the_excess() {
        for (limit, bytes) in [
            (FileInfoLimit::Encrypted, 2_048),
            (FileInfoLimit::Unencrypted, 7_000),
        ] {
            let info = FileInfo::new().with("k", "v".repeat(bytes - 10)).unwrap();
            assert!(info.check_size("name-of-9", limit).is_ok());
            let error = info.check_size("name-of-10", limit).unwrap_err();
            let told = format!("{} bytes in total, 1 more than the {bytes}", bytes + 1);
            assert!(error.to_string().contains(&told), "{error}");
        }
    }

    #[test]
    fn what_fits_surely_fits_encoded_and_with_the_names_of_its_headers() {
        let limit = FileInfoLimit::Encrypted;
        let room = 2_048 - "name".len() - "x-bz-info-k".len();
        let info = |value: String| FileInfo::new().with("k", value).unwrap();
        assert!(info("v".repeat(room)).surely_fits("name", limit));
        assert!(!info("v".repeat(room + 1)).surely_fits("name", limit));
        assert!(!info("ü".repeat(room / 2)).surely_fits("name", limit));
        assert!(info("v".repeat(room)).surely_fits(&"ü".repeat(9), FileInfoLimit::Unencrypted));
        assert!(!FileInfo::new().surely_fits(&"ü".repeat(342), limit));
    }

    #[test]
    fn the_limit_is_2048_unless_7000_was_chosen_and_nothing_is_encrypted_or_locked() {
        use FileInfoLimit::{Encrypted, Unencrypted};
        let none = EncryptionSetting::None;
        for (chosen, encryption, is_locked, expected) in [
            (Encrypted, None, false, Encrypted),
            (Unencrypted, None, false, Unencrypted),
            (Unencrypted, None, true, Encrypted),
            (
                Unencrypted,
                Some(&EncryptionSetting::SseB2),
                false,
                Encrypted,
            ),
            (Encrypted, Some(&none), false, Unencrypted),
            (Encrypted, Some(&none), true, Encrypted),
        ] {
            let found = chosen.of_file(encryption, is_locked);
            assert_eq!(found, expected, "{chosen:?} {encryption:?} {is_locked}");
        }
    }

    #[test]
    fn a_value_with_line_breaks_does_not_add_a_header() {
        let mut headers = HeaderMap::new();
        FileInfo::new()
            .with("note", "a\r\nx-evil: 1")
            .unwrap()
            .add_headers(&mut headers)
            .unwrap();
        assert_eq!(headers["x-bz-info-note"], "a%0D%0Ax-evil%3A%201");
        for bad in ["", " ", "text/plain\r\nx: y", "text/\u{7f}", "tëxt"] {
            assert!(ContentType::new(bad).is_err(), "{bad:?}");
        }
    }
}
