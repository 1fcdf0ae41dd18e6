//! CORS: preflight requests, and the headers that let a page read a response.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use super::{download, upload};
use crate::model::bucket::Bucket;
use crate::model::rules::CorsRule;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::percent;
use crate::protocol::response::Response;
use crate::protocol::undocumented;

/// Answers a preflight by the first rule of the bucket that allows everything it asks for.
pub(crate) fn preflight(state: &State, head: &Parts) -> Result<Response, ApiError> {
    let (bucket, operation) = subject(state, head).ok_or_else(undocumented::preflight_denied)?;
    let methods = match operation {
        upload::UPLOAD_FILE | upload::UPLOAD_PART => "POST",
        _ => "GET, HEAD",
    };
    let origin = text_of(head, ORIGIN).ok_or_else(undocumented::preflight_denied)?;
    let method = text_of(head, ACCESS_CONTROL_REQUEST_METHOD);
    if !method.is_some_and(|method| methods.split(", ").any(|it| it == method)) {
        return Err(undocumented::preflight_denied());
    }
    let headers = text_of(head, ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or("");
    let allows = |rule: &&CorsRule| {
        rule.operations.iter().any(|it| it == operation)
            && rule.origins.iter().any(|it| covers_origin(it, origin))
            && names(headers).all(|name| allows_header(rule, name))
    };
    let rule = bucket.cors_rules.iter().find(allows);
    let rule = rule.ok_or_else(undocumented::preflight_denied)?;
    let mut answers = origin_and_exposed(rule, origin);
    answers.push((ACCESS_CONTROL_ALLOW_METHODS, methods.to_owned()));
    answers.push((ACCESS_CONTROL_MAX_AGE, rule.max_age.to_string()));
    if !headers.is_empty() {
        answers.push((ACCESS_CONTROL_ALLOW_HEADERS, headers.to_owned()));
    }
    let mut response = Response::empty();
    put(&mut response, answers);
    Ok(response)
}

/// Adds the headers that let the page read the response, if a rule allows it.
pub(crate) fn add_headers(state: &State, head: &Parts, response: &mut Response) {
    let origin = text_of(head, ORIGIN).filter(|_| head.method != Method::OPTIONS);
    let Some((origin, (bucket, operation))) = origin.zip(subject(state, head)) else {
        return;
    };
    let allows = |rule: &&CorsRule| {
        rule.operations.iter().any(|it| it == operation)
            && rule.origins.iter().any(|it| covers_origin(it, origin))
    };
    if let Some(rule) = bucket.cors_rules.iter().find(allows) {
        put(response, origin_and_exposed(rule, origin));
    }
}

fn origin_and_exposed(rule: &CorsRule, origin: &str) -> Vec<(HeaderName, String)> {
    let is_for_all = rule.origins.iter().any(|it| it == "*");
    let origin = if is_for_all { "*" } else { origin };
    let mut answers = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, origin.to_owned())];
    if let Some(expose) = rule.expose.as_ref().filter(|expose| !expose.is_empty()) {
        answers.push((ACCESS_CONTROL_EXPOSE_HEADERS, expose.join(", ")));
    }
    answers
}

/// The bucket that a preflight is about, and the operation. Calls that need an account token can't
/// be used from a page.
fn subject<'a>(state: &'a State, head: &Parts) -> Option<(&'a Bucket, &'static str)> {
    let path = head.uri.path();
    if let Some(path) = path.strip_prefix("/file/") {
        let name = percent::decode(path.split_once('/')?.0.as_bytes())?;
        return Some((state.bucket_by_name(&name)?, download::BY_NAME));
    }
    let (_, rest) = path.strip_prefix("/b2api/")?.split_once('/')?;
    if let Some(call) = upload::name_of(rest) {
        let id = rest.split('/').nth(1)?;
        let bucket = match call {
            upload::UPLOAD_FILE => state.buckets.get(id)?,
            _ => state.version(id)?.0,
        };
        return Some((bucket, call));
    }
    if rest != download::BY_ID {
        return None;
    }
    let query = Args::of_query(head.uri.query()?).ok()?;
    let (bucket, _) = state.version(query.string("fileId").ok()??)?;
    Some((bucket, download::BY_ID))
}

/// Whether an entry of `allowedOrigins` matches an origin.
fn covers_origin(allowed: &str, origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let allowed = allowed.to_ascii_lowercase();
    if allowed == "https" {
        return origin.starts_with("https://");
    }
    match allowed.split_once('*') {
        None => allowed == origin,
        Some((start, end)) => {
            origin.len() >= start.len() + end.len()
                && origin.starts_with(start)
                && origin.ends_with(end)
        }
    }
}

fn allows_header(rule: &CorsRule, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut allowed = rule.headers.iter().flatten();
    allowed.any(|allowed| {
        let allowed = allowed.to_ascii_lowercase();
        match allowed.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == allowed,
        }
    })
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn put(response: &mut Response, answers: Vec<(HeaderName, String)>) {
    for (name, value) in answers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_covered_as_documented() {
        for (allowed, origin, expected) in [
            ("*", "http://anywhere:1", true),
            ("https", "https://x.example:8443", true),
            ("https", "http://x.example", false),
            ("https://x.example", "https://X.example", true),
            ("https://x.example", "https://x.example:8443", false),
            ("https://*.example", "https://a.b.example", true),
            ("https://*.example", "https://.example.evil", false),
            ("https://*:8443", "https://x.example:8443", true),
            ("https://*:8443", "https://x.example", false),
            ("https://a*a", "https://a", false),
        ] {
            assert_eq!(
                covers_origin(allowed, origin),
                expected,
                "{allowed} {origin}"
            );
        }
    }
}
