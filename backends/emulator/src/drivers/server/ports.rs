//! [`Ports`]: separate ports where B2 has separate hosts, to catch clients that mix them up.

use std::sync::Arc;

use http::request::Parts;

use crate::calls;
use crate::protocol::origins::Origins;

/// The role of a request, for which B2 has a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Api,
    Upload,
    Download,
}

/// The port of each role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) api: u16,
    pub(super) upload: u16,
    pub(super) download: u16,
}

impl Role {
    /// The role of a request.
    pub(super) fn of(head: &Parts) -> Self {
        let path = head.uri.path();
        let call = path
            .strip_prefix("/b2api/")
            .and_then(|rest| rest.split_once('/'));
        match call {
            Some((_, call)) if calls::table::is_download(call) => Self::Download,
            Some((_, call)) if calls::upload::name_of(call).is_some() => Self::Upload,
            _ if path.starts_with("/file/") => Self::Download,
            _ => Self::Api,
        }
    }

    /// Whether a request may be sent to the port of this role. B2's own samples download by id from
    /// the API's host.
    pub(super) fn accepts(self, head: &Parts) -> bool {
        let wanted = Self::of(head);
        let is_by_id = wanted == Self::Download && head.uri.path().starts_with("/b2api/");
        wanted == self || is_by_id && self == Self::Api
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
    /// The origins for responses. `own` is the API's, or that of `role` if it was taken from a
    /// request to its port.
    pub(super) fn origins(self, own: &Arc<str>, role: Role) -> Origins {
        let came_to = match role {
            Role::Api => self.api,
            Role::Upload => self.upload,
            Role::Download => self.download,
        };
        let api = if role != Role::Api && *with_port(own, came_to) == **own {
            with_port(own, self.api).into()
        } else {
            Arc::clone(own)
        };
        Origins {
            upload: with_port(&api, self.upload).into(),
            download: with_port(&api, self.download).into(),
            api,
        }
    }
}

/// An origin with another port.
fn with_port(origin: &str, port: u16) -> String {
    let authority = origin.find("://").map_or(0, |at| at + 3);
    let colon = origin[authority..].rfind(':').map(|at| authority + at);
    // a colon within an IPv6 address starts no port
    let end = colon.filter(|colon| !origin[*colon..].contains(']'));
    format!("{}:{port}", &origin[..end.unwrap_or(origin.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_port_replaces_or_adds_the_port() {
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
    fn the_api_keeps_its_port_whichever_port_a_request_came_to() {
        let ports = Ports {
            api: 1,
            upload: 2,
            download: 3,
        };
        for (own, role) in [
            ("http://b2.test:1", Role::Api),
            ("http://b2.test:2", Role::Upload),
            ("http://b2.test:3", Role::Download),
            // One that doesn't follow the request.
            ("http://b2.test:1", Role::Upload),
        ] {
            let origins = ports.origins(&own.into(), role);
            assert_eq!(&*origins.api, "http://b2.test:1", "{own} {role:?}");
            assert_eq!(&*origins.upload, "http://b2.test:2", "{own} {role:?}");
            assert_eq!(&*origins.download, "http://b2.test:3", "{own} {role:?}");
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
