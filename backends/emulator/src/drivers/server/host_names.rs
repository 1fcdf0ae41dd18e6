//! [`AllowedHosts`]: the host names that a server answers to.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

/// The host names that a server answers to, and the URL in its responses.
pub(super) struct AllowedHosts {
    scheme: &'static str,
    address: IpAddr,
    /// Besides IP addresses and `localhost`.
    allowed: Vec<String>,
    /// Whether other names are refused.
    is_strict: bool,
    /// The URL in responses, unless it follows from the request.
    url: Option<Arc<str>>,
}

impl AllowedHosts {
    pub(super) fn new(
        scheme: &'static str,
        address: IpAddr,
        names: Option<Vec<String>>,
        url: Option<Arc<str>>,
    ) -> Self {
        let is_strict = names.is_some();
        let mut allowed = names.unwrap_or_default();
        let own = url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
        allowed.extend(own.and_then(|url| url.host().map(str::to_owned)));
        Self {
            scheme,
            address,
            allowed,
            is_strict,
            url,
        }
    }

    /// The URL in responses to this request.
    pub(super) fn origin(&self, head: &Parts, fallback: &Arc<str>) -> Arc<str> {
        if let Some(url) = &self.url {
            return Arc::clone(url);
        }
        if !self.address.is_unspecified() {
            return Arc::clone(fallback);
        }
        authority(head).map_or_else(
            || Arc::clone(fallback),
            |authority| format!("{}://{authority}", self.scheme).into(),
        )
    }

    /// Whether B2's calls may be requested under this name.
    pub(super) fn allows_b2(&self, head: &Parts) -> bool {
        !self.is_strict || self.allows_control(head)
    }

    /// Whether the control endpoint may be.
    pub(super) fn allows_control(&self, head: &Parts) -> bool {
        let Some(authority) = authority(head) else {
            return false;
        };
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        // a page can't make an IP address resolve to this computer
        address.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.is_named(host)
    }

    fn is_named(&self, host: &str) -> bool {
        let mut allowed = self.allowed.iter();
        allowed.any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// The host of a request, without user and password.
fn authority(head: &Parts) -> Option<Authority> {
    let authority = match head.uri.authority() {
        Some(authority) => authority.clone(),
        None => head.headers.get(HOST)?.to_str().ok()?.parse().ok()?,
    };
    Some(authority).filter(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(host: &str) -> Parts {
        let request = http::Request::get("/").header(HOST, host).body(()).unwrap();
        request.into_parts().0
    }

    #[test]
    fn ip_addresses_localhost_and_configured_names_are_allowed_hosts() {
        let address = IpAddr::from([192, 168, 0, 7]);
        let url = Some("http://b2.test:1".into());
        let hosts = AllowedHosts::new(
            "http",
            address,
            Some(vec!["api.backblazeb2.com".into()]),
            url,
        );
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:4",
            "127.9.9.9",
            "[::1]:5",
            "192.168.0.7:8",
            "api.backblazeb2.com",
            "b2.test",
        ] {
            assert!(hosts.allows_b2(&head(host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "user@localhost",
            "",
            "0x7f000001",
            "2130706433",
        ] {
            assert!(!hosts.allows_b2(&head(host)), "{host}");
        }
        let open = AllowedHosts::new("http", address, None, None);
        assert!(open.allows_b2(&head("evil.example")));
        assert!(!open.allows_control(&head("evil.example")));
    }

    #[test]
    fn with_an_unspecified_address_responses_have_the_requested_host() {
        let fallback: Arc<str> = "http://0.0.0.0:80".into();
        let everywhere = AllowedHosts::new("http", IpAddr::from([0, 0, 0, 0]), None, None);
        let origin = everywhere.origin(&head("b2.test:8080"), &fallback);
        assert_eq!(&*origin, "http://b2.test:8080");
        for bad in ["a b", "x/y", ""] {
            assert_eq!(everywhere.origin(&head(bad), &fallback), fallback, "{bad}");
        }
        let at_home = AllowedHosts::new("http", IpAddr::from([127, 0, 0, 1]), None, None);
        assert_eq!(at_home.origin(&head("b2.test"), &fallback), fallback);
    }
}
