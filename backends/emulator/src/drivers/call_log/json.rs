//! Calls of the log as JSON for the control endpoint, without secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::call::{Call, Message, Recorded};
use super::masking;
use crate::calls::billing::BillingClass;
use crate::faults::plan::{FaultId, Hit};

/// A call without its request and response.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::drivers) struct CallJson<'a> {
    id: u64,
    /// When it began, in milliseconds.
    time: u64,
    duration_micros: u64,
    method: &'a str,
    path: &'a str,
    call: Option<&'static str>,
    class: Option<&'static str>,
    key_id: Option<&'a str>,
    file_name: Option<&'a str>,
    status: Option<u16>,
    bytes_received: u64,
    bytes_sent: u64,
    is_complete: bool,
    faults: Vec<HitJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<MessageJson>,
}

#[derive(Serialize)]
struct HitJson<'a> {
    id: Option<u64>,
    kind: &'a str,
}

#[derive(Serialize)]
struct RequestJson<'a> {
    target: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    message: MessageJson,
}

#[derive(Serialize)]
struct MessageJson {
    headers: Vec<HeaderJson>,
    body: BodyJson,
}

#[derive(Serialize)]
struct HeaderJson {
    name: String,
    value: String,
}

/// A body as text, or else in base64; without either it was too long.
#[derive(Serialize)]
struct BodyJson {
    length: u64,
    text: Option<String>,
    base64: Option<String>,
}

impl<'a> CallJson<'a> {
    pub(in crate::drivers) fn of(call: &Call<'a>) -> Self {
        let entry = call.entry;
        Self {
            id: call.id,
            time: entry.at,
            duration_micros: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
            method: entry.method.as_str(),
            path: call.path,
            call: entry.call,
            class: entry.call.map(|call| BillingClass::of(call).name()),
            key_id: call.key_id,
            file_name: call.file_name,
            status: entry.status,
            bytes_received: entry.received(),
            bytes_sent: entry.sent(),
            is_complete: entry.is_complete,
            faults: entry.faults.iter().map(HitJson::of).collect(),
            request: None,
            response: None,
        }
    }

    /// With request and response, if the log still has them.
    pub(in crate::drivers) fn with_messages(call: &Call<'a>) -> Self {
        let recorded = call.recorded.as_ref();
        let answered = recorded.filter(|_| call.entry.status.is_some());
        Self {
            request: recorded.map(RequestJson::of),
            response: answered.map(|recorded| MessageJson::of(&recorded.response)),
            ..Self::of(call)
        }
    }
}

impl<'a> HitJson<'a> {
    fn of(hit: &'a Hit) -> Self {
        Self {
            id: hit.fault.map(|FaultId(id)| id),
            kind: &hit.kind,
        }
    }
}

impl<'a> RequestJson<'a> {
    fn of(recorded: &Recorded<'a>) -> Self {
        Self {
            target: masking::target(recorded.target),
            message: MessageJson::of(&recorded.request),
        }
    }
}

impl MessageJson {
    fn of(message: &Message<'_>) -> Self {
        let headers = message.headers.iter().map(|(name, value)| HeaderJson {
            name: name.to_owned(),
            value: String::from_utf8_lossy(&masking::header(name, value)).into_owned(),
        });
        let length = message.len;
        let (text, base64) = match message.masked_body() {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(bytes)) => (None, Some(STANDARD.encode(bytes))),
        };
        Self {
            headers: headers.collect(),
            body: BodyJson {
                length,
                text,
                base64,
            },
        }
    }
}

impl<'a> Message<'a> {
    /// The body as text, or the bytes of content that is no text; `None` if it was too long. The
    /// content of a file is kept unchanged. In everything else secrets are masked, so it can't be
    /// kept as bytes.
    pub(super) fn masked_body(&self) -> Option<Result<String, &'a [u8]>> {
        let bytes = self.body?;
        if !self.is_content {
            let masked = masking::json(&String::from_utf8_lossy(bytes));
            return Some(Ok(masking::without_token(masked, self.repeats)));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bytes);
        Some(text.map(str::to_owned))
    }
}
