//! [`EndpointPolicy`]: where tokens and keys may be sent.
//!
//! B2's responses say where the next requests go: API, downloads, uploads. A response that names a
//! foreign host would send the token there, so every request's URL is checked before it leaves.

use std::net::IpAddr;

use http::Uri;

use crate::api::Session;
use crate::error::{Error, ErrorKind};

/// The origin where all accounts of the real service are authorized.
pub(in crate::client) const REALM: &str = "https://api.backblazeb2.com";

/// The domains of the real service and of its staging, subdomains included.
const SERVICES: [&[&str]; 2] = [&["backblazeb2.com", "backblaze.com"], &["backblaze.net"]];

/// Which origins are trusted.
#[derive(Debug, Clone)]
pub(in crate::client) struct EndpointPolicy {
    realm_host: String,
    realm_is_loopback: bool,
    /// All domains of the service, if the realm is B2's own.
    domains: Option<&'static [&'static str]>,
    allow_insecure_http: bool,
    trusted_hosts: Vec<String>,
    /// The scheme and authority of the program's own download origin; trusted with nothing but
    /// downloads.
    download_origin: Option<(String, String)>,
}

impl EndpointPolicy {
    pub(in crate::client) fn new(
        realm: &str,
        allow_insecure_http: bool,
        trusted_hosts: Vec<String>,
    ) -> Result<Self, Error> {
        let uri = origin(realm, "the endpoint", REALM)?;
        let host = uri.host().unwrap_or_default();
        let policy = Self {
            realm_host: host.to_ascii_lowercase(),
            realm_is_loopback: is_loopback(host),
            domains: SERVICES.into_iter().find(|domains| is_in(host, domains)),
            allow_insecure_http,
            trusted_hosts,
            download_origin: None,
        };
        policy.check(&uri)?;
        Ok(policy)
    }

    /// Trusts this origin with downloads, since the program names it. It needs TLS like all others.
    pub(in crate::client) fn with_download_origin(mut self, text: &str) -> Result<Self, Error> {
        let uri = origin(text, "the download origin", "https://files.example.com")?;
        self.check_form(&uri)?;
        self.download_origin = scheme_and_authority(&uri);
        Ok(self)
    }

    /// Refuses a URL that is not trusted with downloads.
    pub(in crate::client) fn check_download(&self, uri: &Uri) -> Result<(), Error> {
        if self.download_origin.is_some() && scheme_and_authority(uri) == self.download_origin {
            return Ok(());
        }
        self.check(uri)
    }

    /// Refuses a session with untrusted origins: download links are built from it too.
    pub(in crate::client) fn check_session(&self, session: &Session) -> Result<(), Error> {
        let used = [session.api_url(), session.download_url()];
        let perhaps_used = [session.groups_api_url(), session.backup_api_url()];
        for origin in used.into_iter().chain(perhaps_used.into_iter().flatten()) {
            if !is_origin(origin) {
                let what = format!(
                    "the session's URL {origin:?} is not an origin such as \
                     https://api002.backblazeb2.com, without a path or query"
                );
                return Err(Error::new(ErrorKind::Untrusted, what));
            }
        }
        for origin in used {
            let nowhere = |_| Error::new(ErrorKind::Untrusted, "the session has an invalid URL");
            self.check(&origin.parse().map_err(nowhere)?)?;
        }
        Ok(())
    }

    /// Refuses a URL that is not trusted.
    pub(in crate::client) fn check(&self, uri: &Uri) -> Result<(), Error> {
        let host = self.check_form(uri)?;
        self.check_host(uri, host)
    }

