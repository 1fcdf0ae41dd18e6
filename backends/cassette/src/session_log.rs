//! [`SessionLog`]: a session that is being recorded.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use b2kit_core::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use b2kit_core::http::{request, response};
use b2kit_core::{Body, Bytes, ResponseBody};

use crate::capture::BodyCapture;
use crate::error::CassetteError;
use crate::interaction::{
    Interaction, RecordedBody, RecordedRequest, RecordedResponse, is_bodiless,
};
use crate::redaction::Redaction;
use crate::sync::lock;
use crate::tee::{tee_request, tee_response};
use crate::write;

/// Everything recorded so far, not redacted yet.
pub(crate) struct SessionLog {
    pub(crate) path: PathBuf,
    pub(crate) state: Mutex<State>,
}

pub(crate) struct State {
    /// The interactions, in the order in which their requests started; `None` until the response has ended.
    pub(crate) interactions: Vec<Option<Interaction>>,
    /// Whether anything was recorded since the last save.
    pub(crate) changed: bool,
    pub(crate) redaction: Redaction,
    pub(crate) request_limit: usize,
    pub(crate) response_limit: usize,
    pub(crate) file_limit: u64,
}

impl SessionLog {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn start(
        self: &Arc<Self>,
        parts: &request::Parts,
        body: Body,
    ) -> (PendingInteraction, Body) {
        let mut state = self.state();
        let number = state.interactions.len();
        state.interactions.push(None);
        let length = body.len();
        let (captured, body) = match body.as_bytes() {
            Some(bytes) if bytes.len() <= state.request_limit => {
                (CapturedBody::Whole(bytes.clone()), body)
            }
            _ => {
                let capture = Arc::new(Mutex::new(BodyCapture::new(state.request_limit)));
                let body = tee_request(body, Arc::clone(&capture), state.request_limit);
                (CapturedBody::Streamed { length, capture }, body)
            }
        };
        let pending = PendingInteraction {
            session_log: Arc::clone(self),
            number,
            limit: state.response_limit,
            request: RecordedRequest {
                method: parts.method.clone(),
                url: parts.uri.clone(),
                headers: parts.headers.clone(),
                body: RecordedBody::Bytes(Bytes::new()),
            },
            captured,
        };
        (pending, body)
    }

    pub(crate) fn render(&self, state: &State) -> Result<String, CassetteError> {
        let mut session: Vec<_> = state.interactions.iter().flatten().cloned().collect();
        let file = || self.path.display().to_string();
        let Err(leak) = state.redaction.apply(&mut session) else {
            let text = write::to_text(&session);
            if text.len() as u64 > state.file_limit {
                return Err(CassetteError::TooLarge {
                    file: file(),
                    limit: state.file_limit,
                });
            }
            return Ok(text);
        };
        Err(CassetteError::Secret {
            file: file(),
            place: leak.place,
            secret: leak.secret,
        })
    }

    pub(crate) fn save(&self) -> Result<(), CassetteError> {
        let mut state = self.state();
        let text = self.render(&state)?;
        write::to_file(&self.path, &text).map_err(|source| CassetteError::Io {
            file: self.path.display().to_string(),
            action: "written",
            source,
        })?;
        state.changed = false;
        Ok(())
    }
}

impl Drop for SessionLog {
    fn drop(&mut self) {
        if std::thread::panicking() || !self.state().changed {
            return;
        }
        if let Err(error) = self.save() {
            let source = std::error::Error::source(&error);
            tracing::error!(source, "{error}");
        }
    }
}

/// An interaction whose response has not ended.
pub(crate) struct PendingInteraction {
    session_log: Arc<SessionLog>,
    number: usize,
    limit: usize,
    request: RecordedRequest,
    captured: CapturedBody,
}

/// The captured body of a request.
enum CapturedBody {
    Whole(Bytes),
    Streamed {
        length: u64,
        capture: Arc<Mutex<BodyCapture>>,
    },
}

impl PendingInteraction {
    pub(crate) fn respond(self, parts: &response::Parts, body: ResponseBody) -> ResponseBody {
        let mut response = RecordedResponse {
            status: parts.status,
            version: Some(parts.version),
            headers: parts.headers.clone(),
            body: RecordedBody::Bytes(Bytes::new()),
            cut: false,
        };
        let limit = self.limit;
        let declared = match is_bodiless(&self.request.method, parts.status) {
            true => Some(0),
            false => body.len().or_else(|| declared_length(parts)),
        };
        tee_response(body, declared, limit, move |body, cut| {
            response.body = body;
            response.cut = cut;
            self.finish(response);
        })
    }

    fn finish(self, response: RecordedResponse) {
        let mut request = self.request;
        request.body = match self.captured {
            CapturedBody::Whole(bytes) => bytes.into(),
            CapturedBody::Streamed { length, capture } => {
                let capture = std::mem::replace(&mut *lock(&capture), BodyCapture::new(0));
                match capture.len() == length {
                    true => capture.finish(),
                    // The response arrived before the body was sent.
                    false => RecordedBody::Omitted { length, sha1: None },
                }
            }
        };
        let mut state = self.session_log.state();
        state.interactions[self.number] = Some(Interaction { request, response });
        state.changed = true;
    }
}

/// The number of bytes of the body according to the headers. That of a compressed body may have been another one.
fn declared_length(parts: &response::Parts) -> Option<u64> {
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    let length = parts.headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}
