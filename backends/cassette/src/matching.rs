//! Whether a request is the recorded one, and if not, what differs. Pure.

use std::collections::BTreeSet;

use b2kit_core::http::header::{AUTHORIZATION, CONTENT_TYPE, RANGE, USER_AGENT};
use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use crate::hex;
use crate::interaction::{RecordedBody, RecordedRequest};
use crate::json;
use crate::miss::{Difference, quoted};
use crate::places::{Places, is_placeholder, query_values};
use crate::sample::sha1_of;
use crate::secrets::Secrets;

/// A request that a player was asked to answer, its body read.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: RecordedBody,
}

/// By what requests are told apart, beside method, URL and body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// Instead of the usual ones.
    pub(crate) headers: Option<BTreeSet<String>>,
    pub(crate) ignored: BTreeSet<String>,
    pub(crate) places: Places,
}

impl Sent {
    /// Hides what the recorder hid; a file stays as it is, since it was recorded by its SHA-1 if it held a secret.
    pub(crate) fn hide(&mut self, secrets: &Secrets) {
        if let Some(url) = secrets.hidden_text(&self.url.to_string())
            && let Ok(url) = url.parse()
        {
            self.url = url;
        }
        for value in self.headers.values_mut() {
            if let Some(hidden) = secrets.hidden(value.as_bytes())
                && let Ok(hidden) = HeaderValue::from_bytes(&hidden)
            {
                *value = hidden;
            }
        }
        if let RecordedBody::Bytes(bytes) = &self.body
            && !is_upload(&self.headers)
            && let Some(hidden) = secrets.hidden(bytes)
        {
            self.body = hidden.into();
        }
    }
}

/// Whether the body is a file: a file's bytes are its meaning, and its content is nobody's business.
fn is_upload(headers: &HeaderMap) -> bool {
    headers.contains_key("x-bz-content-sha1")
}

impl Matching {
    /// All that differs; nothing if `sent` is the recorded request.
    pub(crate) fn differences(&self, recorded: &RecordedRequest, sent: &Sent) -> Vec<Difference> {
        let mut found = Vec::new();
        if recorded.method != sent.method {
            found.push(Difference::new(
                "method",
                Some(recorded.method.to_string()),
                Some(sent.method.to_string()),
            ));
        }
        let ours = self.comparable_url(&recorded.url, None);
        let theirs = self.comparable_url(&sent.url, Some(&recorded.url));
        if ours != theirs {
            found.push(Difference::new(
                "URL",
                Some(self.shown_url(&recorded.url)),
                Some(self.shown_url(&sent.url)),
            ));
        }
        self.header_differences(&recorded.headers, &sent.headers, &mut found);
        self.body_differences(recorded, sent, &mut found);
        found
    }

    fn compares(&self, name: &HeaderName) -> bool {
        if name == USER_AGENT || name == AUTHORIZATION || self.ignored.contains(name.as_str()) {
            return false;
        }
        match &self.headers {
            Some(names) => names.contains(name.as_str()),
            None => name == RANGE || name == CONTENT_TYPE || name.as_str().starts_with("x-bz-"),
        }
    }

    fn header_differences(
        &self,
        recorded: &HeaderMap,
        sent: &HeaderMap,
        found: &mut Vec<Difference>,
    ) {
        let names: BTreeSet<&str> = recorded
            .keys()
            .chain(sent.keys())
            .filter(|name| self.compares(name))
            .map(HeaderName::as_str)
            .collect();
        for name in names {
            let ours: Vec<_> = recorded.get_all(name).iter().collect();
            let theirs: Vec<_> = sent.get_all(name).iter().collect();
            let equal = ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(&theirs)
                    .all(|(recorded, sent)| self.same_value(name, recorded, sent));
            if !equal {
                let show = |values: &[&HeaderValue]| self.shown_header(name, values);
                found.push(Difference::new(
                    format!("header {name}"),
                    show(&ours),
                    show(&theirs),
                ));
            }
        }
    }