    /// Refuses a URL to which nothing may be sent, regardless of where it comes from. Returns its
    /// host.
    fn check_form<'a>(&self, uri: &'a Uri) -> Result<&'a str, Error> {
        let untrusted = |why: &str| Err(Error::new(ErrorKind::Untrusted, why));
        let Some(authority) = uri.authority() else {
            return untrusted("the URL has no host");
        };
        if authority.as_str().contains('@') {
            return untrusted("the URL contains a user name, which B2's URLs never do");
        }
        if !has_a_proper_port(authority.as_str()) {
            return untrusted("the URL has an invalid port");
        }
        let host = authority.host();
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(host) || self.allow_insecure_http => {}
            _ => {
                return untrusted(
                    "plain http is allowed to loopback addresses only; with \
                     allow_insecure_http(), everyone on the network path could read keys and files",
                );
            }
        }
        Ok(host)
    }

    fn check_host(&self, uri: &Uri, host: &str) -> Result<(), Error> {
        let mut trusted = self.trusted_hosts.iter();
        if trusted.any(|trusted| trusted.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        let at_home = match self.domains {
            Some(domains) => is_in(host, domains) && uri.port_u16().is_none_or(|port| port == 443),
            None => {
                self.realm_host.eq_ignore_ascii_case(host)
                    || self.realm_is_loopback && is_loopback(host)
            }
        };
        if at_home {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Untrusted,
            format!(
                "B2 named the host {host:?}, which is outside of the endpoint's domain ({:?}), so \
                 no token was sent to it; check endpoint(), or call trust_host() if that host is \
                 to be trusted",
                self.realm_host
            ),
        ))
    }
}

/// Parses an origin; refuses anything that has more than a scheme and an authority.
fn origin(text: &str, what: &str, example: &str) -> Result<Uri, Error> {
    let wrong = || Error::invalid(format!("{what} is not an origin such as {example}"));
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let is_one = uri.host().is_some_and(|host| !host.is_empty())
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && matches!(uri.scheme_str(), Some("http" | "https"));
    if is_one { Ok(uri) } else { Err(wrong()) }
}

fn scheme_and_authority(uri: &Uri) -> Option<(String, String)> {
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some((uri.scheme_str()?.to_owned(), authority))
}

fn is_in(host: &str, domains: &[&str]) -> bool {
    let is_one_of = |domain: &str| {
        let rest = host.len().checked_sub(domain.len())?;
        let (rest, end) = host.split_at_checked(rest)?;
        Some(end.eq_ignore_ascii_case(domain) && (rest.is_empty() || rest.ends_with('.')))
    };
    let mut domains = domains.iter();
    domains.any(|domain| is_one_of(domain).unwrap_or_default())
}

/// Whether a URL has nothing but a scheme and an authority. The text itself is looked at too:
/// parsing drops a fragment.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    let bare = text.strip_suffix('/').unwrap_or(text);
    let is_proper = has_a_proper_port(authority.as_str());
    let (scheme, authority) = (scheme.len(), authority.as_str().len());
    is_proper
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && bare.len() == scheme + "://".len() + authority
}

