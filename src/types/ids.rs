//! Ids: what B2 calls things. Opaque, so they are taken as they come.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl<T: Into<Box<str>>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(Text::new(&id.into()))
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

id! {
    /// The id of an account: 12 hexadecimal digits today.
    AccountId
}
id! {
    /// The id of an application key: its public half.
    ApplicationKeyId
}
id! {
    /// The id of a bucket: 24 hexadecimal digits today.
    BucketId
}
id! {
    /// The id of one version of a file, or of an unfinished large file; at most 200 characters.
    FileId
}

/// An id's text. A listing repeats those of the account and the bucket in each row, and they are short, so what is short
/// has no memory of its own.
#[derive(Clone)]
enum Text {
    /// Its length, and its bytes up to there.
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

/// As much as fits in without making an id larger; the longest id of a key has 25.
const SHORT: usize = 30;

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(there), Ok(len)) => {
                there.copy_from_slice(text.as_bytes());
                Self::Short(len, bytes)
            }
            _ => Self::Long(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // They are a str's, so there is nothing else that it could be.
            Self::Short(len, bytes) => bytes
                .get(..usize::from(*len))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }
            fn visit_str<E>(self, id: &str) -> Result<Text, E> {
                Ok(Text::new(id))
            }
        }
        deserializer.deserialize_str(Id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_length_is_kept_as_it_came() {
        for len in [0, 1, 24, SHORT - 1, SHORT, SHORT + 1, 200, 300] {
            let mut text = "ü".repeat(len / 2);
            text.push_str(&"x".repeat(len % 2));
            assert_eq!(text.len(), len);
            let id = FileId::from(text.as_str());
            assert_eq!(id.as_str(), text);
            assert_eq!(format!("{id} {id:?}"), format!("{text} FileId({text:?})"));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<FileId>(&json).unwrap(), id);
            assert!(id < FileId::from(text + "x"));
        }
    }
}
