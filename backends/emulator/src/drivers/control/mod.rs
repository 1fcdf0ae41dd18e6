//! [`Control`]: the control endpoint, for tests in any language. Documented in `CONTROL.md`.
//!
//! Its path is none of B2's. Requests to it are not counted as calls, and no fault hits them.

mod rule;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use b2kit_core::BodyStream;
use http::header::{ALLOW, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::drivers::in_process::{Emulator, Saved};
use crate::drivers::request_body::collect;
use crate::drivers::webhook_sender::{Delivery, WebhookSender};
use crate::faults::latch::Latch;
use crate::faults::rules::FaultId;
use crate::machine::state_machine::JSON_LIMIT;
use crate::protocol::headers::text_of;
use crate::protocol::json::{self, Sorted};
use crate::protocol::response::Response;
use rule::Rule;

/// The path prefix; the next segment is the version.
pub(in crate::drivers) const PATH: &str = "/b2kit-emulator/";

const VERSION: &str = "v1";

pub(in crate::drivers) struct Control {
    emulator: Emulator,
    token: String,
    /// Sends webhooks, if the server does.
    sender: Option<WebhookSender>,
    url: Arc<str>,
    state: Mutex<ControlState>,
}

/// What earlier requests have set up.
struct ControlState {
    rules: BTreeMap<u64, Value>,
    latches: BTreeMap<String, Latch>,
    states: BTreeMap<String, Saved>,
    /// What a reset restores.
    initial: Saved,
}

/// The status and message of an error.
struct ControlError(StatusCode, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AdvanceClock {
    advance_seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expiry {
    #[serde(default)]
    account: bool,
    #[serde(default)]
    upload: bool,
}

impl Control {
    pub(in crate::drivers) fn new(
        emulator: Emulator,
        token: String,
        sender: Option<WebhookSender>,
        url: Arc<str>,
    ) -> Self {
        let initial = emulator.save();
        Self {
            emulator,
            token,
            sender,
            url,
            state: Mutex::new(ControlState {
                rules: BTreeMap::new(),
                latches: BTreeMap::new(),
                states: BTreeMap::new(),
                initial,
            }),
        }
    }

    /// Answers a request below [`PATH`].
    ///
    /// # Errors
    /// If the body can't be read.
    pub(in crate::drivers) async fn answer(
        &self,
        head: &Parts,
        body: &mut BodyStream,
    ) -> io::Result<Response> {
        let answered = match self.authenticate(head) {
            Err(error) => Err(error),
            Ok(()) => match collect(body, JSON_LIMIT).await? {
                None => {
                    let message = "the body is too large".to_owned();
                    Err(ControlError(StatusCode::PAYLOAD_TOO_LARGE, message))
                }
                Some(body) => self.route(head, &body),
            },
        };
        let response = match answered {
            Ok(value) => json_response(StatusCode::OK, &value),
            Err(ControlError(status, message)) => {
                let mut response = json_response(status, &json!({"error": message}));
                if status == StatusCode::METHOD_NOT_ALLOWED
                    && let Ok(allowed) = HeaderValue::try_from(message)
                {
                    response.headers.insert(ALLOW, allowed);
                }
                response
            }
        };
        Ok(response.with_date(self.emulator.account().now()))
    }

    fn authenticate(&self, head: &Parts) -> Result<(), ControlError> {
        let given = text_of(head, AUTHORIZATION);
        let given = given
            .and_then(|given| given.strip_prefix("Bearer "))
            .unwrap_or("");
        if given.as_bytes().ct_eq(self.token.as_bytes()).into() {
            return Ok(());
        }
        let message = "the control token is missing or wrong: Authorization: Bearer TOKEN";
        Err(ControlError(StatusCode::UNAUTHORIZED, message.to_owned()))
    }

    fn route(&self, head: &Parts, body: &[u8]) -> Result<Value, ControlError> {
        let path = head.uri.path();
        let unknown = || ControlError(StatusCode::NOT_FOUND, format!("there is nothing at {path}"));
        let rest = path.strip_prefix(PATH).ok_or_else(unknown)?;
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if version != VERSION {
            let message = format!("there is no version {version} of this, only {VERSION}");
            return Err(ControlError(StatusCode::NOT_FOUND, message));
        }
        let segments: Vec<&str> = rest.split('/').collect();
        let (get, post, put, delete) = (&Method::GET, &Method::POST, &Method::PUT, &Method::DELETE);
        let method = &head.method;
        let allow = |allowed: &[&Method]| {
            if allowed.contains(&method) {
                return Ok(());
            }
            let allowed: Vec<&str> = allowed.iter().map(|it| it.as_str()).collect();
            Err(ControlError(
                StatusCode::METHOD_NOT_ALLOWED,
                allowed.join(", "),
            ))
        };
        match segments[..] {
            [""] => allow(&[get]).map(|()| self.status()),
            ["faults"] => {
                allow(&[get, post, delete])?;
                match method {
                    method if method == post => self.add_fault(body),
                    method if method == get => Ok(self.faults()),
                    _ => Ok(self.clear_faults()),
                }
            }
            ["faults", id] => allow(&[delete]).and_then(|()| self.remove_fault(id)),
            ["latches" | "gates", name, "open"] => {
                allow(&[post]).and_then(|()| self.open_latch(name))
            }
            ["clock"] => {
                allow(&[get, post])?;
                if method == post {
                    self.advance_clock(body)?;
                }
                Ok(json!({"now": self.emulator.account().now()}))
            }
            ["lifecycle"] => {
                allow(&[post])?;
                self.emulator.run_lifecycle();
                self.persist()
            }
            ["tokens", "expire"] => allow(&[post]).and_then(|()| self.expire(body)),
            ["webhooks"] => {
                allow(&[get, delete])?;
                Ok(self.webhooks(method == delete))
            }
            ["reset"] => allow(&[post]).and_then(|()| self.reset()),
            ["states", name] => {
                allow(&[put])?;
                let saved = self.emulator.save();
                self.state().states.insert(name.to_owned(), saved);
                Ok(json!({}))
            }
            ["states", name, "restore"] => allow(&[post]).and_then(|()| self.restore(name)),
            _ => Err(unknown()),
        }
    }

    fn status(&self) -> Value {
        let snapshot = self.emulator.snapshot();
        json!({
            "emulator": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "controlVersion": VERSION,
            "url": &*self.url,
            "now": self.emulator.account().now(),
            "calls": snapshot.calls,
            "buckets": snapshot.buckets,
            "versions": snapshot.versions,
            "unfinishedLargeFiles": snapshot.unfinished_large_files,
            "storedBytes": snapshot.stored_bytes,
        })
    }

    fn add_fault(&self, body: &[u8]) -> Result<Value, ControlError> {
        let rule: Rule = parse(body)?;
        let json = rule.json();
        let mut state = self.state();
        let fault = rule
            .into_fault(&self.emulator, &mut state.latches)
            .map_err(bad)?;
        let FaultId(id) = self.emulator.faults().add(fault);
        state.rules.insert(id, json);
        Ok(json!({"id": id}))
    }

    fn faults(&self) -> Value {
        let state = self.state();
        let listed = self.emulator.faults().list();
        let listed: Vec<Value> = listed
            .into_iter()
            .map(|(FaultId(id), matched, hits)| {
                // null for faults added from Rust
                let rule = state.rules.get(&id);
                // `strikes` is the name of `hits` in earlier releases of version 1
                json!({"id": id, "matched": matched, "hits": hits, "strikes": hits, "rule": rule})
            })
            .collect();
        let waiting = state.latches.iter().map(|(name, it)| (name, it.waiting()));
        let waiting: BTreeMap<&String, usize> = waiting.collect();
        // likewise `waitingAtGates`
        json!({"faults": listed, "waitingAtLatches": waiting, "waitingAtGates": waiting})
    }

    fn clear_faults(&self) -> Value {
        let mut state = self.state();
        self.emulator.faults().clear();
        state.rules.clear();
        // there would be no way to open them later
        for latch in std::mem::take(&mut state.latches).into_values() {
            latch.open();
        }
        json!({})
    }

    fn remove_fault(&self, id: &str) -> Result<Value, ControlError> {
        let missing = || ControlError(StatusCode::NOT_FOUND, format!("there is no fault {id}"));
        let number = id.parse().map_err(|_| missing())?;
        let listed = self.emulator.faults().list();
        if !listed.iter().any(|(id, ..)| *id == FaultId(number)) {
            return Err(missing());
        }
        self.emulator.faults().remove(FaultId(number));
        self.state().rules.remove(&number);
        Ok(json!({}))
    }

    fn open_latch(&self, name: &str) -> Result<Value, ControlError> {
        let state = self.state();
        let latch = state.latches.get(name).ok_or_else(|| {
            let message = format!("there is no latch {name}");
            ControlError(StatusCode::NOT_FOUND, message)
        })?;
        let waited = latch.waiting();
        latch.open();
        Ok(json!({"waited": waited}))
    }

    fn advance_clock(&self, body: &[u8]) -> Result<(), ControlError> {
        let advance: AdvanceClock = parse(body)?;
        let by = Duration::try_from_secs_f64(advance.advance_seconds)
            .map_err(|_| bad("advanceSeconds must be 0 or more"))?;
        if self.emulator.account().advance_clock(by) {
            return Ok(());
        }
        let message = "the emulator's clock can't be advanced";
        Err(ControlError(StatusCode::CONFLICT, message.to_owned()))
    }

    fn expire(&self, body: &[u8]) -> Result<Value, ControlError> {
        let expiry: Expiry = parse(body)?;
        if !(expiry.account || expiry.upload) {
            return Err(bad("one of account and upload must be true"));
        }
        if expiry.account {
            self.emulator.expire_account_tokens();
        }
        if expiry.upload {
            self.emulator.expire_upload_tokens();
        }
        self.persist()
    }

    fn webhooks(&self, clear: bool) -> Value {
        let deliveries = match &self.sender {
            Some(sender) => {
                let log = sender.log();
                if clear {
                    sender.clear_log();
                }
                log
            }
            None => {
                let taken = self.emulator.drain_webhooks().into_iter();
                taken.map(Delivery::not_sent).collect()
            }
        };
        let json: Vec<Value> = deliveries.iter().map(Delivery::json).collect();
        json!({"webhooks": json})
    }

    fn reset(&self) -> Result<Value, ControlError> {
        self.clear_faults();
        if let Some(sender) = &self.sender {
            sender.clear_log();
        }
        let restored = self.emulator.restore(&self.state().initial);
        restored.map_err(io_error)?;
        Ok(json!({}))
    }

    fn restore(&self, name: &str) -> Result<Value, ControlError> {
        let state = self.state();
        let saved = state.states.get(name).ok_or_else(|| {
            let message = format!("no state was saved as {name}");
            ControlError(StatusCode::NOT_FOUND, message)
        })?;
        self.emulator.restore(saved).map_err(io_error)?;
        Ok(json!({}))
    }

    /// Persists the change, so that a restart does not lose it.
    fn persist(&self) -> Result<Value, ControlError> {
        self.emulator.account().persist().map_err(io_error)?;
        Ok(json!({}))
    }

    fn state(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(bad)
}

fn bad(problem: impl ToString) -> ControlError {
    ControlError(StatusCode::BAD_REQUEST, problem.to_string())
}

fn io_error(error: io::Error) -> ControlError {
    ControlError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
    Response::with_body(status, content_type, json::line(&Sorted(value)).into())
}
