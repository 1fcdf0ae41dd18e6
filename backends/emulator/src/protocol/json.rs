//! JSON as B2 writes it: keys in alphabetical order at every level, two spaces of indentation,
//! UTF-8 without escapes.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

/// Serializes a value whose keys are sorted already: a struct that declares them in order, or
/// [`Sorted`].
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::pretty(&mut text);
    // neither a `Vec` nor our own types return an error
    value.serialize(&mut writer).unwrap_or_default();
    text
}

/// Like [`text`], with a newline at the end.
pub(crate) fn line(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut line = text(value);
    line.push(b'\n');
    line
}

/// A value with its keys sorted.
///
/// `serde_json`'s own map is sorted or not depending on a feature that any crate in a program can
/// enable.
pub(crate) struct Sorted<'a>(pub(crate) &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut members: Vec<_> = map.iter().collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                let mut sorted = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    sorted.serialize_entry(key, &Sorted(value))?;
                }
                sorted.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

/// An object with these members, moved in: `json!` would clone them.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter();
    Value::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_level_and_empty_values_stay_on_one_line() {
        let value = json!({"b": [], "a": {"d": {}, "c": [1, null]}});
        let expected = "{\n  \"a\": {\n    \"c\": [\n      1,\n      null\n    ],\n    \
            \"d\": {}\n  },\n  \"b\": []\n}";
        assert_eq!(text(&Sorted(&value)), expected.as_bytes());
    }

    #[test]
    fn control_characters_are_escaped_and_everything_else_is_raw() {
        assert_eq!(
            text("a\u{1}\u{7f}ü自\""),
            "\"a\\u0001\u{7f}ü自\\\"\"".as_bytes()
        );
    }
}
