//! [`Redaction`]: replaces the secrets of a session by placeholders.
//!
//! There are two passes. The first hides and collects the values in the fields for secrets; the second hides these
//! values wherever else they occur. Finally everything is searched again by other means, and the recording is refused
//! if a secret is left.

use std::ops::Range;

use b2kit_core::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use b2kit_core::http::{HeaderMap, HeaderValue, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::hidden_body::hidden_body;
use crate::interaction::{Interaction, RecordedBody, RecordedRequest, is_bodiless};
use crate::json;
use crate::secret_fields::{
    APPLICATION_KEY, CREDENTIALS, FILE_INFO, SECRET, SecretFields, TOKEN, query_values,
};
use crate::secrets::{Secrets, form_decoded, percent_decoded};
use crate::secrets_in_text;

/// A closure that edits an interaction before it is written.
pub(crate) type Hook = Box<dyn Fn(&mut Interaction) + Send + Sync>;

/// The secrets to hide besides B2's own, and the hooks to run.
#[derive(Default)]
pub(crate) struct Redaction {
    pub(crate) secret_fields: SecretFields,
    /// Name and value.
    pub(crate) declared: Vec<(String, Vec<u8>)>,
    pub(crate) hooks: Vec<Hook>,
}

/// Where a secret is left, and its placeholder.
#[derive(Debug)]
pub(crate) struct Leak {
    pub(crate) place: String,
    pub(crate) secret: String,
}

impl Redaction {
    /// Hides all secrets of a session, runs the hooks, and corrects the lengths in the headers.
    pub(crate) fn apply(&self, session: &mut [Interaction]) -> Result<(), Leak> {
        let mut pass = Redactor {
            secret_fields: &self.secret_fields,
            secrets: Secrets::default(),
        };
        for (name, value) in &self.declared {
            pass.secrets.declare(name, value);
        }
        for interaction in &mut *session {
            pass.learn(interaction);
        }
        for interaction in &mut *session {
            pass.hide(interaction);
            self.hooks.iter().for_each(|hook| hook(interaction));
            correct_lengths(interaction);
        }
        for (at, interaction) in session.iter().enumerate() {
            pass.check(at + 1, interaction)?;
        }
        Ok(())
    }
}

/// A request for comparison and display: with placeholders for the values of secret fields and for `declared` secrets.
pub(crate) fn without_secrets(
    secret_fields: &SecretFields,
    declared: &Secrets,
    mut request: RecordedRequest,
) -> RecordedRequest {
    let secrets = declared.clone();
    let mut pass = Redactor {
        secret_fields,
        secrets,
    };
    pass.learn_request(&mut request);
    pass.hide_request(&mut request);
    request
}

struct Redactor<'a> {
    secret_fields: &'a SecretFields,
    secrets: Secrets,
}