/// Whether the host is followed by nothing or by a valid port. `Uri` would read anything else as
/// the scheme's default port.
fn has_a_proper_port(authority: &str) -> bool {
    let behind = authority
        .rsplit_once(']')
        .map_or(authority, |(_, behind)| behind);
    behind.rsplit_once(':').is_none_or(|(_, port)| {
        // Parsing alone would accept a sign.
        port.bytes().all(|digit| digit.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGING: &str = "https://api.backblaze.net";

    fn check(realm: &str, url: &str) -> Result<(), Error> {
        EndpointPolicy::new(realm, false, vec!["cdn.example".to_owned()])
            .unwrap()
            .check(&url.parse().unwrap())
    }

    #[test]
    fn tokens_of_the_real_service_are_sent_to_its_domains_over_tls_only() {
        for good in [
            "https://api002.backblazeb2.com/b2api/v2/b2_copy_file",
            "https://pod-000-1129-18.backblaze.com/b2api/v2/b2_upload_part/x/0018",
            "https://F002.BackblazeB2.com:443/file/b/f",
            "https://cdn.example/file/b/f",
        ] {
            assert!(check(REALM, good).is_ok(), "{good}");
        }
        for bad in [
            "http://api002.backblazeb2.com/",
            "https://backblazeb2.com.evil.test/",
            "https://evilbackblazeb2.com/",
            "https://api.backblazeb2.com@evil.test/",
            "https://user@api.backblazeb2.com/",
            "https://api.backblazeb2.com./",
            "https://api.backblazeb2.com:8443/",
            "https://api.backblazeb2.com:65536/",
            "https://api.backblazeb2.com:/",
            "https://api.backblazeb2.com:+443/",
            "https://api.backblazeb2.com:-443/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://[::1]/",
            "http://127.0.0.1/",
            "http://cdn.example/",
            "ftp://api.backblazeb2.com/",
            "/relative",
        ] {
            assert_eq!(
                check(REALM, bad).unwrap_err().kind(),
                ErrorKind::Untrusted,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_session_with_a_path_in_an_origin_is_refused() {
        let policy = EndpointPolicy::new(REALM, false, vec![]).unwrap();
        let good = "https://api002.backblazeb2.com";
        let session = |api: &str, download: &str| {
            let token = crate::types::Secret::new("t");
            Session::new(crate::api::ApiVersion::V4, "a", token, api, download)
        };
        for origin in [
            good,
            "https://api002.backblazeb2.com/",
            "HTTPS://API002.Backblazeb2.com:443",
        ] {
            assert!(
                policy.check_session(&session(origin, good)).is_ok(),
                "{origin}"
            );
        }
        for bad in [
            "https://api002.backblazeb2.com/x",
            "https://api002.backblazeb2.com/x/",
            "https://api002.backblazeb2.com?x",
            "https://api002.backblazeb2.com/?x=",
            "https://api002.backblazeb2.com?",
            "https://api002.backblazeb2.com#x",
            "https://api002.backblazeb2.com/#",
            "https://api002.backblazeb2.com:+443",
            "api002.backblazeb2.com",
            "/x",
            "",
        ] {
            for session in [session(bad, good), session(good, bad)] {
                let error = policy.check_session(&session).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Untrusted, "{bad}");
            }
            let mut partner = session(good, good);
            partner.groups_api_url = Some(bad.to_owned());
            assert!(policy.check_session(&partner).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_custom_download_origin_gets_downloads_only() {
        let policy = EndpointPolicy::new(REALM, false, vec![]).unwrap();
        let policy = policy
            .with_download_origin("https://Files.example:8443/")
            .unwrap();
        let uri = |text: &str| text.parse().unwrap();
        for (text, good) in [
            ("https://files.example:8443/file/b/f", true),
            ("https://f002.backblazeb2.com/file/b/f", true),
            ("https://files.example/file/b/f", false),
            ("http://files.example:8443/file/b/f", false),
            ("https://other.example:8443/file/b/f", false),
        ] {
            assert_eq!(policy.check_download(&uri(text)).is_ok(), good, "{text}");
        }
        assert!(policy.check(&uri("https://files.example:8443/x")).is_err());
        for bad in [
            "",
            "files.example",
            "http://files.example",
            "https://u@files.example",
            "https://files.example/path",
            "https://files.example:0",
        ] {
            let policy = EndpointPolicy::new(REALM, false, vec![]).unwrap();
            assert!(policy.with_download_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_of_another_endpoint_stay_on_its_host() {
        for (realm, url, good) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9001/x", true),
            ("http://localhost:9000", "http://[::1]:9001/x", true),
            (
                "http://127.0.0.1:9000",
                "https://api.backblazeb2.com/",
                false,
            ),
            ("https://b2.example", "https://b2.example:8443/x", true),
            ("https://b2.example", "https://other.example/x", false),
            ("https://b2.example", "http://b2.example/x", false),
            ("https://b2.example", "https://127.0.0.1/x", false),
            (STAGING, "https://api001.backblaze.net/x", true),
            (STAGING, "https://api001.backblazeb2.com/x", false),
            (STAGING, "https://evilbackblaze.net/x", false),
            (STAGING, "https://api001.backblaze.net:8443/x", false),
            (REALM, "https://api001.backblaze.net/x", false),
        ] {
            assert_eq!(check(realm, url).is_ok(), good, "{realm} -> {url}");
        }
    }

    #[test]
    fn an_endpoint_that_is_not_an_origin_or_insecure_is_refused() {
        for bad in [
            "",
            "b2",
            "https://",
            "https://b2.example/path",
            "https://b2.example?x",
            "file:///x",
            "http://b2.example",
        ] {
            assert!(EndpointPolicy::new(bad, false, vec![]).is_err(), "{bad}");
        }
        assert!(EndpointPolicy::new("http://b2.example", true, vec![]).is_ok());
    }
}
