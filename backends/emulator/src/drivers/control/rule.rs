//! [`Rule`]: a fault in JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use b2kit_core::Phase;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::drivers::in_process::Emulator;
use crate::faults::fault::Fault;
use crate::faults::kind::FaultKind;
use crate::faults::latch::Latch;

/// A fault in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(rename = "trouble")]
    kind: Kind,
    #[serde(default)]
    on: On,
    #[serde(default)]
    when: When,
    #[serde(default)]
    after_effect: bool,
}

/// Conditions on requests, which all must hold.
#[derive(Default, Deserialize)]
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
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct When {
    nth: Option<u64>,
    every: Option<u64>,
    probability: Option<f64>,
    seed: Option<u64>,
    times: Option<u64>,
}

/// What goes wrong.
#[derive(Deserialize)]
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
    Answer {
        status: u16,
        content_type: String,
        body: String,
    },
    Html {
        status: u16,
    },
    Garbage {},
    Delay {
        seconds: f64,
    },
    Wait {
        gate: String,
    },
    ExpireToken {},
    ForgetToken {},
    LoseRequest {},
    LoseReply {},
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
    /// The fault. Creates the latches that it names.
    pub(super) fn into_fault(
        self,
        emulator: &Emulator,
        latches: &mut BTreeMap<String, Latch>,
    ) -> Result<Fault, String> {
        let mut fault = Fault::new(self.kind.into_kind(latches)?);
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
        if self.after_effect {
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
            (Some(0), ..) | (_, Some(0), _) => return Err("requests are counted from 1".into()),
            (None, None, Some(_)) => return Err("a probability is from 0 to 1".into()),
            _ => return Err("of nth, every and probability only one can be said".into()),
        };
        if let Some(seed) = self.seed {
            if self.probability.is_none() {
                return Err("a seed is for a probability".into());
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
            Self::Answer {
                status: number,
                content_type,
                body,
            } => FaultKind::Respond {
                status: status(number)?,
                content_type: value(content_type)?,
                body: body.into(),
            },
            Self::Html { status: number } => FaultKind::html(status(number)?),
            Self::Garbage {} => FaultKind::garbage(),
            Self::Delay { seconds } => {
                let delay = Duration::try_from_secs_f64(seconds);
                FaultKind::Delay(delay.map_err(|_| "a delay is some seconds from 0 on")?)
            }
            Self::Wait { gate } => {
                if gate.is_empty()
                    || !gate
                        .bytes()
                        .all(|it| it.is_ascii_alphanumeric() || it == b'-')
                {
                    return Err("a gate's name has letters, digits and '-'".into());
                }
                FaultKind::Wait(latches.entry(gate).or_default().clone())
            }
            Self::ExpireToken {} => FaultKind::ExpireToken,
            Self::ForgetToken {} => FaultKind::ForgetToken,
            Self::LoseRequest {} => FaultKind::LoseRequest(Phase::MaybeReceived),
            Self::LoseReply {} => FaultKind::LoseReply,
            Self::CutResponse { after } => FaultKind::CutResponse { after },
            Self::ResetResponse { after } => FaultKind::ResetResponse { after },
            Self::StallResponse { after } => FaultKind::StallResponse { after },
            Self::CutUpload { after } => FaultKind::CutUpload { after },
            Self::ResetUpload { after } => FaultKind::ResetUpload { after },
            Self::StallUpload { after } => FaultKind::StallUpload { after },
            Self::CorruptResponse { at } => FaultKind::CorruptByte { at },
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
        .ok_or_else(|| format!("{number} is no status"))
}

fn header(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header's name"))
}

fn value(content: String) -> Result<HeaderValue, String> {
    HeaderValue::try_from(content).map_err(|_| "a header can't have that value".to_owned())
}
