//! Checks that a request can be sent unchanged, and adds its length.

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Uri, Version};

use crate::error::HttpError;
use crate::has_host::has_host;
use crate::http_client::Request;

/// Checks a request and sets its `Content-Length`.
///
/// A refused request is one that libraries would not send as given, but without the URI's credentials, chunked, or
/// truncated.
///
/// # Errors
/// [`Invalid`](crate::HttpErrorKind::Invalid); nothing was sent.
pub fn checked(request: Request) -> Result<Request, HttpError> {
    let (mut head, body) = request.into_parts();
    check_uri(&head.uri)?;
    if head.method == Method::CONNECT {
        return Err(HttpError::invalid("CONNECT is not supported"));
    }
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(HttpError::invalid(
            "bodies are sent with a Content-Length, not with a Transfer-Encoding",
        ));
    }
    set_length(&mut head, body.len())?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(Request::from_parts(head, body))
}

/// Refuses a path with a segment `.` or `..`, plain or percent-encoded.
fn refuse_dot_segments(uri: &Uri) -> Result<(), HttpError> {
    let is_dots = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if uri.path().split('/').any(is_dots) {
        return Err(rewritten());
    }
    Ok(())
}

/// Refuses a URI that libcurl would change: one with dot segments, lower-case hexadecimal digits, or characters that
/// are not ASCII.
///
/// # Errors
/// [`Invalid`](crate::HttpErrorKind::Invalid) if libcurl would change it.
pub fn same_to_curl(uri: &Uri) -> Result<(), HttpError> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut escapes = target.split('%').skip(1);
    let in_lower_case = |escape: &str| {
        let digits = escape.bytes().take(2);
        digits.into_iter().any(|digit| matches!(digit, b'a'..=b'f'))
    };
    if !target.is_ascii() || escapes.any(in_lower_case) {
        return Err(rewritten());
    }
    refuse_dot_segments(uri)
}

/// Refuses a URI that a library has parsed to another path or query.
///
/// # Errors
/// [`Invalid`](crate::HttpErrorKind::Invalid) if they differ.
pub fn same_target(uri: &Uri, path: &str, query: Option<&str>) -> Result<(), HttpError> {
    if uri.path() == path && uri.query() == query {
        Ok(())
    } else {
        Err(rewritten())
    }
}

fn rewritten() -> HttpError {
    HttpError::invalid(
        "this HTTP library would rewrite the URI's path or query, and so request something else",
    )
}

fn check_uri(uri: &Uri) -> Result<(), HttpError> {
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(HttpError::invalid("the URI is neither http nor https"));
    }
    if !has_host(uri) {
        return Err(HttpError::invalid("the URI has no host"));
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(HttpError::invalid(
            "the URI has credentials, which belong in a header",
        ));
    }
    Ok(())
}

/// Sets `Content-Length`, or checks the one that is set.
fn set_length(head: &mut Parts, len: u64) -> Result<(), HttpError> {
    let mut stated = head.headers.get_all(CONTENT_LENGTH).iter();
    match (stated.next(), stated.next()) {
        (None, _) => {
            let expected = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
            if len > 0 || expected {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
            }
            Ok(())
        }
        (Some(stated), None) if is_decimal(stated.as_bytes(), len) => Ok(()),
        (Some(_), _) => Err(HttpError::invalid(
            "the Content-Length header doesn't match the length of the body",
        )),
    }
}

