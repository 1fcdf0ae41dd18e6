//! [`Tampering`]: a change to a response.

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::protocol::response::Response;

/// A change to a response.
#[derive(Debug, Clone)]
pub(crate) enum Tampering {
    Sha1,
    Length,
    SetHeader(HeaderName, HeaderValue),
    RemoveHeader(HeaderName),
}

impl Tampering {
    pub(crate) fn apply(&self, response: &mut Response) {
        match self {
            Self::SetHeader(name, value) => {
                response.headers.insert(name, value.clone());
            }
            Self::RemoveHeader(name) => {
                response.headers.remove(name);
            }
            Self::Sha1 => {
                let wrong = "0".repeat(40);
                replace_field(response, "contentSha1", |_| wrong.clone().into());
                if let Some(value) = response.headers.get_mut("x-bz-content-sha1") {
                    *value = HeaderValue::try_from(wrong).expect("zeros");
                }
            }
            Self::Length => replace_field(response, "contentLength", |length| {
                let length = length.as_u64();
                length.map_or(0, |length| length.saturating_add(1)).into()
            }),
        }
    }
}

fn replace_field(response: &mut Response, name: &str, replace: impl FnOnce(&Value) -> Value) {
    let Some(mut json) = response.as_json() else {
        return;
    };
    if let Some(field) = json.get_mut(name) {
        *field = replace(field);
        response.replace_json(&json);
    }
}
