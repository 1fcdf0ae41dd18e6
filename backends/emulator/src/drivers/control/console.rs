//! The console: a page in the browser over the control API. One response, which loads nothing.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::protocol::percent;
use crate::protocol::response::Response;

const HTML: &str = include_str!("console/page.html");
const STYLE: &str = include_str!("console/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("console/base.js"),
    include_str!("console/files.js"),
    include_str!("console/calls.js"),
    include_str!("console/account.js"),
];

/// The page, and its content security policy.
struct Page {
    html: Bytes,
    policy: HeaderValue,
}

static PAGE: LazyLock<Page> = LazyLock::new(Page::build);

impl Page {
    /// Puts style and script into the page. The policy allows these two by their hashes, images
    /// that the script makes of downloaded bytes, requests to this server, and nothing else; and no
    /// text can become HTML.
    fn build() -> Self {
        let script = format!("\"use strict\";\n{}", SCRIPTS.concat());
        let html = HTML
            .replace("/*STYLE*/", STYLE)
            .replace("/*SCRIPT*/", &script);
        let mut policy = "default-src 'none'; base-uri 'none'; form-action 'none'; \
            frame-ancestors 'none'; connect-src 'self'; img-src blob:; \
            require-trusted-types-for 'script'; trusted-types 'none'"
            .to_owned();
        for (directive, text) in [("style-src", STYLE), ("script-src", &script)] {
            let hash = STANDARD.encode(Sha256::digest(text));
            write!(policy, "; {directive} 'sha256-{hash}'").expect("a string takes everything");
        }
        Self {
            html: html.into(),
            policy: HeaderValue::try_from(policy).expect("letters, digits and punctuation"),
        }
    }
}

/// The response with the page.
pub(super) fn page() -> Response {
    let content_type = HeaderValue::from_static("text/html;charset=UTF-8");
    let mut response = Response::with_body(StatusCode::OK, content_type, PAGE.html.clone());
    let headers = &mut response.headers;
    headers.insert(CONTENT_SECURITY_POLICY, PAGE.policy.clone());
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The token in the link to the page: a browser can't send a header when it opens one.
pub(super) fn token(head: &Parts) -> Option<String> {
    let pairs = percent::query_pairs(head.uri.query()?)?;
    let mut pairs = pairs.into_iter();
    pairs.find_map(|(name, value)| (name == "token").then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_its_only_script_and_style_are_those_of_the_policy() {
        let html = std::str::from_utf8(&PAGE.html).unwrap();
        assert!(html.len() < 60 * 1024, "{} bytes", html.len());
        let count = |text: &str| html.matches(text).count();
        assert_eq!((count("<script"), count("<style")), (1, 1));
        for forbidden in [
            " src=",
            " href=",
            "style=\"",
            "innerHTML",
            "outerHTML",
            "eval(",
        ] {
            assert_eq!(count(forbidden), 0, "{forbidden}");
        }
        let inside = |tag: &str| {
            let (_, rest) = html.split_once(&format!("<{tag}>")).unwrap();
            rest.split_once(&format!("</{tag}>")).unwrap().0
        };
        let policy = PAGE.policy.to_str().unwrap();
        for tag in ["script", "style"] {
            let hash = STANDARD.encode(Sha256::digest(inside(tag)));
            assert!(
                policy.contains(&format!("{tag}-src 'sha256-{hash}'")),
                "{tag}"
            );
        }
    }
}
