//! [`Ports`]: a port each for what B2 has different hosts for, so that a client that mixes them up is found out.

use std::sync::Arc;

use http::request::Parts;

use crate::calls;
use crate::origins::Origins;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Api,
    Upload,
    Download,
}

/// A port for each role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) upload: u16,
    pub(super) download: u16,
}

impl Role {
    /// The role of a request with this head.
    pub(super) fn of(head: &Parts) -> Self {
        let path = head.uri.path();
        let call = path
            .strip_prefix("/b2api/")
            .and_then(|rest| rest.split_once('/'));
        match call {
            Some((_, call)) if calls::is_download(call) => Self::Download,
            Some((_, call)) if calls::upload::name_of(call).is_some() => Self::Upload,
            _ if path.starts_with("/file/") => Self::Download,
            _ => Self::Api,
        }
    }

    pub(super) fn origin(self, origins: &Origins) -> &str {
        match self {
            Self::Api => &origins.api,
            Self::Upload => &origins.upload,
            Self::Download => &origins.download,
        }
    }
}

impl Ports {
    /// The origins, of which the API's is this one.
    pub(super) fn origins(self, api: &Arc<str>) -> Origins {
        Origins {
            api: Arc::clone(api),
            upload: with_port(api, self.upload).into(),
            download: with_port(api, self.download).into(),
        }
    }
}

/// The same origin at another port.
fn with_port(origin: &str, port: u16) -> String {
    let authority = origin.find("://").map_or(0, |at| at + 3);
    let colon = origin[authority..].rfind(':').map(|at| authority + at);
    // those within an IPv6 address are no port's
    let end = colon.filter(|colon| !origin[*colon..].contains(']'));
    format!("{}:{port}", &origin[..end.unwrap_or(origin.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_gets_another_port() {
        for (origin, other) in [
            ("http://127.0.0.1:80", "http://127.0.0.1:7"),
            ("https://b2.test", "https://b2.test:7"),
            ("http://[::1]:80", "http://[::1]:7"),
            ("http://[::1]", "http://[::1]:7"),
        ] {
            assert_eq!(with_port(origin, 7), other);
        }
    }

    #[test]
    fn a_request_has_one_role() {
        for (path, role) in [
            ("/b2api/v4/b2_authorize_account", Role::Api),
            ("/b2api/v4/b2_get_upload_url?bucketId=x", Role::Api),
            ("/b2api/v4/b2_upload_file/id/pod", Role::Upload),
            ("/b2api/v1/b2_upload_part/id/pod", Role::Upload),
            ("/b2api/v3/b2_download_file_by_id?fileId=x", Role::Download),
            ("/file/bucket/name", Role::Download),
            ("/", Role::Api),
        ] {
            let head = http::Request::get(path).body(()).unwrap().into_parts().0;
            assert_eq!(Role::of(&head), role, "{path}");
        }
    }
}
