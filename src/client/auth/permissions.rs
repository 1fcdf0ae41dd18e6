//! Explains what a key may not do, and what its owner can change.

use crate::api::{Allowed, ApiVersion, CallKind, CallMetadata, Session};
use crate::error::{Error, ErrorKind};
use crate::types::Capability;

/// Refuses a call for which the key is known to lack a capability: B2 would refuse it too, after a
/// round trip.
pub(in crate::client) fn refuse_known_missing(
    metadata: &CallMetadata,
    also: &[Capability],
    session: &Session,
) -> Result<(), Error> {
    let allowed = session.allowed();
    if session.is_for_downloads_only && metadata.kind != CallKind::Download {
        return Err(Error::new(
            ErrorKind::Unauthorized,
            "nothing was sent: the client has a download authorization, which permits downloads \
             by name only",
        ));
    }
    // Files in public buckets can be downloaded by any key.
    if metadata.kind == CallKind::Download || allowed.capabilities.is_empty() {
        return Ok(());
    }
    match metadata
        .capability
        .iter()
        .chain(also)
        .find(|capability| !has(allowed, capability))
    {
        None => Ok(()),
        Some(missing) => {
            let restriction = describe(allowed, missing);
            Err(Error::new(
                ErrorKind::Unauthorized,
                format!("nothing was sent: {restriction}"),
            ))
        }
    }
}

/// Adds what the key permits to B2's error.
pub(in crate::client) fn with_key_permissions(
    failure: Error,
    metadata: &CallMetadata,
    session: &Session,
) -> Error {
    let unauthorized = failure
        .b2()
        .is_some_and(|b2| b2.status == 401 && b2.code == "unauthorized");
    match &metadata.capability {
        Some(_) if unauthorized && session.is_for_downloads_only => failure.with_hint(
            "the download authorization is for names with a different prefix or for different \
             headers, or the download is by id, which it never permits"
                .to_owned(),
        ),
        Some(capability) if unauthorized => {
            failure.with_hint(describe(session.allowed(), capability))
        }
        _ => failure,
    }
}

/// Explains a rejected authorization. The key may be valid and the API version wrong: older versions reject a v4 key as
/// an unsupported request.
pub(in crate::client) fn explain_rejection(failure: Error, version: ApiVersion) -> Error {
    let Some(b2) = failure.b2() else {
        return failure;
    };
    let is_too_new = b2
        .message
        .contains("not currently supported on API version")
        || b2.code == "unsupported";
    match b2.status {
        400 | 401 if is_too_new => failure.with_kind(ErrorKind::Credentials).with_hint(format!(
            "the client uses API version {version}, but a key that is restricted to buckets and \
             was created through v4 works with v4 only: set \
             ClientBuilder::api_version(ApiVersion::V4), or create the key through v3 with \
             CreateKey::api_version"
        )),
        401 => failure.with_kind(ErrorKind::Credentials),
        _ => failure,
    }
}

fn has(allowed: &Allowed, capability: &Capability) -> bool {
    allowed.capabilities.contains(capability)
}

