//! [`Args`]: the fields of a request, from a JSON body or a query.

use serde_json::{Map, Value};

use crate::protocol::api_error::ApiError;
use crate::protocol::percent;
use crate::protocol::undocumented;

/// The fields of one request. A JSON `null` counts as an absent field. [`calls`](crate::calls)
/// knows which fields each call has.
#[derive(Debug, Default)]
pub(crate) struct Args {
    fields: Map<String, Value>,
}

impl Args {
    /// From a query string, whose values are all strings; they are accepted where a number or a
    /// boolean is expected.
    pub(crate) fn of_query(query: &str) -> Result<Self, ApiError> {
        let pairs = percent::query_pairs(query)
            .ok_or_else(|| ApiError::bad_request("The query string is not encoded properly"))?;
        Ok(Self {
            fields: pairs
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        })
    }

    /// From a JSON body. An empty body has no fields.
    pub(crate) fn of_json(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self { fields }),
            _ => Err(undocumented::bad_json()),
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.value(name)
            .map(|value| {
                value
                    .as_str()
                    .ok_or_else(|| undocumented::wrong_type(name, "a string"))
            })
            .transpose()
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.string(name)?.ok_or_else(|| {
            if self.fields.contains_key(name) {
                ApiError::bad_request(format!("required field {name} cannot be null"))
            } else {
                undocumented::missing_field(name)
            }
        })
    }

    /// All fields, known or unknown.
    pub(crate) const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Merges these fields of a body with those of a query; the body wins.
    pub(crate) fn over(mut self, query: Self) -> Self {
        if query.fields.is_empty() {
            return self;
        }
        let body = std::mem::replace(&mut self.fields, query.fields);
        self.fields.extend(body);
        self
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let number = |value: &Value| match value {
            Value::String(digits) => digits.parse().ok(),
            other => other.as_i64(),
        };
        self.value(name)
            .map(|value| number(value).ok_or_else(|| undocumented::wrong_type(name, "an integer")))
            .transpose()
    }

    /// The size of a page: `default` if absent or 0, at most `max`.
    pub(crate) fn count(&self, name: &str, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.integer(name)? {
            None | Some(0) => Ok(default),
            Some(count) => usize::try_from(count)
                .ok()
                .filter(|count| *count <= max)
                .ok_or_else(|| ApiError::out_of_range(name, count)),
        }
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let truth = |value: &Value| match value {
            Value::String(word) => word.parse().ok(),
            other => other.as_bool(),
        };
        self.value(name)
            .map(|value| {
                truth(value).ok_or_else(|| undocumented::wrong_type(name, "true or false"))
            })
            .transpose()
    }

    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let list = |value: &Value| -> Option<Vec<String>> {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        };
        self.value(name)
            .map(|value| {
                list(value).ok_or_else(|| undocumented::wrong_type(name, "a list of strings"))
            })
            .transpose()
    }

    /// An object with fields of its own.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        self.value(name)
            .map(|value| {
                of_object(value).ok_or_else(|| undocumented::wrong_type(name, "an object"))
            })
            .transpose()
    }

    /// A list of objects.
    pub(crate) fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, ApiError> {
        let list = |value: &Value| -> Option<Vec<Self>> {
            value.as_array()?.iter().map(of_object).collect()
        };
        self.value(name)
            .map(|value| {
                list(value).ok_or_else(|| undocumented::wrong_type(name, "a list of objects"))
            })
            .transpose()
    }

    /// An object whose values are all strings.
    pub(crate) fn string_map(&self, name: &str) -> Result<Option<Vec<(String, String)>>, ApiError> {
        let map = |value: &Value| -> Option<Vec<(String, String)>> {
            let entries = value.as_object()?.iter();
            entries
                .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        self.value(name)
            .map(|value| {
                map(value).ok_or_else(|| undocumented::wrong_type(name, "an object of strings"))
            })
            .transpose()
    }
}

fn of_object(value: &Value) -> Option<Args> {
    let fields = value.as_object()?.clone();
    Some(Args { fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_counts_as_absent_and_the_body_wins_over_the_query() {
        let query = Args::of_query("bucketId=a&maxFileCount=7&ok=true").unwrap();
        assert_eq!(query.integer("maxFileCount").unwrap(), Some(7));
        assert_eq!(query.boolean("ok").unwrap(), Some(true));
        let body = Args::of_json(br#"{"bucketId":"b","prefix":null}"#).unwrap();
        let args = body.over(query);
        assert_eq!(args.required("bucketId").unwrap(), "b");
        assert_eq!(args.string("prefix").unwrap(), None);
        for (name, message) in [
            ("prefix", "required field prefix cannot be null"),
            ("other", "required field other is missing"),
        ] {
            let error = args.required(name).unwrap_err();
            assert_eq!((&*error.code, &*error.message), ("bad_request", message));
        }
    }

    #[test]
    fn wrong_types_and_broken_json_are_refused() {
        let args = Args::of_json(br#"{"n":"x","s":1,"m":{"a":1},"l":[1]}"#).unwrap();
        assert!(args.integer("n").is_err());
        assert!(args.string("s").is_err());
        assert!(args.string_map("m").is_err());
        assert!(args.strings("l").is_err());
        for body in [&b"{"[..], b"[]", b"\xff", b"null"] {
            assert_eq!(Args::of_json(body).unwrap_err().code, "bad_json");
        }
    }

    #[test]
    fn counts_default_at_zero_and_end_at_their_limit() {
        let count = |text: &str| {
            let args = Args::of_query(&format!("maxFileCount={text}")).unwrap();
            args.count("maxFileCount", 100, 10_000)
        };
        assert_eq!(count("0"), Ok(100));
        assert_eq!(count("10000"), Ok(10_000));
        for bad in ["-1", "10001"] {
            let error = count(bad).unwrap_err();
            assert_eq!(error.code, "out_of_range");
            assert_eq!(error.message, format!("maxFileCount out of range: {bad}"));
        }
    }
}