    fn same_value(&self, name: &str, recorded: &HeaderValue, sent: &HeaderValue) -> bool {
        if recorded == sent {
            return true;
        }
        let (Ok(ours), Ok(theirs)) = (recorded.to_str(), sent.to_str()) else {
            return false;
        };
        // A media type's parameters don't change what JSON means.
        let json = |value: &str| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        };
        if name == CONTENT_TYPE.as_str() && json(ours) && json(theirs) {
            return true;
        }
        self.is_secret(name) && is_placeholder(ours)
    }

    fn is_secret(&self, header: &str) -> bool {
        HeaderName::try_from(header).is_ok_and(|name| self.places.header(&name).is_some())
    }

    fn body_differences(
        &self,
        recorded: &RecordedRequest,
        sent: &Sent,
        found: &mut Vec<Difference>,
    ) {
        let equal = match (&recorded.body, &sent.body) {
            (RecordedBody::Bytes(recorded), RecordedBody::Bytes(sent)) if recorded == sent => true,
            (RecordedBody::Bytes(ours), RecordedBody::Bytes(theirs)) => {
                let upload = is_upload(&recorded.headers);
                match (json::parse(ours), json::parse(theirs)) {
                    (Some(ours), Some(theirs)) if !upload => {
                        json::differences(&self.places, &ours, &theirs, found);
                        return;
                    }
                    _ => false,
                }
            }
            (RecordedBody::Omitted { length, sha1 }, body) => {
                *length == body.len() && sha1.is_none_or(|sha1| Some(sha1) == sha1_of_body(body))
            }
            (RecordedBody::Bytes(_), RecordedBody::Omitted { .. }) => false,
        };
        if !equal {
            found.push(Difference::new(
                "body",
                Some(summary(&recorded.body)),
                Some(summary(&sent.body)),
            ));
        }
    }

    /// The URL's text; where `other` has a placeholder in a place for secrets, and this has something else, that too
    /// becomes the placeholder.
    fn comparable_url(&self, url: &Uri, other: Option<&Uri>) -> String {
        let mut text = url.to_string();
        let (Some(query), Some(theirs)) = (url.query(), other.and_then(Uri::query)) else {
            return text;
        };
        let theirs = query_values(theirs);
        let start = text.len() - query.len();
        for (at, (name, range)) in query_values(query).into_iter().enumerate().rev() {
            let Some((other_name, other_range)) = theirs.get(at) else {
                continue;
            };
            let placeholder = other
                .and_then(Uri::query)
                .and_then(|query| query.get(other_range.clone()));
            if let Some(placeholder) = placeholder
                && *other_name == name
                && self.places.field(name).is_some()
                && is_placeholder(placeholder)
            {
                text.replace_range(start + range.start..start + range.end, placeholder);
            }
        }
        text
    }

    /// The URL without its secrets.
    pub(crate) fn shown_url(&self, url: &Uri) -> String {
        let mut text = url.to_string();
        if let Some(query) = url.query() {
            let start = text.len() - query.len();
            for (name, range) in query_values(query).into_iter().rev() {
                if self.places.field(name).is_some() && !is_placeholder(&query[range.clone()]) {
                    text.replace_range(start + range.start..start + range.end, "[redacted]");
                }
            }
        }
        if let Some(authority) = url.authority()
            && let Some((user, _)) = authority.as_str().rsplit_once('@')
        {
            text = text.replacen(user, "[redacted]", 1);
        }
        text
    }

    fn shown_header(&self, name: &str, values: &[&HeaderValue]) -> Option<String> {
        if values.is_empty() {
            return None;
        }
        let secret = self.is_secret(name);
        let shown = values.iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            if secret && !is_placeholder(&text) {
                "[redacted]".to_owned()
            } else {
                quoted(&text)
            }
        });
        Some(shown.collect::<Vec<_>>().join(", "))
    }

    /// A request in one line, without its secrets and without the content of a file.
    pub(crate) fn shown_request(
        &self,
        method: &Method,
        url: &Uri,
        headers: &HeaderMap,
        body: &RecordedBody,
    ) -> String {
        let mut line = format!("{method} {}", self.shown_url(url));
        let json = body.as_bytes().and_then(|bytes| json::parse(bytes));
        match json {
            Some(json) if !is_upload(headers) => {
                line.push(' ');
                line.push_str(&self.shown_json(json));
            }
            _ if body.is_empty() => {}
            _ => line.push_str(&format!(" ({})", summary(body))),
        }
        line
    }

    fn shown_json(&self, mut json: Value) -> String {
        self.places.visit_json(&mut json, &mut |_, text| {
            if !is_placeholder(text) {
                *text = "[redacted]".into();
            }
        });
        crate::miss::shortened(&json.to_string(), 300)
    }
}

fn sha1_of_body(body: &RecordedBody) -> Option<[u8; 20]> {
    match body {
        RecordedBody::Bytes(bytes) => Some(sha1_of(bytes)),
        RecordedBody::Omitted { sha1, .. } => *sha1,
    }
}

fn summary(body: &RecordedBody) -> String {
    match sha1_of_body(body) {
        Some(sha1) => format!("{} bytes of SHA-1 {}", body.len(), hex::lower(&sha1)),
        None => format!("{} bytes", body.len()),
    }
}