impl Redactor<'_> {
    /// Hides and collects the values of secret fields.
    fn learn(&mut self, interaction: &mut Interaction) {
        self.learn_request(&mut interaction.request);
        let response = &mut interaction.response;
        self.learn_message(&mut response.headers, &mut response.body);
    }

    fn learn_request(&mut self, request: &mut RecordedRequest) {
        self.learn_url(&mut request.url);
        self.learn_message(&mut request.headers, &mut request.body);
    }

    fn learn_message(&mut self, headers: &mut HeaderMap, body: &mut RecordedBody) {
        self.learn_headers(headers);
        edit_body(headers, body, |headers, bytes| {
            self.learn_body(headers, bytes).map(RecordedBody::from)
        });
    }

    /// Hides the collected values everywhere.
    fn hide(&self, interaction: &mut Interaction) {
        self.hide_request(&mut interaction.request);
        let response = &mut interaction.response;
        self.hide_message(&mut response.headers, &mut response.body);
    }

    fn hide_request(&self, request: &mut RecordedRequest) {
        if let Some(url) = self.secrets.hidden_text(&request.url.to_string()) {
            set_url(&mut request.url, &url);
        }
        self.hide_message(&mut request.headers, &mut request.body);
    }

    fn hide_message(&self, headers: &mut HeaderMap, body: &mut RecordedBody) {
        for value in headers.values_mut() {
            if let Some(hidden) = self.secrets.hidden(value.as_bytes()) {
                *value = header_value(&hidden);
            }
        }
        edit_body(headers, body, |_, bytes| hidden_body(&self.secrets, bytes));
    }

    /// Searches everything again.
    fn check(&self, number: usize, interaction: &Interaction) -> Result<(), Leak> {
        let Interaction { request, response } = interaction;
        let search = |bytes: &[u8], place: &dyn Fn() -> String| match self.secrets.found_in(bytes) {
            None => Ok(()),
            Some(secret) => Err(Leak {
                place: place(),
                secret: secret.to_owned(),
            }),
        };
        let url = request.url.to_string();
        search(url.as_bytes(), &|| format!("the URL of request {number}"))?;
        for (message, headers, body) in [
            ("request", &request.headers, &request.body),
            ("response", &response.headers, &response.body),
        ] {
            for (at, (name, value)) in headers.iter().enumerate() {
                // The name itself is not printed: the secret may be in it.
                let place = || format!("the name of header {} of {message} {number}", at + 1);
                search(name.as_str().as_bytes(), &place)?;
                let place = || format!("header {name} of {message} {number}");
                search(value.as_bytes(), &place)?;
            }
            if let RecordedBody::Bytes(bytes) = body {
                search(bytes, &|| format!("the body of {message} {number}"))?;
            }
        }
        Ok(())
    }

    fn learn_url(&mut self, url: &mut Uri) {
        let mut text = url.to_string();
        let mut changed = false;
        if let Some(query) = url.query() {
            let start = text.len() - query.len();
            let mut edits = Vec::new();
            // from the last to the first, the order in which placeholders are numbered in existing recordings
            for (name, range) in query_values(query).into_iter().rev() {
                let Some(kind) = self.secret_fields.field(name) else {
                    continue;
                };
                let placeholder = self.learn_encoded(kind, &query[range.clone()]);
                edits.push((start + range.start..start + range.end, placeholder));
            }
            changed = !edits.is_empty();
            edits.reverse();
            text = String::from_utf8_lossy(&edited(text.as_bytes(), &edits)).into_owned();
        }
        if let Some(authority) = url.authority()
            && let Some((user, _)) = authority.as_str().rsplit_once('@')
        {
            let placeholder = self.learn_userinfo(user.as_bytes());
            text = text.replacen(user, &placeholder, 1);
            changed = true;
        }
        if changed {
            set_url(url, &text);
        }
    }

    /// Collects the credentials in a URL; the password is a secret of its own.
    fn learn_userinfo(&mut self, text: &[u8]) -> String {
        if let Some(colon) = text.iter().position(|byte| *byte == b':') {
            self.secrets
                .learn(SECRET, &percent_decoded(&text[colon + 1..]));
        }
        self.secrets.learn(CREDENTIALS, &percent_decoded(text))
    }

    /// Collects a value that may be percent-encoded in its decoded form.
    fn learn_encoded(&mut self, kind: &str, value: &str) -> String {
        self.secrets.learn(kind, &form_decoded(value.as_bytes()))
    }

    fn learn_headers(&mut self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            let Some(kind) = self.secret_fields.header(name) else {
                if let Some(hidden) = self.learn_text(value.as_bytes()) {
                    *value = header_value(&hidden);
                }
                continue;
            };
            let hidden = match value.to_str() {
                Ok(text) if name.as_str().starts_with(FILE_INFO) => self.learn_encoded(kind, text),
                Ok(text) if name == AUTHORIZATION || kind == TOKEN => self.authorization(text),
                Ok(text) if kind == "cookie" => self.cookie(text),
                _ => self.secrets.learn(kind, value.as_bytes()),
            };
            *value = header_value(hidden.as_bytes());
        }
    }

    /// `Basic …`, a token after another scheme, or B2's tokens, which have none.
    fn authorization(&mut self, text: &str) -> String {
        let Some((scheme, rest)) = text.split_once(' ') else {
            return self.secrets.learn(TOKEN, text.as_bytes());
        };
        if !scheme.eq_ignore_ascii_case("basic") {
            let token = self.secrets.learn(TOKEN, rest.as_bytes());
            return format!("{scheme} {token}");
        }
        if let Ok(pair) = STANDARD.decode(rest)
            && let Some(colon) = pair.iter().position(|byte| *byte == b':')
        {
            self.secrets.learn(APPLICATION_KEY, &pair[colon + 1..]);
        }
        let credentials = self.secrets.learn(CREDENTIALS, rest.as_bytes());
        format!("{scheme} {credentials}")
    }

    /// Cookies are hidden as a whole; each value is a secret of its own, the attributes of `Set-Cookie` are not.
    fn cookie(&mut self, text: &str) -> String {
        const ATTRIBUTES: [&str; 5] = ["path", "domain", "expires", "max-age", "samesite"];
        for (name, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
            let name = name.trim().to_ascii_lowercase();
            if !ATTRIBUTES.contains(&name.as_str()) {
                self.secrets.learn("cookie", value.as_bytes());
            }
        }
        self.secrets.learn("cookie", text.as_bytes())
    }

    fn learn_body(&mut self, headers: &HeaderMap, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(mut json) = json::parse(bytes) {
            let changed = self.learn_json(&mut json);
            // The parsed JSON has only the last value of a repeated key.
            let hidden = self.learn_text(bytes);
            return match changed {
                true => Some(json.to_string().into_bytes()),
                false => hidden,
            };
        }
        // Truncated JSON, or JSON within other text.
        let form = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("urlencoded"));
        if form {
            let text = String::from_utf8_lossy(bytes);
            for (name, range) in query_values(&text) {
                if let Some(kind) = self.secret_fields.field(name) {
                    self.learn_encoded(kind, &text[range]);
                }
            }
        }
        self.learn_text(bytes)
    }

    fn learn_json(&mut self, json: &mut Value) -> bool {
        let mut changed = false;
        let secrets = &mut self.secrets;
        self.secret_fields.visit_json(json, &mut |kind, text| {
            let placeholder = secrets.learn(kind, text.as_bytes());
            changed |= *text != placeholder;
            *text = placeholder;
        });
        changed | self.learn_strings(json)
    }

    /// Strings in JSON may themselves contain JSON or URLs.
    fn learn_strings(&mut self, json: &mut Value) -> bool {
        match json {
            Value::String(text) => match self.learn_text(text.as_bytes()) {
                None => false,
                Some(hidden) => {
                    *text = String::from_utf8_lossy(&hidden).into_owned();
                    true
                }
            },
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |changed, item| self.learn_strings(item) | changed),
            Value::Object(members) => members
                .values_mut()
                .fold(false, |changed, item| self.learn_strings(item) | changed),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn learn_text(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let found = secrets_in_text::find(self.secret_fields, text);
        if found.is_empty() {
            return None;
        }
        // from the last to the first, the order in which placeholders are numbered in existing recordings
        let edits = found.into_iter().rev().map(|found| {
            let placeholder = match found.kind {
                CREDENTIALS => self.learn_userinfo(&found.value),
                kind => self.secrets.learn(kind, &found.value),
            };
            (found.range, placeholder)
        });
        let mut edits: Vec<_> = edits.collect();
        edits.reverse();
        let hidden = edited(text, &edits);
        (hidden != text).then_some(hidden)
    }
}

