//! [`Control`]: the data that the endpoints of the control API work on, and their answers.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::drivers::call_log::CallLog;
use crate::drivers::in_process::{Emulator, Saved};
use crate::drivers::webhook_sender::WebhookSender;
use crate::faults::latch::Latch;
use crate::protocol::json::{self, Sorted};
use crate::protocol::origins::Origins;
use crate::protocol::response::Response;

/// The control API of a server.
pub(in crate::drivers) struct Control {
    pub(super) emulator: Emulator,
    pub(super) token: String,
    /// Sends webhooks, if the server does.
    pub(super) sender: Option<WebhookSender>,
    pub(super) log: Arc<CallLog>,
    pub(super) url: Arc<str>,
    state: Mutex<ControlState>,
}

/// The state set up by earlier requests.
pub(super) struct ControlState {
    /// The faults in JSON, by id.
    pub(super) rules: BTreeMap<u64, Value>,
    pub(super) latches: BTreeMap<String, Latch>,
    pub(super) states: BTreeMap<String, Saved>,
    /// The state that a reset restores.
    pub(super) initial: Saved,
    /// The account token of calls that are made as a client.
    pub(super) client_token: Option<String>,
}

/// The result of a request to the control API.
pub(in crate::drivers) enum Answer {
    Response(Response),
    /// It continues as a request to B2 with this head, and its body.
    Forward(Box<Parts>),
}

/// The status and message of an error.
pub(super) struct ControlError(pub(super) StatusCode, pub(super) String);

impl Control {
    pub(in crate::drivers) fn new(
        emulator: Emulator,
        token: String,
        sender: Option<WebhookSender>,
        log: Arc<CallLog>,
        url: Arc<str>,
    ) -> Self {
        let initial = emulator.save();
        Self {
            emulator,
            token,
            sender,
            log,
            url,
            state: Mutex::new(ControlState {
                rules: BTreeMap::new(),
                latches: BTreeMap::new(),
                states: BTreeMap::new(),
                initial,
                client_token: None,
            }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URLs in the responses of calls that are made here.
    pub(super) fn origins(&self) -> Origins {
        Origins::same(&self.url)
    }

    /// Persists the change, so that a restart does not lose it.
    pub(super) fn persist(&self) -> Result<Value, ControlError> {
        self.emulator.account().persist().map_err(io_error)?;
        Ok(json!({}))
    }
}

impl ControlError {
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, what.into())
    }

    pub(super) fn into_response(self) -> Response {
        let Self(status, message) = self;
        let mut response = json_response(status, &json!({"error": message}));
        if status == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allowed) = HeaderValue::try_from(message)
        {
            response.headers.insert(ALLOW, allowed);
        }
        response
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(bad)
}

pub(super) fn bad(problem: impl ToString) -> ControlError {
    ControlError(StatusCode::BAD_REQUEST, problem.to_string())
}

pub(super) fn io_error(error: io::Error) -> ControlError {
    ControlError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
    Response::with_body(status, content_type, json::line(&Sorted(value)).into())
}
