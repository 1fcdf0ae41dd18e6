//! [`SecretFields`]: the fields of B2's messages that hold secrets. The recorder hides their values, the player doesn't
//! compare them, and reports of mismatches don't print them.

use b2kit_core::http::HeaderName;
use serde_json::Value;

/// The prefix of every placeholder.
pub(crate) const PREFIX: &str = "hidden-";

/// A kind of secret; its placeholder is `hidden-` and this name.
pub(crate) type Kind = &'static str;

/// A secret that the program has declared without a name.
pub(crate) const SECRET: Kind = "secret";
/// The whole value of `Authorization: Basic …`, or user and password in a URL.
pub(crate) const CREDENTIALS: Kind = "credentials";
pub(crate) const APPLICATION_KEY: Kind = "application-key";
pub(crate) const TOKEN: Kind = "authorization-token";
/// The custom headers of webhooks, which may hold anything.
pub(crate) const CUSTOM_HEADER: Kind = "custom-header";

const FIELDS: &[(&str, Kind)] = &[
    ("accountId", "account-id"),
    ("adminAccountId", "account-id"),
    ("applicationKey", APPLICATION_KEY),
    ("authorizationToken", TOKEN),
    ("authorization", TOKEN),
    ("downloadAuthorizationToken", TOKEN),
    ("uploadAuthorizationToken", TOKEN),
    ("customerKey", "customer-key"),
    ("customerKeyMd5", "customer-key-md5"),
    ("hmacSha256SigningSecret", "signing-secret"),
];

const HEADERS: &[(&str, Kind)] = &[
    ("authorization", TOKEN),
    ("proxy-authorization", TOKEN),
    ("cookie", "cookie"),
    ("set-cookie", "cookie"),
    ("x-bz-server-side-encryption-customer-key", "customer-key"),
    (
        "x-bz-server-side-encryption-customer-key-md5",
        "customer-key-md5",
    ),
];

/// The prefix of the headers with file info. Users choose their names, and the values are percent-encoded.
pub(crate) const FILE_INFO: &str = "x-bz-info-";

/// The fields and headers of B2, and those that the program has added.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretFields {
    fields: Vec<String>,
    headers: Vec<HeaderName>,
}

impl SecretFields {
    pub(crate) fn add_field(&mut self, name: impl Into<String>) {
        self.fields.push(name.into());
    }

    pub(crate) fn add_header(&mut self, name: HeaderName) {
        self.headers.push(name);
    }

