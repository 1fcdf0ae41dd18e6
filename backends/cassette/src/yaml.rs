//! YAML documents as bounded trees of text, without anchors, aliases, tags and implicit types.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::error::ParseError;

const MAX_DEPTH: usize = 64;
/// The limit for one document. An interaction has about fifty nodes.
const MAX_NODES: usize = 1 << 20;

/// A node, and the line on which it starts.
#[derive(Debug)]
pub(crate) struct YamlNode {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// The content of a node. Every scalar is text, even if it looks like a number.
#[derive(Debug)]
pub(crate) enum Value {
    /// `~`, or empty.
    Null,
    Text(String),
    List(Vec<YamlNode>),
    Map(Vec<(String, YamlNode)>),
}

/// The documents of one text, in order.
pub(crate) struct Documents<'a> {
    parser: Parser<'a, StrInput<'a>>,
    nodes: usize,
}

impl<'a> Documents<'a> {
    /// # Errors
    /// If the text contains characters that YAML doesn't allow. (The parser takes a NUL for the end of the text.)
    pub(crate) fn new(text: &'a str) -> Result<Self, ParseError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
        if let Some(at) = text.bytes().position(control) {
            let line = 1 + text[..at].matches('\n').count();
            return Err(ParseError::new(line, "this is a control character"));
        }
        Ok(Self {
            parser: Parser::new_from_str(text),
            nodes: 0,
        })
    }

    /// The next document, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<YamlNode>, ParseError> {
        loop {
            match self.event()? {
                (Event::DocumentStart(_), _) => {
                    self.nodes = 0;
                    let (event, span) = self.event()?;
                    return self.node(event, span, 0).map(Some);
                }
                (Event::StreamEnd, _) => return Ok(None),
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<YamlNode, ParseError> {
        let line = span.start.line();
        let error = |reason: &'static str| Err(ParseError::new(line, reason));
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return error("the document has too many values");
        }
        if depth > MAX_DEPTH {
            return error("the nesting is too deep");
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 {
            return error("anchors are not allowed in a recording");
        }
        if tag {
            return error("tags are not allowed in a recording");
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() || text == "~" => {
                Value::Null
            }
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) => return error("aliases are not allowed in a recording"),
            _ => return error("a value is missing"),
        };
        Ok(YamlNode { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut entries: Vec<(String, YamlNode)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let Value::Text(name) = key.value else {
                return Err(ParseError::new(key.line, "a key is not a string"));
            };
            if !seen.insert(name.clone()) {
                return Err(ParseError::new(key.line, "this key is a duplicate"));
            }
            let (event, span) = self.event()?;
            entries.push((name, self.node(event, span, depth + 1)?));
        }
    }

    fn event(&mut self) -> Result<(Event<'a>, Span), ParseError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            // The scanner's messages are fixed; they never quote the file.
            Some(Err(error)) => Err(ParseError::new(
                error.marker().line(),
                format!("this is not YAML: {}", error.info()),
            )),
            None => Err(ParseError::new(
                0,
                "the text ends in the middle of a document",
            )),
        }
    }
}
