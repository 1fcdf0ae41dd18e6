//! [`Rule`]: a fault in JSON. The aliases are the spellings of earlier releases of version 1.

use std::collections::BTreeMap;
use std::time::Duration;

use b2kit_core::Phase;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::drivers::in_process::Emulator;
use crate::faults::fault::Fault;
use crate::faults::kind::FaultKind;
use crate::faults::latch::Latch;

/// A fault in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(alias = "trouble")]
    fault: Kind,
    #[serde(default)]
    on: On,
    #[serde(default)]
    when: When,
    #[serde(default, alias = "afterEffect")]
    after_commit: bool,
}

/// Conditions on requests, which all must hold.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct On {
    call: Option<String>,
    bucket_id: Option<String>,
    bucket_name: Option<String>,
    file_id: Option<String>,
    file_name: Option<String>,
    part: Option<u64>,
}

/// Which of the matching requests are hit.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct When {
    nth: Option<u64>,
    every: Option<u64>,
    probability: Option<f64>,
    seed: Option<u64>,
    times: Option<u64>,
}

/// The kind of fault.
#[derive(Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
enum Kind {
    Error {
        status: u16,
        code: String,
        #[serde(default)]
        message: String,
        retry_after: Option<u64>,
    },
    InternalError {},
    ServiceUnavailable {
        retry_after: Option<u64>,
    },
    RequestTimeout {},
    TooManyRequests {
        retry_after: Option<u64>,
    },
    StorageCapExceeded {},
    DownloadCapExceeded {},
    TransactionCapExceeded {},
    #[serde(alias = "answer")]
    Respond {
        status: u16,
        content_type: String,
        body: String,
    },
    Html {
        status: u16,
    },
    #[serde(alias = "garbage")]
    TruncatedJson {},
    Delay {
        seconds: f64,
    },
    Wait {
        #[serde(alias = "gate")]
        latch: String,
    },
    ExpireToken {},
    ForgetToken {},
    LoseRequest {},
    #[serde(alias = "lose_reply")]
    LoseResponse {},
    CutResponse {
        after: u64,
    },
    ResetResponse {
        after: u64,
    },
    StallResponse {
        after: u64,
    },
    CutUpload {
        after: u64,
    },
    ResetUpload {
        after: u64,
    },
    StallUpload {
        after: u64,
    },
    CorruptResponse {
        at: u64,
    },
    CorruptUpload {
        at: u64,
    },
    WrongSha1 {},
    WrongLength {},
    SetHeader {
        name: String,
        value: String,
    },
    RemoveHeader {
        name: String,
    },
}

impl Rule {
    /// In the current spelling, without the fields that were left out.
    pub(super) fn json(&self) -> Value {
        let mut json = json!(self);
        for part in json
            .as_object_mut()
            .into_iter()
            .flat_map(|it| it.values_mut())
        {
            if let Some(fields) = part.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
        }
        json
    }

    /// The fault. Creates the latches that it names.
    pub(super) fn into_fault(
        self,
        emulator: &Emulator,
        latches: &mut BTreeMap<String, Latch>,
    ) -> Result<Fault, String> {
        let mut fault = Fault::new(self.fault.into_kind(latches)?);
        if let Some(call) = self.on.call {
            if !crate::calls::table::is_call(&call) {
                return Err(format!("there is no call {call}"));
            }
            fault = fault.on(call);
        }
        if let Some(name) = &self.on.bucket_name {
            let id = emulator.account().bucket_id(name);
            let id = id.ok_or_else(|| format!("there is no bucket named {name}"))?;
            fault = fault.bucket(id);
        }
        if let Some(id) = self.on.bucket_id {
            fault = fault.bucket(id);
        }
        if let Some(id) = self.on.file_id {
            fault = fault.file(id);
        }
        if let Some(name) = self.on.file_name {
            fault = fault.name(name);
        }
        if let Some(number) = self.on.part {
            fault = fault.part(number);
        }
        if self.after_commit {
            fault = fault.after_commit();
        }
        self.when.apply(fault)
    }
}

