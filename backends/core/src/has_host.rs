//! Whether a URI has a host.

use http::Uri;

/// Whether a URI has a host. Faster than [`Uri::host`], which also finds the end of the host.
pub(crate) fn has_host(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else {
        return false;
    };
    let text = authority.as_str();
    match text.as_bytes().first() {
        None | Some(b':') => false,
        Some(_) => !text.contains('@') || !authority.host().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_host_if_its_host_is_not_empty() {
        for text in [
            "/path",
            "host",
            "host:80",
            ":80",
            "http://host",
            "http://host:80/path?a@b",
            "http://:80/",
            "http://@/",
            "http://@:80/",
            "http://user@/",
            "http://user:password@:80/",
            "http://user@host:80/",
            "http://[::1]:80/",
            "http://127.0.0.1",
        ] {
            let Ok(uri) = text.parse::<Uri>() else {
                continue;
            };
            let expected = uri.host().is_some_and(|host| !host.is_empty());
            assert_eq!(has_host(&uri), expected, "{text}");
        }
    }
}
