//! What a key may not do, told so that its owner knows what to change.

use crate::api::{Allowed, CallKind, Facts, Session};
use crate::error::{Error, ErrorKind};
use crate::types::Capability;

/// Refuses a call for which the key is known to lack a capability: B2 would refuse it too, after a round trip.
pub(super) fn refuse_known_missing(
    facts: &Facts,
    also: &[Capability],
    session: &Session,
) -> Result<(), Error> {
    let allowed = session.allowed();
    // Files in public buckets can be downloaded by any key.
    if facts.kind == CallKind::Download || allowed.capabilities.is_empty() {
        return Ok(());
    }
    match facts
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

/// Adds to B2's refusal what the key may do.
pub(super) fn with_restriction(failure: Error, facts: &Facts, allowed: &Allowed) -> Error {
    let unauthorized = failure
        .b2()
        .is_some_and(|b2| b2.status == 401 && b2.code == "unauthorized");
    match &facts.capability {
        Some(capability) if unauthorized => failure.with_hint(describe(allowed, capability)),
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
