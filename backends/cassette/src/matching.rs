//! Compares a request with a recorded one. Both have placeholders instead of secrets, so differences can be shown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use b2kit_core::http::header::{AUTHORIZATION, CONTENT_TYPE, RANGE, USER_AGENT};
use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use bytes::Bytes;

use crate::digest;
use crate::digest::sha1_of;
use crate::interaction::{RecordedBody, RecordedRequest};
use crate::json;
use crate::mismatch::{Difference, quoted, shortened};
use crate::secret_fields::{SecretFields, is_placeholder, same_text};

/// The settings of the comparison.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// The headers to compare instead of the default ones.
    pub(crate) headers: Option<BTreeSet<String>>,
    pub(crate) ignored: BTreeSet<String>,
    /// Whether URLs are compared by path and query only.
    pub(crate) ignores_origin: bool,
    pub(crate) secret_fields: SecretFields,
}

impl Matching {
    /// All differences; empty if the requests are equal.
    pub(crate) fn differences(
        &self,
        recorded: &RecordedRequest,
        sent: &RecordedRequest,
    ) -> Vec<Difference> {
        let mut found = Vec::new();
        if recorded.method != sent.method {
            found.push(Difference::new(
                "method",
                Some(recorded.method.to_string()),
                Some(sent.method.to_string()),
            ));
        }
        if !same_text(&self.compared(&recorded.url), &self.compared(&sent.url)) {
            let (ours, theirs) = (recorded.url.to_string(), sent.url.to_string());
            found.push(Difference::new("URL", Some(ours), Some(theirs)));
        }
        self.header_differences(&recorded.headers, &sent.headers, &mut found);
        self.body_differences(recorded, sent, &mut found);
        found
    }

    /// The part of a URL that is compared, without an empty query.
    fn compared(&self, url: &Uri) -> String {
        let mut text = match (url.scheme_str(), url.authority()) {
            (Some(scheme), Some(authority)) if !self.ignores_origin => {
                format!("{scheme}://{authority}")
            }
            _ => String::new(),
        };
        text.push_str(url.path());
        if let Some(query) = url.query().filter(|query| !query.is_empty()) {
            text.push('?');
            text.push_str(query);
        }
        text
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
            let mut pairs = ours.iter().zip(&theirs);
            let equal = ours.len() == theirs.len()
                && pairs.all(|(recorded, sent)| self.same_value(name, recorded, sent));
            if !equal {
                let place = format!("header {name}");
                found.push(Difference::new(place, shown(&ours), shown(&theirs)));
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
        // Parameters of a media type don't change the meaning of JSON.
        let json = |value: &str| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        };
        if name == CONTENT_TYPE.as_str() && json(ours) && json(theirs) {
            return true;
        }
        let secret = || {
            HeaderName::try_from(name).is_ok_and(|name| self.secret_fields.header(&name).is_some())
        };
        same_text(ours, theirs) || (is_placeholder(ours) && secret())
    }

    fn body_differences(
        &self,
        recorded: &RecordedRequest,
        sent: &RecordedRequest,
        found: &mut Vec<Difference>,
    ) {
        let equal = match (&recorded.body, &sent.body) {
            (RecordedBody::Bytes(ours), RecordedBody::Bytes(theirs)) => {
                if ours != theirs
                    && let (Some(ours), Some(theirs)) = (call(recorded, ours), call(sent, theirs))
                {
                    return json::differences(&self.secret_fields, &ours, &theirs, found);
                }
                ours == theirs || same_bytes(ours, theirs)
            }
            (RecordedBody::Omitted { length, sha1 }, body) => {
                *length == body.len() && sha1.is_none_or(|sha1| Some(sha1) == body.sha1())
            }
            (RecordedBody::Bytes(ours), body) => {
                ours.len() as u64 == body.len() && body.sha1() == Some(sha1_of(ours))
            }
        };
        if !equal {
            found.push(Difference::new(
                "body",
                Some(summary(&recorded.body)),
                Some(summary(&sent.body)),
            ));
        }
    }
}

/// A request in one line, without the content of files.
pub(crate) fn shown_request(request: &RecordedRequest) -> String {
    let RecordedRequest {
        method, url, body, ..
    } = request;
    let mut line = format!("{method} {url}");
    let json = body.as_bytes().and_then(|bytes| call(request, bytes));
    if let Some(json) = json {
        line.push(' ');
        line.push_str(&shortened(&json.to_string(), 300));
    } else if !body.is_empty() {
        write!(line, " ({})", summary(body)).expect("writing to a String never fails");
    }
    line
}

/// The JSON body of a call. The body of an upload is a file even if it is JSON: it is compared byte by byte and not
/// shown.
fn call(request: &RecordedRequest, body: &Bytes) -> Option<serde_json::Value> {
    let upload = request.headers.contains_key("x-bz-content-sha1");
    (!upload).then(|| json::parse(body)).flatten()
}

fn same_bytes(ours: &Bytes, theirs: &Bytes) -> bool {
    match (std::str::from_utf8(ours), std::str::from_utf8(theirs)) {
        (Ok(ours), Ok(theirs)) => same_text(ours, theirs),
        _ => false,
    }
}

fn shown(values: &[&HeaderValue]) -> Option<String> {
    let values = values
        .iter()
        .map(|value| quoted(&String::from_utf8_lossy(value.as_bytes())));
    let all = values.collect::<Vec<_>>().join(", ");
    (!all.is_empty()).then_some(all)
}

fn summary(body: &RecordedBody) -> String {
    match body.sha1() {
        Some(sha1) => format!("{} bytes of SHA-1 {}", body.len(), digest::to_hex(&sha1)),
        None => format!("{} bytes", body.len()),
    }
}
