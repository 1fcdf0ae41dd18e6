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
