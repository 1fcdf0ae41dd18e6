//! [`Plan`]: all faults of one request.

use std::borrow::Cow;
use std::time::Duration;

use b2kit_core::Phase;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::kind::{ErrorResponse, FaultKind};
use super::latch::Latch;
use super::tampering::Tampering;
use crate::model::token::TokenFault;
use crate::protocol::api_error::ApiError;
use crate::protocol::response::Response;

/// All faults of one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The faults that hit it, in order.
    pub(crate) hits: Vec<Hit>,
    pub(crate) before: Stage,
    pub(crate) after: Stage,
    pub(crate) token: Option<TokenFault>,
    pub(crate) request_lost: Option<Phase>,
    pub(crate) upload: Option<(u64, UploadEnd)>,
    /// Offsets of the bytes of an upload that are corrupted.
    pub(crate) corrupt_upload: Vec<u64>,
    pub(crate) loses_response: bool,
    pub(crate) changes: Vec<Tampering>,
    pub(crate) body: BodyFault,
    /// Whether rules may match once the body is read.
    pub(crate) awaits_fields: bool,
}

/// A fault that hit a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// `None` for `X-Bz-Test-Mode`.
    pub(crate) fault: Option<FaultId>,
    /// The name of its [`FaultKind`]; the code of an error.
    pub(crate) kind: Cow<'static, str>,
}

/// Identifies a fault that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(pub(crate) u64);

/// The faults before or after the effect.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) waits: Vec<Wait>,
    pub(crate) replacement: Option<Replacement>,
}

#[derive(Debug, Clone)]
pub(crate) enum Wait {
    For(Duration),
    Until(Latch),
}

/// The response that is sent instead.
#[derive(Debug, Clone)]
pub(crate) enum Replacement {
    Error(ErrorResponse),
    Other {
        status: StatusCode,
        content_type: HeaderValue,
        body: Bytes,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadEnd {
    Cut,
    Reset,
    Stall,
}

/// How a connection ends within a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseEnd {
    Close,
    Reset,
}

impl ResponseEnd {
    pub(crate) fn error(self) -> std::io::Error {
        match self {
            Self::Close => std::io::ErrorKind::UnexpectedEof.into(),
            Self::Reset => std::io::ErrorKind::ConnectionReset.into(),
        }
    }
}

/// A fault of the body of a response.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyFault {
    pub(crate) cut: Option<(u64, ResponseEnd)>,
    pub(crate) stall: Option<u64>,
    pub(crate) corrupt: Vec<u64>,
}

impl Plan {
    pub(super) fn add(&mut self, kind: &FaultKind, is_after: bool) {
        let stage = if is_after {
            &mut self.after
        } else {
            &mut self.before
        };
        match kind.clone() {
            FaultKind::Error(response) => {
                set_once(&mut stage.replacement, Replacement::Error(response))
            }
            FaultKind::Respond {
                status,
                content_type,
                body,
            } => set_once(
                &mut stage.replacement,
                Replacement::Other {
                    status,
                    content_type,
                    body,
                },
            ),
            FaultKind::Delay(duration) => stage.waits.push(Wait::For(duration)),
            FaultKind::Wait(latch) => stage.waits.push(Wait::Until(latch)),
            FaultKind::ExpireToken => set_once(&mut self.token, TokenFault::Expire),
            FaultKind::ForgetToken => set_once(&mut self.token, TokenFault::Forget),
            FaultKind::LoseRequest(phase) => {
                set_once(&mut self.request_lost, phase.min(Phase::MaybeReceived));
            }
            FaultKind::LoseResponse => self.loses_response = true,
            FaultKind::CutResponse { after } => {
                set_once(&mut self.body.cut, (after, ResponseEnd::Close))
            }
            FaultKind::ResetResponse { after } => {
                set_once(&mut self.body.cut, (after, ResponseEnd::Reset))
            }
            FaultKind::StallResponse { after } => set_once(&mut self.body.stall, after),
            FaultKind::CutUpload { after } => set_once(&mut self.upload, (after, UploadEnd::Cut)),
            FaultKind::CorruptUpload { at } => self.corrupt_upload.push(at),
            FaultKind::ResetUpload { after } => {
                set_once(&mut self.upload, (after, UploadEnd::Reset))
            }
            FaultKind::StallUpload { after } => {
                set_once(&mut self.upload, (after, UploadEnd::Stall))
            }
            FaultKind::CorruptResponse { at } => self.body.corrupt.push(at),
            FaultKind::WrongSha1 => self.changes.push(Tampering::Sha1),
            FaultKind::WrongLength => self.changes.push(Tampering::Length),
            FaultKind::SetHeader(name, value) => {
                self.changes.push(Tampering::SetHeader(name, value))
            }
            FaultKind::RemoveHeader(name) => self.changes.push(Tampering::RemoveHeader(name)),
        }
    }
}

fn set_once<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

impl Replacement {
    /// Whether an upload URL stays valid: only if B2 asks to try again later.
    pub(crate) fn keeps_upload_url(&self) -> bool {
        let status = match self {
            Self::Error(response) => response.status,
            Self::Other { status, .. } => *status,
        };
        status == StatusCode::TOO_MANY_REQUESTS
    }

    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Error(error) => {
                let mut response = Response::error(&ApiError {
                    status: error.status,
                    code: error.code.into(),
                    message: error.message,
                });
                if let Some(after) = error.retry_after {
                    response.headers.insert(http::header::RETRY_AFTER, after);
                }
                response
            }
            Self::Other {
                status,
                content_type,
                body,
            } => Response::with_body(status, content_type, body),
        }
    }
}
