//! [`Reel`]: the session as it is being recorded.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use b2kit_core::http::{request, response};
use b2kit_core::{Body, Bytes, ResponseBody};

use crate::error::CassetteError;
use crate::interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
use crate::redaction::Redaction;
use crate::sample::Sample;
use crate::tee::{ResponseTee, teed};
use crate::write;

/// What was recorded so far, secrets and all.
pub(crate) struct Reel {
    pub(crate) path: PathBuf,
    pub(crate) state: Mutex<State>,
}

pub(crate) struct State {
    /// One for each request that was started; filled when its response ends.
    pub(crate) interactions: Vec<Option<Interaction>>,
    /// Something was recorded since it was last saved.
    pub(crate) changed: bool,
    pub(crate) redaction: Redaction,
    pub(crate) request_limit: usize,
    pub(crate) response_limit: usize,
    pub(crate) file_limit: u64,
}

impl Reel {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn start(self: &Arc<Self>, parts: &request::Parts, body: Body) -> (Pending, Body) {
        let mut state = self.state();
        let number = state.interactions.len();
        state.interactions.push(None);
        let length = body.len();
        let (noted, body) = match body.as_bytes() {
            Some(bytes) if bytes.len() <= state.request_limit => {
                (Noted::Whole(bytes.clone()), body)
            }
            _ => {
                let sample = Arc::new(Mutex::new(Sample::new(state.request_limit)));
                let body = teed(body, Arc::clone(&sample), state.request_limit);
                (Noted::Streamed { length, sample }, body)
            }
        };
        let pending = Pending {
            reel: Arc::clone(self),
            number,
            limit: state.response_limit,
            request: RecordedRequest {
                method: parts.method.clone(),
                url: parts.uri.clone(),
                headers: parts.headers.clone(),
                body: RecordedBody::Bytes(Bytes::new()),
            },
            noted,
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

impl Drop for Reel {
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

/// An interaction whose response hasn't ended.
pub(crate) struct Pending {
    reel: Arc<Reel>,
    number: usize,
    limit: usize,
    request: RecordedRequest,
    noted: Noted,
}

/// What is known of a request's body.
enum Noted {
    Whole(Bytes),
    Streamed {
        length: u64,
        sample: Arc<Mutex<Sample>>,
    },
}

impl Pending {
    pub(crate) fn respond(self, parts: &response::Parts, body: ResponseBody) -> ResponseBody {
        let response = RecordedResponse {
            status: parts.status,
            version: Some(parts.version),
            headers: parts.headers.clone(),
            body: RecordedBody::Bytes(Bytes::new()),
            cut: false,
        };
        let length = body.len();
        let limit = self.limit;
        let tee = ResponseTee::new(body, limit, self, response);
        ResponseBody::new(length, tee)
    }

    pub(crate) fn finish(self, response: RecordedResponse) {
        let mut request = self.request;
        request.body = match self.noted {
            Noted::Whole(bytes) => bytes.into(),
            Noted::Streamed { length, sample } => {
                let sample = std::mem::replace(&mut *lock(&sample), Sample::new(0));
                match sample.len() == length {
                    true => sample.finish(),
                    // The response came before the body was sent.
                    false => RecordedBody::Omitted { length, sha1: None },
                }
            }
        };
        let mut state = self.reel.state();
        state.interactions[self.number] = Some(Interaction { request, response });
        state.changed = true;
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