/// Whether this is how the number is written, without a sign or leading zeros.
fn is_decimal(text: &[u8], number: u64) -> bool {
    let mut left = number;
    for &digit in text.iter().rev() {
        if u64::from(digit) != u64::from(b'0') + left % 10 {
            return false;
        }
        left /= 10;
    }
    left == 0 && (text.len() == 1 || text.first().is_some_and(|&digit| digit != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::error::{HttpErrorKind, Phase};

    fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request {
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::from(body)).unwrap()
    }

    #[test]
    fn requests_that_can_not_be_sent_unchanged_are_refused() {
        let length = |value| [("content-length", value)];
        for refused in [
            request("GET", "/relative", &[], ""),
            request("GET", "host.test:80", &[], ""),
            request("GET", "ftp://host.test/", &[], ""),
            request("GET", "http://user:password@host.test/", &[], ""),
            request("CONNECT", "http://host.test/", &[], ""),
            request(
                "POST",
                "http://h/",
                &[("transfer-encoding", "chunked")],
                "x",
            ),
            request("POST", "http://h/", &length("2"), "x"),
            request("POST", "http://h/", &length("+1"), "x"),
            request("POST", "http://h/", &length("01"), "x"),
            request("POST", "http://h/", &length("1, 1"), "x"),
            request(
                "POST",
                "http://h/",
                &[length("1"), length("1")].concat(),
                "x",
            ),
            request("GET", "http://h/", &length("1"), ""),
        ] {
            let shown = format!("{refused:?}");
            let error = checked(refused).expect_err(&shown);
            assert_eq!(error.kind(), HttpErrorKind::Invalid, "{shown}");
            assert_eq!(error.phase(), Phase::NotSent, "{shown}");
            assert!(!format!("{error:?}").contains("password"));
        }
    }

    #[test]
    fn a_number_is_written_in_one_way() {
        for number in [0, 1, 9, 10, 4_096, u64::MAX - 1, u64::MAX] {
            let text = number.to_string();
            assert!(is_decimal(text.as_bytes(), number), "{text}");
            for other in [
                format!("0{text}"),
                format!("+{text}"),
                format!("{text}0"),
                format!("{text} "),
                text[1..].to_owned(),
                (number ^ 1).to_string(),
            ] {
                assert!(!is_decimal(other.as_bytes(), number), "{other}");
            }
        }
    }

    #[test]
    fn content_length_is_set_if_there_is_or_could_be_a_body() {
        for (method, body, stated) in [
            ("GET", "", None),
            ("HEAD", "", None),
            ("DELETE", "", None),
            ("DELETE", "x", Some("1")),
            ("GET", "xy", Some("2")),
            ("POST", "", Some("0")),
            ("PUT", "", Some("0")),
            ("PATCH", "", Some("0")),
            ("POST", "xyz", Some("3")),
        ] {
            let request = checked(request(method, "https://h/p?q", &[], body)).unwrap();
            let header = request.headers().get(CONTENT_LENGTH);
            assert_eq!(
                header.map(|value| value.to_str().unwrap()),
                stated,
                "{method} {body:?}"
            );
        }
    }

    #[test]
    fn only_whole_segments_of_dots_are_refused() {
        let uri = |path: &str| format!("http://h{path}").parse::<Uri>().unwrap();
        for path in ["/a/../b", "/.", "/a/%2e%2E/b", "/.%2e", "/a/.?q"] {
            assert!(refuse_dot_segments(&uri(path)).is_err(), "{path}");
        }
        for path in [
            "/",
            "/a..b",
            "/...",
            "/%2e%2e%2e",
            "/a?..",
            "//",
            "/a%2F..%2Fb",
        ] {
            assert!(refuse_dot_segments(&uri(path)).is_ok(), "{path}");
        }
    }

    #[test]
    fn uris_that_libcurl_would_change_are_refused() {
        let uri = |target: &str| format!("http://h{target}").parse::<Uri>().unwrap();
        for target in ["/a%2fb", "/?a=%e2", "/%E2%8a", "/\u{20ac}", "/a/../b"] {
            assert!(same_to_curl(&uri(target)).is_err(), "{target}");
        }
        for target in ["/a%2Fb", "/%41b", "/%E2%82%ACabc?d%20e", "/"] {
            assert!(same_to_curl(&uri(target)).is_ok(), "{target}");
        }
    }

    #[test]
    fn targets_are_compared_byte_by_byte() {
        let uri = Uri::from_static("http://h/a%2fb?c=%2F");
        assert!(same_target(&uri, "/a%2fb", Some("c=%2F")).is_ok());
        assert!(same_target(&uri, "/a%2Fb", Some("c=%2F")).is_err());
        assert!(same_target(&uri, "/a%2fb", Some("c=/")).is_err());
        assert!(same_target(&uri, "/a%2fb", None).is_err());
    }
}