impl When {
    fn apply(self, mut fault: Fault) -> Result<Fault, String> {
        fault = match (self.nth, self.every, self.probability) {
            (None, None, None) => fault,
            (Some(n), None, None) if n > 0 => fault.nth(n),
            (None, Some(k), None) if k > 0 => fault.every(k),
            (None, None, Some(p)) if (0.0..=1.0).contains(&p) => fault.probability(p),
            (Some(0), ..) | (_, Some(0), _) => {
                return Err("requests are counted from 1: nth and every can't be 0".into());
            }
            (None, None, Some(_)) => return Err("probability must be from 0 to 1".into()),
            _ => return Err("only one of nth, every and probability can be given".into()),
        };
        if let Some(seed) = self.seed {
            if self.probability.is_none() {
                return Err("seed needs a probability".into());
            }
            fault = fault.seed(seed);
        }
        Ok(match self.times {
            None => fault,
            Some(times) => fault.times(times),
        })
    }
}

impl Kind {
    fn into_kind(self, latches: &mut BTreeMap<String, Latch>) -> Result<FaultKind, String> {
        let after = |kind: FaultKind, seconds: Option<u64>| match seconds {
            None => kind,
            Some(seconds) => kind.retry_after(seconds),
        };
        Ok(match self {
            Self::Error {
                status: number,
                code,
                message,
                retry_after,
            } => after(
                FaultKind::error(status(number)?, code, message),
                retry_after,
            ),
            Self::InternalError {} => FaultKind::internal_error(),
            Self::ServiceUnavailable { retry_after } => {
                after(FaultKind::service_unavailable(), retry_after)
            }
            Self::RequestTimeout {} => FaultKind::request_timeout(),
            Self::TooManyRequests { retry_after } => {
                after(FaultKind::too_many_requests(), retry_after)
            }
            Self::StorageCapExceeded {} => FaultKind::storage_cap_exceeded(),
            Self::DownloadCapExceeded {} => FaultKind::download_cap_exceeded(),
            Self::TransactionCapExceeded {} => FaultKind::transaction_cap_exceeded(),
            Self::Respond {
                status: number,
                content_type,
                body,
            } => FaultKind::Respond {
                status: status(number)?,
                content_type: value(content_type)?,
                body: body.into(),
            },
            Self::Html { status: number } => FaultKind::html(status(number)?),
            Self::TruncatedJson {} => FaultKind::truncated_json(),
            Self::Delay { seconds } => {
                let delay = Duration::try_from_secs_f64(seconds);
                FaultKind::Delay(delay.map_err(|_| "seconds must be 0 or more")?)
            }
            Self::Wait { latch: name } => {
                let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                if name.is_empty() || !name.bytes().all(is_allowed) {
                    return Err("a latch's name consists of letters, digits and '-'".into());
                }
                FaultKind::Wait(latches.entry(name).or_default().clone())
            }
            Self::ExpireToken {} => FaultKind::ExpireToken,
            Self::ForgetToken {} => FaultKind::ForgetToken,
            Self::LoseRequest {} => FaultKind::LoseRequest(Phase::MaybeReceived),
            Self::LoseResponse {} => FaultKind::LoseResponse,
            Self::CutResponse { after } => FaultKind::CutResponse { after },
            Self::ResetResponse { after } => FaultKind::ResetResponse { after },
            Self::StallResponse { after } => FaultKind::StallResponse { after },
            Self::CutUpload { after } => FaultKind::CutUpload { after },
            Self::ResetUpload { after } => FaultKind::ResetUpload { after },
            Self::StallUpload { after } => FaultKind::StallUpload { after },
            Self::CorruptResponse { at } => FaultKind::CorruptResponse { at },
            Self::CorruptUpload { at } => FaultKind::CorruptUpload { at },
            Self::WrongSha1 {} => FaultKind::WrongSha1,
            Self::WrongLength {} => FaultKind::WrongLength,
            Self::SetHeader {
                name,
                value: content,
            } => FaultKind::SetHeader(header(&name)?, value(content)?),
            Self::RemoveHeader { name } => FaultKind::RemoveHeader(header(&name)?),
        })
    }
}

fn status(number: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(number)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| format!("{number} is not a final HTTP status"))
}

fn header(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))
}

fn value(content: String) -> Result<HeaderValue, String> {
    HeaderValue::try_from(content).map_err(|_| "that is not a valid header value".to_owned())
}
