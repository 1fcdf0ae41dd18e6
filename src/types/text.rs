//! [`Text`]: a string that is stored inline if it is short.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string that needs no allocation if it is short. A row of a listing has half a dozen of them.
#[derive(Clone)]
pub(super) enum Text {
    /// Its length, and a buffer that begins with its bytes.
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

/// What fits in 32 bytes with the length and the tag. The longest key id has 25 bytes, and few
/// content types are longer.
const SHORT: usize = 30;

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(there), Ok(len)) => {
                there.copy_from_slice(text.as_bytes());
                Self::Short(len, bytes)
            }
            _ => Self::Long(text.into()),
        }
    }

    /// Validates the UTF-8 of a short text again; [`Text::as_bytes`] is cheaper.
    pub(super) fn as_str(&self) -> &str {
        match self {
            // The bytes come from a `str`, so this never fails.
            Self::Short(..) => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
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
        self.as_bytes() == other.as_bytes()
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
        // UTF-8 bytes sort like the text.
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::new(text))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_round_trips() {
        for len in [0, 1, 24, SHORT - 1, SHORT, SHORT + 1, 200, 300] {
            let mut text = "ü".repeat(len / 2);
            text.push_str(&"x".repeat(len % 2));
            assert_eq!(text.len(), len);
            let kept = Text::new(&text);
            assert_eq!(kept.as_str(), text);
            assert_eq!(format!("{kept:?}"), format!("{text:?}"));
            let json = serde_json::to_string(&kept).unwrap();
            assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), kept);
            assert!(kept < Text::new(&(text + "x")));
        }
    }
}