    /// The kind of secret in a JSON field or query parameter of this name.
    pub(crate) fn field(&self, name: &str) -> Option<Kind> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if let Some((_, kind)) = FIELDS.iter().find(|(known, _)| is(known)) {
            return Some(kind);
        }
        let lower = name.to_ascii_lowercase();
        let tells = ["secret", "password", "authtoken"]
            .iter()
            .any(|word| lower.contains(word));
        (tells || self.fields.iter().any(|known| is(known))).then_some(SECRET)
    }

    /// The kind of secret in this header. File info is a secret where its name would be that of a JSON field for one.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<Kind> {
        let name = name.as_str();
        if let Some((_, kind)) = HEADERS.iter().find(|(known, _)| *known == name) {
            return Some(kind);
        }
        if let Some(kind) = name
            .strip_prefix(FILE_INFO)
            .and_then(|name| self.field(name))
        {
            return Some(kind);
        }
        // All of B2's other headers are known; the headers of proxies are not.
        let tells = !name.starts_with("x-bz-")
            && ["token", "secret", "password", "api-key", "apikey"]
                .iter()
                .any(|word| name.contains(word));
        (tells || self.headers.iter().any(|known| known == name)).then_some(SECRET)
    }

    /// Calls `visit` with every string and number in `json` that is in a field for secrets.
    pub(crate) fn visit_json(&self, json: &mut Value, visit: &mut impl FnMut(Kind, &mut String)) {
        self.visit_node(json, None, visit);
    }

    fn visit_node(
        &self,
        json: &mut Value,
        kind: Option<Kind>,
        visit: &mut impl FnMut(Kind, &mut String),
    ) {
        match json {
            Value::String(text) => {
                if let Some(kind) = kind {
                    visit(kind, text);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.visit_node(item, kind, visit);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let below = self.below(kind, name);
                    self.visit_node(member, below, visit);
                }
            }
            Value::Number(number) => {
                if let Some(kind) = kind {
                    let mut text = number.to_string();
                    visit(kind, &mut text);
                    if text != number.to_string() {
                        *json = Value::String(text);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The kind of secret in the member `name` of an object that is itself in a field of `kind`.
    ///
    /// `{"customHeaders": [{"name": …, "value": …}]}` is the one case in which the enclosing field matters.
    pub(crate) fn below(&self, kind: Option<Kind>, name: &str) -> Option<Kind> {
        match kind {
            Some(CUSTOM_HEADER) if name == "name" => None,
            Some(kind) => Some(kind),
            None if name.eq_ignore_ascii_case("customHeaders") => Some(CUSTOM_HEADER),
            None => self.field(name),
        }
    }
}

/// Whether a value is a placeholder of a known kind, or of one of these others: a secret may begin like one.
pub(crate) fn is_known_placeholder(text: &str, is_other: impl Fn(&str) -> bool) -> bool {
    let Some(name) = text.strip_prefix(PREFIX) else {
        return matches!(
            text,
            "hidden account id" | "hidden application key id" | "hidden authorization token"
        );
    };
    let kind = match name.rsplit_once('-') {
        Some((kind, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            kind
        }
        _ => name,
    };
    let kinds = FIELDS
        .iter()
        .map(|(_, kind)| kind)
        .chain(HEADERS.iter().map(|(_, kind)| kind));
    let constants = [SECRET, CREDENTIALS, APPLICATION_KEY, TOKEN, CUSTOM_HEADER];
    kinds.chain(&constants).any(|known| *known == kind) || is_other(kind)
}

/// Whether a text in a recording is a placeholder.
pub(crate) fn is_placeholder(text: &str) -> bool {
    text.starts_with(PREFIX)
        // Written by hand in recordings of version 0.
        || text.starts_with("hidden ")
}

/// Whether two texts are equal apart from the numbers of their placeholders. These are assigned per session, so a
/// single request can't reproduce them.
pub(crate) fn same_text(one: &str, other: &str) -> bool {
    one == other || (one.contains(PREFIX) && without_numbers(one) == without_numbers(other))
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, placeholder) = rest.split_at(at + PREFIX.len());
        out.push_str(before);
        rest = placeholder;
        let kinds = FIELDS.iter().chain(HEADERS).map(|(_, kind)| *kind);
        let longest = kinds
            .chain([SECRET, CREDENTIALS, CUSTOM_HEADER])
            .filter(|kind| rest.starts_with(kind))
            .max_by_key(|kind| kind.len());
        let Some(kind) = longest else { continue };
        out.push_str(kind);
        rest = &rest[kind.len()..];
        let number = rest
            .strip_prefix('-')
            .map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
        match number {
            Some(after) if after.len() + 1 < rest.len() => rest = after,
            _ => {}
        }
    }
    out + rest
}

/// The parameters of a query: each name, and the range of its value.
pub(crate) fn query_values(query: &str) -> Vec<(&str, std::ops::Range<usize>)> {
    let mut start = 0;
    let mut values = Vec::new();
    for pair in query.split('&') {
        if let Some((name, value)) = pair.split_once('=') {
            let at = start + name.len() + 1;
            values.push((name, at..at + value.len()));
        }
        start += pair.len() + 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_compared_without_their_numbers() {
        for (one, other) in [
            ("hidden-account-id", "hidden-account-id-2"),
            ("a hidden-secret-12/b", "a hidden-secret-3/b"),
            ("hidden-customer-key-md5-2", "hidden-customer-key-md5"),
        ] {
            assert!(same_text(one, other), "{one}");
        }
        for (one, other) in [
            ("hidden-account-id", "hidden-secret"),
            ("hidden-cat-1.jpg", "hidden-cat-2.jpg"),
            ("hidden-secret-", "hidden-secret"),
            ("hidden-secret-x", "hidden-secret-1x"),
        ] {
            assert!(!same_text(one, other), "{one}");
        }
    }
}
