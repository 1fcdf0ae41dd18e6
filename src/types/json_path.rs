//! The place of an error in a JSON document, as a path such as `files[0].fileName`.
//!
//! The path is found from the error's position. If a deserializer kept track of it instead, each
//! decoder would be compiled twice.

use std::ops::Range;

/// A step from a value to one within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// An element of an array.
    Index(usize),
    /// A field of an object.
    Key(String),
}

/// The path of the value that could not be decoded. Empty for the document as a whole.
///
/// An error about an object or array, such as a missing field, has the path of that object or
/// array.
pub(crate) fn path_of_error(error: &serde_json::Error, document: &[u8]) -> Vec<Segment> {
    let end = offset(document, error.line(), error.column());
    // A syntax error is behind the byte that is wrong, which may be a bracket.
    let end = end.saturating_sub(usize::from(error.is_syntax()));
    path_at(document, end)
}

/// The path of the value that begins, continues or ends at this offset.
pub(crate) fn path_at(document: &[u8], end: usize) -> Vec<Segment> {
    let read = &document[..end.min(document.len())];
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&byte) = read.get(at) {
        let mut next = at + 1;
        match (byte, open.last_mut()) {
            (b'{', _) => open.push(Container::Object(None)),
            (b'[', _) => open.push(Container::Array(0)),
            (b'}' | b']', _) => drop(open.pop()),
            (b',', Some(Container::Array(index))) => *index += 1,
            (b',', Some(Container::Object(key))) => *key = None,
            (b'"', container) => {
                next = end_of_string(read, next);
                if let Some(Container::Object(key @ None)) = container {
                    *key = Some(at..next);
                }
            }
            _ => {}
        }
        at = next;
    }
    let segments = open.into_iter().filter_map(|container| match container {
        Container::Array(index) => Some(Segment::Index(index)),
        Container::Object(key) => key.map(|key| Segment::Key(decoded(&read[key]))),
    });
    segments.collect()
}

/// The length after which the text of a path is cut off.
pub(crate) const MAX_TEXT: usize = 200;

/// The path as text, such as `files[0].fileName`, with each key as `shown` returns it. Ends with the
/// segment that exceeds [`MAX_TEXT`].
pub(crate) fn text(path: &[Segment], shown: impl Fn(&str) -> &str) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
            Segment::Key(key) => {
                let dot = if text.is_empty() { "" } else { "." };
                text.push_str(&format!("{dot}{}", shown(key)));
            }
        }
        if text.len() > MAX_TEXT {
            break;
        }
    }
    text
}

/// An array or object that the offset is in.
enum Container {
    /// The current index.
    Array(usize),
    /// Where the current key is, if there is one.
    Object(Option<Range<usize>>),
}

/// The offset behind the quote that ends the string whose text begins at `at`.
fn end_of_string(document: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = document.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    document.len()
}

/// A key without quotes and escapes.
fn decoded(key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    let whole = serde_json::from_str(&key).ok();
    whole.unwrap_or_else(|| key.replace('"', ""))
}

/// The offset of a position given by serde_json: the line, counted from 1, and the number of bytes
/// read in that line.
fn offset(document: &[u8], line: usize, column: usize) -> usize {
    let ends = document.iter().enumerate();
    let ends = ends.filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1));
    let begin = match line.checked_sub(2) {
        Some(number) => ends.into_iter().nth(number).unwrap_or_default(),
        None => 0,
    };
    begin.saturating_add(column)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only decoded")]
    struct Document {
        rows: Vec<Row>,
        more: Option<Box<Self>>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only decoded")]
    struct Row {
        name: String,
        size: Option<u16>,
        #[serde(default)]
        info: HashMap<String, String>,
    }

    /// The path of the error that this text causes.
    fn path(text: &str) -> String {
        let error = serde_json::from_str::<Document>(text).unwrap_err();
        let path = path_of_error(&error, text.as_bytes()).into_iter();
        let segments = path.map(|segment| match segment {
            Segment::Index(index) => format!("[{index}]"),
            Segment::Key(key) => format!(".{key}"),
        });
        segments.collect()
    }

    #[test]
    fn an_error_has_the_path_of_the_value_that_can_not_be_decoded() {
        for (text, expected) in [
            ("", ""),
            ("7", ""),
            ("<html>", ""),
            (r#"{"more":null}"#, ""),
            (r#"{"rows":[]} x"#, ""),
            (r#"{"rows":7}"#, ".rows"),
            (r#"{"rows":{"a":[1]}}"#, ".rows"),
            (r#"{"rows": [ "#, ".rows[0]"),
            (r#"{"rows":[{"name":"a"},"b"]}"#, ".rows[1]"),
            (
                r#"{"rows":[{"name":"a"},{"size":1}],"more":null}"#,
                ".rows[1]",
            ),
            (r#"{"rows":[{"name":"a","size":70000}]}"#, ".rows[0].size"),
            (r#"{"rows":[{"name":"a","size":"1"}]}"#, ".rows[0].size"),
            (
                r#"{"rows":[{"name":"a","size":-1 , "x":[{}]}]}"#,
                ".rows[0].size",
            ),
            (
                r#"{"rows":[{"x":{"y":[1,{"z":2}]},"name":null}]}"#,
                ".rows[0].name",
            ),
            (r#"{"rows":[{"name":"a","name":"b"}]}"#, ".rows[0].name"),
            (
                r#"{"rows":[{"name":"\",\"size\":1}"}, {"name":"[{\\","size":tru}]}"#,
                ".rows[1].size",
            ),
            (r#"{"rows":[{"info":{"k\n\"":5}}]}"#, ".rows[0].info.k\n\""),
            (
                r#"{"rows":[],"more":{"rows":[],"more":{"rows":[{"size":{}}]}}}"#,
                ".more.more.rows[0].size",
            ),
            (
                "{\"rows\":\n[\n{\"name\":\"ü\",\n\"size\":\n\n  null},{\"name\":1}]}",
                ".rows[1].name",
            ),
            (r#"{"rows":[{"name":"a","si"#, ".rows[0].si"),
        ] {
            assert_eq!(path(text), expected, "{text}");
        }
    }

    #[test]
    fn an_offset_beyond_the_end_and_text_that_is_not_json_are_no_problem() {
        for text in ["", "]]}},,", "{{{\"", "\"\\", "[,{,\"a\":\"b"] {
            for end in 0..10 {
                let _ = path_at(text.as_bytes(), end);
            }
        }
        assert_eq!(path_at(&[b'['; 100_000], usize::MAX).len(), 100_000);
    }
}
