//! Compares JSON by its meaning: the order of keys and the notation of numbers don't matter, and a null member equals
//! an absent one.

use serde_json::{Number, Value};

use crate::mismatch::{Difference, quoted, shortened};
use crate::secret_fields::{Kind, SecretFields, is_placeholder, same_text};

/// The bytes as a JSON object or array, if they are one.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

/// Adds the differences to `found`, each with its path. In fields for secrets, a placeholder equals any text.
pub(crate) fn differences(
    secret_fields: &SecretFields,
    recorded: &Value,
    sent: &Value,
    found: &mut Vec<Difference>,
) {
    let mut comparison = Comparison {
        secret_fields,
        found,
    };
    comparison.compare("$", None, Some(recorded), Some(sent));
}

struct Comparison<'a> {
    secret_fields: &'a SecretFields,
    found: &'a mut Vec<Difference>,
}

impl Comparison<'_> {
    fn compare(
        &mut self,
        path: &str,
        kind: Option<Kind>,
        recorded: Option<&Value>,
        sent: Option<&Value>,
    ) {
        let recorded = recorded.filter(|value| !value.is_null());
        let sent = sent.filter(|value| !value.is_null());
        match (recorded, sent) {
            (None, None) => {}
            (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
                let names: std::collections::BTreeSet<_> =
                    ours.keys().chain(theirs.keys()).collect();
                for name in names {
                    let path = format!("{path}.{name}");
                    let below = self.secret_fields.below(kind, name);
                    self.compare(&path, below, ours.get(name), theirs.get(name));
                }
            }
            (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
                for at in 0..ours.len().max(theirs.len()) {
                    let path = format!("{path}[{at}]");
                    self.compare(&path, kind, ours.get(at), theirs.get(at));
                }
            }
            (Some(Value::Number(ours)), Some(Value::Number(theirs)))
                if same_number(ours, theirs) => {}
            (Some(Value::String(ours)), Some(Value::String(theirs)))
                if same_text(ours, theirs) || (kind.is_some() && is_placeholder(ours)) => {}
            (Some(Value::String(ours)), Some(Value::Number(_)))
                if kind.is_some() && is_placeholder(ours) => {}
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => self.found.push(Difference::new(
                format!("body {path}"),
                ours.map(shown),
                theirs.map(shown),
            )),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        value => shortened(&value.to_string(), 120),
    }
}

fn same_number(ours: &Number, theirs: &Number) -> bool {
    if let (Some(ours), Some(theirs)) = (integer(ours), integer(theirs)) {
        return ours == theirs;
    }
    ours.as_f64() == theirs.as_f64()
}

fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(recorded: &str, sent: &str) -> Vec<String> {
        let mut found = Vec::new();
        let json = |text: &str| parse(text.as_bytes()).unwrap();
        differences(
            &SecretFields::default(),
            &json(recorded),
            &json(sent),
            &mut found,
        );
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn order_spacing_and_nulls_are_ignored() {
        for (recorded, sent) in [
            (r#"{"a":1,"b":2}"#, "{ \"b\": 2,\n\"a\": 1 }"),
            (r#"{"a":1,"b":null}"#, r#"{"a":1}"#),
            (r#"{"a":{}}"#, r#"{"a":{"b":null}}"#),
            (r#"[1, 1.0, 1e2]"#, "[1.0, 1, 100]"),
            (r#"["\u0061\/"]"#, r#"["a/"]"#),
            (
                r#"{"accountId":"hidden-account-id"}"#,
                r#"{"accountId":"0123"}"#,
            ),
        ] {
            assert_eq!(differ(recorded, sent), Vec::<String>::new(), "{recorded}");
        }
    }

    #[test]
    fn each_difference_has_its_path() {
        for (recorded, sent, text) in [
            (r#"{"a":1}"#, r#"{"a":2}"#, "body $.a: recorded 1, sent 2"),
            (
                r#"{"a":1}"#,
                r#"{"a":"1"}"#,
                r#"body $.a: recorded 1, sent "1""#,
            ),
            (r#"{"a":0}"#, r#"{}"#, "body $.a: recorded 0, sent nothing"),
            (
                r#"{}"#,
                r#"{"a":false}"#,
                "body $.a: recorded nothing, sent false",
            ),
            (r#"[1,2]"#, r#"[2,1]"#, "body $[0]: recorded 1, sent 2"),
            (
                r#"{"a":[]}"#,
                r#"{"a":{}}"#,
                "body $.a: recorded [], sent {}",
            ),
            (
                "[9007199254740993]",
                "[9007199254740992]",
                "body $[0]: recorded 9007199254740993, sent 9007199254740992",
            ),
        ] {
            assert_eq!(differ(recorded, sent)[0], text);
        }
    }
}