/// The text with these ranges, which are in order, replaced.
fn edited(text: &[u8], edits: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut copied = 0;
    for (range, instead) in edits {
        out.extend_from_slice(&text[copied..range.start]);
        out.extend_from_slice(instead.as_bytes());
        copied = range.end;
    }
    out.extend_from_slice(&text[copied..]);
    out
}

/// Edits a body of which the bytes were recorded.
///
/// A body whose SHA-1 is in a header can't be edited: if it would change, only its length and SHA-1 are kept. A
/// compressed JSON body can't be searched, so only these are kept in any case.
fn edit_body(
    headers: &HeaderMap,
    body: &mut RecordedBody,
    edit: impl FnOnce(&HeaderMap, &[u8]) -> Option<RecordedBody>,
) {
    let RecordedBody::Bytes(bytes) = body else {
        return;
    };
    let has = |name, word: &str| {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        value.is_some_and(|value| String::from_utf8_lossy(value).contains(word))
    };
    let compressed = headers.contains_key(CONTENT_ENCODING)
        && !has(CONTENT_ENCODING, "identity")
        && has(CONTENT_TYPE, "json");
    let edited = edit(headers, bytes);
    if compressed || (edited.is_some() && headers.contains_key("x-bz-content-sha1")) {
        *body = RecordedBody::omitted(bytes);
    } else if let Some(edited) = edited {
        *body = edited;
    }
}

/// Sets the lengths in the headers to those of the bodies as they are written.
fn correct_lengths(interaction: &mut Interaction) {
    let Interaction { request, response } = interaction;
    let correct = |headers: &mut HeaderMap, body: &RecordedBody| {
        if headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
    };
    correct(&mut request.headers, &request.body);
    if !is_bodiless(&request.method, response.status) && !response.cut {
        correct(&mut response.headers, &response.body);
    }
}

/// Sets a URL with placeholders. If that is no valid URL (a placeholder as the port, or one that makes it too long),
/// the whole URL is replaced rather than a secret kept.
fn set_url(url: &mut Uri, text: &str) {
    let hidden = || Uri::from_static("https://hidden.invalid/");
    *url = text.parse().unwrap_or_else(|_| hidden());
}

fn header_value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static("hidden-secret"))
}