fn describe(allowed: &Allowed, capability: &Capability) -> String {
    let mut told = if has(allowed, capability) {
        format!("the key has {capability}")
    } else {
        format!("the key lacks {capability}")
    };
    if let Some(buckets) = &allowed.buckets {
        let names: Vec<_> = buckets
            .iter()
            .map(|bucket| bucket.name.as_deref().unwrap_or(bucket.id.as_str()))
            .collect();
        told.push_str(&format!(
            ", is restricted to the bucket{} {:?}",
            if names.len() == 1 { "" } else { "s" },
            names
        ));
    }
    if let Some(prefix) = &allowed.name_prefix {
        told.push_str(&format!(
            ", is restricted to file names that begin with {prefix:?}"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AllowedBucket, Call as _, DownloadFileById, UpdateBucket};
    use crate::error::B2Error;
    use crate::types::Secret;

    fn session(capabilities: &[Capability]) -> Session {
        let (token, api) = (Secret::new("t"), "https://api002.backblazeb2.com");
        let mut session = Session::new(ApiVersion::V4, "a", token, api, api);
        session.allowed.capabilities = capabilities.to_vec();
        session
    }

    fn for_downloads_only() -> Session {
        let mut session = session(&[Capability::ReadFiles]);
        session.is_for_downloads_only = true;
        session
    }

    fn b2(status: u16, code: &str, message: &str) -> Error {
        Error::from_b2(B2Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    #[test]
    fn a_call_is_refused_if_the_key_is_known_to_lack_a_capability() {
        use Capability::{ListFiles, WriteBuckets, WriteFiles};
        let (update, download) = (UpdateBucket::METADATA, DownloadFileById::METADATA);
        for (metadata, also, session, expected) in [
            (&update, &[][..], session(&[WriteBuckets]), None),
            (
                &update,
                &[WriteFiles],
                session(&[WriteBuckets, WriteFiles]),
                None,
            ),
            // Nothing is known about the key.
            (&update, &[], session(&[]), None),
            // The file may be in a public bucket.
            (&download, &[], session(&[ListFiles]), None),
            (&download, &[], for_downloads_only(), None),
            (
                &update,
                &[],
                session(&[ListFiles]),
                Some("lacks writeBuckets"),
            ),
            (
                &update,
                &[WriteFiles],
                session(&[WriteBuckets]),
                Some("lacks writeFiles"),
            ),
            (
                &update,
                &[],
                for_downloads_only(),
                Some("download authorization"),
            ),
        ] {
            let outcome = refuse_known_missing(metadata, also, &session);
            let refused = outcome.map_err(|error| error.to_string());
            match expected {
                None => assert_eq!(refused, Ok(()), "{}", metadata.name),
                Some(why) => {
                    let error = refused.unwrap_err();
                    assert!(error.contains("nothing was sent"), "{error}");
                    assert!(error.contains(why), "{error}");
                }
            }
        }
    }

    #[test]
    fn only_a_lack_of_permission_is_explained_by_what_the_key_permits() {
        let metadata = UpdateBucket::METADATA;
        let told = |failure: Error, session: &Session| {
            with_key_permissions(failure, &metadata, session).to_string()
        };
        let (key, other) = (session(&[Capability::ListFiles]), for_downloads_only());
        let refused = || b2(401, "unauthorized", "no");
        assert!(told(refused(), &key).contains("the key lacks writeBuckets"));
        assert!(told(refused(), &other).contains("is for names with a different prefix"));
        for failure in [
            b2(401, "expired_auth_token", "no"),
            b2(403, "unauthorized", "no"),
        ] {
            let unchanged = failure.to_string();
            assert_eq!(told(failure.clone(), &key), unchanged);
            assert_eq!(told(failure, &other), unchanged);
        }
    }

    #[test]
    fn a_rejected_key_may_be_too_new_for_the_api_version() {
        use ErrorKind::{Credentials, Rejected, Unavailable};
        let too_new = "not currently supported on API version v3";
        for (status, code, message, kind, is_explained) in [
            (400, "bad_request", too_new, Credentials, true),
            (401, "unauthorized", too_new, Credentials, true),
            (401, "unsupported", "", Credentials, true),
            (401, "bad_auth_token", "no", Credentials, false),
            (400, "bad_request", "no", Rejected, false),
            (503, "unsupported", too_new, Unavailable, false),
        ] {
            let error = explain_rejection(b2(status, code, message), ApiVersion::V3);
            assert_eq!(error.kind(), kind, "{status} {code}");
            let told = error.to_string();
            assert_eq!(told.contains("through v4"), is_explained, "{told}");
        }
    }

    #[test]
    fn a_description_has_the_capability_the_buckets_and_the_prefix() {
        let bucket = |name: Option<&str>| AllowedBucket {
            id: "4a48".into(),
            name: name.map(str::to_owned),
        };
        let mut allowed = session(&[Capability::ListFiles]).allowed;
        let has = |allowed: &Allowed| describe(allowed, &Capability::ListFiles);
        assert_eq!(has(&allowed), "the key has listFiles");
        allowed.buckets = Some(vec![bucket(Some("photos"))]);
        assert_eq!(
            has(&allowed),
            r#"the key has listFiles, is restricted to the bucket ["photos"]"#
        );
        allowed.buckets = Some(vec![bucket(Some("photos")), bucket(None)]);
        allowed.name_prefix = Some("2026/".to_owned());
        assert_eq!(
            describe(&allowed, &Capability::WriteFiles),
            "the key lacks writeFiles, is restricted to the buckets [\"photos\", \"4a48\"], is \
             restricted to file names that begin with \"2026/\""
        );
    }
}
