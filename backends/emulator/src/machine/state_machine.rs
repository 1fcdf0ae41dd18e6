//! The state machine: takes a request and returns a response or the next step. Nothing here waits,
//! reads a clock or sees the bytes of a file.
//!
//! A driver calls [`begin`](State::begin) with the head of a request and carries out each [`Step`]
//! until there is a [`Response`]:
//!
//! 1. [`Step::Response`]: send it.
//! 2. [`Step::ReadJson`]: read a body of at most [`JSON_LIMIT`] bytes, then call
//!    [`finish_json`](State::finish_json).
//! 3. [`Step::Receive`]: store and hash the body, then call
//!    [`complete_upload`](State::complete_upload); or [`reject_upload`](State::reject_upload) if it
//!    can't be stored; or [`abandon_upload`](State::abandon_upload) if it ends early. Otherwise the
//!    upload's token stays in use.
//! 4. [`Step::Rehash`]: hash bytes that are stored already, then call
//!    [`complete_copy`](State::complete_copy).
//!
//! Time is an argument. Other requests may run between two steps of a request, so each step checks
//! its preconditions again.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, RANGE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method};

use crate::calls;
use crate::calls::caller::{Caller, DownloadHeaders};
use crate::calls::encryption::KeyHeaders;
use crate::calls::outcome::Outcome;
use crate::calls::pending_copy::PendingCopy;
use crate::calls::table::{self, Auth, Call};
use crate::calls::upload::PendingUpload;
use crate::model::checksums::Received;
use crate::model::key::Key;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::origins::Origins;
use crate::protocol::response::Response;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

/// Maximum size of a JSON body.
pub(crate) const JSON_LIMIT: usize = 1024 * 1024;

/// The next step of a driver.
#[derive(Debug)]
pub(crate) enum Step {
    Response(Response),
    ReadJson(PendingJson),
    Receive(PendingUpload),
    Rehash(Box<PendingCopy>),
}

/// A call whose JSON has not arrived yet.
#[derive(Debug)]
pub(crate) struct PendingJson {
    call: &'static Call,
    caller: Caller,
    query: Args,
}

impl State {
    /// Starts a request. `origins` are the URLs for its response.
    pub(crate) fn begin(&mut self, head: &Parts, origins: &Origins, now: u64) -> Step {
        self.expire(now);
        self.route(head, origins, now)
            .unwrap_or_else(|error| Step::Response(Response::error(&error)))
    }

    /// Continues once the JSON has arrived.
    pub(crate) fn finish_json(&mut self, pending: PendingJson, body: &[u8], now: u64) -> Step {
        let PendingJson {
            call,
            mut caller,
            query,
        } = pending;
        caller.now = now;
        let strict = self.settings.undocumented.unknown_fields_are_refused;
        let args = Args::of_json(body).and_then(|body| {
            calls::fields::check(call.name, call.fields, caller.version, &body, strict)?;
            Ok(body.over(query))
        });
        into_step(args.and_then(|args| (call.run)(self, &caller, &args)))
    }

    /// Completes an upload.
    pub(crate) fn complete_upload(
        &mut self,
        pending: PendingUpload,
        received: Received,
    ) -> Response {
        into_response(calls::upload::complete(self, pending, received))
    }

    /// Fails an upload that can't be stored, and revokes its token.
    pub(crate) fn reject_upload(&mut self, pending: &PendingUpload, error: &ApiError) -> Response {
        self.tokens.revoke(pending.token());
        Response::error(error)
    }

    /// Ends an upload that broke off.
    pub(crate) fn abandon_upload(&mut self, pending: &PendingUpload) {
        self.tokens.revoke(pending.token());
    }

    /// Completes a copy whose source has been hashed.
    pub(crate) fn complete_copy(
        &mut self,
        pending: Box<PendingCopy>,
        received: Received,
    ) -> Response {
        into_response(calls::copy::complete(self, *pending, received))
    }

    fn route(&mut self, head: &Parts, origins: &Origins, now: u64) -> Result<Step, ApiError> {
        if head.method == Method::OPTIONS {
            return calls::cors::preflight(self, head).map(Step::Response);
        }
        let path = head.uri.path();
        let caller = |version| Caller {
            key: Key::anonymous(),
            version,
            origins: origins.clone(),
            download_headers: DownloadHeaders::default(),
            now,
        };
        if let Some(path) = path.strip_prefix("/file/") {
            self.count(calls::download::BY_NAME);
            let response = self.download_by_name(head, caller(ApiVersion::V4), path)?;
            return Ok(Step::Response(response));
        }
        let unknown = || undocumented::unknown_call(path);
        let rest = path.strip_prefix("/b2api/").ok_or_else(unknown)?;
        let (version, rest) = rest.split_once('/').ok_or_else(unknown)?;
        let caller = caller(ApiVersion::parse(version).ok_or_else(unknown)?);
        if let Some(name) = calls::upload::name_of(rest) {
            self.count(name);
            let pending = calls::upload::begin(self, head, caller, rest)?;
            return Ok(Step::Receive(pending));
        }
        let call = table::find(rest).ok_or_else(unknown)?;
        self.count(call.name);
        self.call(call, head, caller)
    }

    fn call(
        &mut self,
        call: &'static Call,
        head: &Parts,
        mut caller: Caller,
    ) -> Result<Step, ApiError> {
        let has_body = head.method == Method::POST;
        let is_head = head.method == Method::HEAD;
        if !(has_body || head.method == Method::GET || is_head && call.is_download()) {
            return Err(undocumented::wrong_method("GET and POST"));
        }
        let key = match call.auth {
            Auth::Basic => self.basic(head, caller.now),
            Auth::Optional => self.optional_key(text_of(head, AUTHORIZATION), caller.now),
            Auth::Token => self.token_key(head, caller.now),
            Auth::Needs(capability) => self.token_key(head, caller.now).and_then(|key| {
                key.require(capability)?;
                Ok(key)
            }),
        };
        caller.key = match key {
            Ok(key) => key,
            Err(error) if matches!(call.auth, Auth::Basic) => {
                return Ok(Step::Response(challenge(&error)));
            }
            Err(error) => return Err(error),
        };
        if call.is_download() {
            caller.download_headers = download_headers_of(head);
        }
        let query = Args::of_query(head.uri.query().unwrap_or(""))?;
        if has_body {
            return Ok(Step::ReadJson(PendingJson {
                call,
                caller,
                query,
            }));
        }
        Ok(into_step((call.run)(self, &caller, &query)))
    }

    fn download_by_name(
        &mut self,
        head: &Parts,
        mut caller: Caller,
        path: &str,
    ) -> Result<Response, ApiError> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(undocumented::wrong_method("GET and HEAD"));
        }
        caller.download_headers = download_headers_of(head);
        let query = Args::of_query(head.uri.query().unwrap_or(""))?;
        let token = match text_of(head, AUTHORIZATION) {
            Some(token) => Some(token),
            None => query.string("Authorization")?,
        };
        let authorization = token.and_then(|token| self.tokens.download(token, caller.now));
        match authorization {
            None => caller.key = self.optional_key(token, caller.now)?,
            Some(authorization) => {
                let authorization = authorization?;
                // the tokens of a deleted key stop working
                if !self.keys.contains_key(&authorization.key_id) {
                    return Err(ApiError::bad_auth_token());
                }
                caller.key = Arc::new(Key::for_download_authorization(authorization));
                caller.download_headers.fixed_overrides =
                    Some(Arc::clone(&authorization.overrides));
            }
        }
        calls::download::by_name(self, &caller, path, &query)
    }

    /// Starts a call with all capabilities that no client makes: it is not counted.
    #[cfg(feature = "server")]
    pub(crate) fn begin_as_owner(
        &self,
        call: &'static Call,
        origins: &Origins,
        now: u64,
    ) -> PendingJson {
        PendingJson {
            call,
            caller: Caller {
                key: self.owner_key(),
                version: ApiVersion::V4,
                origins: origins.clone(),
                download_headers: DownloadHeaders::default(),
                now,
            },
            query: Args::default(),
        }
    }

    /// The master key; an equal one if it was deleted.
    #[cfg(feature = "server")]
    fn owner_key(&self) -> Arc<Key> {
        let mut keys = self.keys.values();
        let master = keys.find(|key| key.is_master);
        master.map_or_else(|| Arc::new(Key::with_all_capabilities()), Arc::clone)
    }

    /// The id of the key that a request presents or whose token it has, if there is such a key or
    /// token.
    #[cfg(feature = "server")]
    pub(crate) fn key_id_of(&self, head: &Parts) -> Option<&str> {
        let given = text_of(head, AUTHORIZATION)?;
        if let Some((scheme, pair)) = given.split_once(' ') {
            let is_basic = scheme.eq_ignore_ascii_case("basic");
            let pair = STANDARD.decode(pair.trim()).ok().filter(|_| is_basic)?;
            let pair = String::from_utf8(pair).ok()?;
            let (id, _) = pair.split_once(':')?;
            return self.key_with_id(id).map(|key| key.id.as_str());
        }
        self.tokens.key_id(given)
    }

    /// Counts a request.
    pub(crate) fn count(&mut self, call: &'static str) {
        *self.calls.entry(call).or_default() += 1;
    }

    /// The key of the account token in `Authorization`.
    fn token_key(&mut self, head: &Parts, now: u64) -> Result<Arc<Key>, ApiError> {
        let token = text_of(head, AUTHORIZATION).ok_or_else(undocumented::no_authorization)?;
        self.key_of(token, now)
    }

    fn optional_key(&mut self, token: Option<&str>, now: u64) -> Result<Arc<Key>, ApiError> {
        token.map_or_else(|| Ok(Key::anonymous()), |token| self.key_of(token, now))
    }

    fn key_of(&mut self, token: &str, now: u64) -> Result<Arc<Key>, ApiError> {
        let token = self.tokens.account(token, now)?;
        // the tokens of a deleted key stop working
        self.keys
            .get(&token.key_id)
            .cloned()
            .ok_or_else(ApiError::bad_auth_token)
    }

    /// The key with this id. The account's id is documented as another one of the master key.
    fn key_with_id(&self, id: &str) -> Option<&Arc<Key>> {
        if id == self.account_id {
            return self.keys.values().find(|key| key.is_master);
        }
        self.keys.get(id)
    }

    /// The key in `Authorization: Basic`.
    fn basic(&self, head: &Parts, now: u64) -> Result<Arc<Key>, ApiError> {
        let given = text_of(head, AUTHORIZATION).ok_or_else(undocumented::no_authorization)?;
        let pair = given
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .and_then(|decoded| String::from_utf8(decoded).ok());
        let key = pair.as_deref().and_then(|pair| {
            let (id, secret) = pair.split_once(':')?;
            let key = self.key_with_id(id)?;
            (key.matches_secret(secret) && !key.is_expired(now)).then(|| Arc::clone(key))
        });
        key.ok_or_else(|| {
            let id = pair.as_deref().and_then(|pair| pair.split_once(':'));
            let is_known = id.is_some_and(|(id, _)| self.key_with_id(id).is_some());
            if is_known && !self.settings.undocumented.wrong_key_is_bad_auth_token {
                ApiError::unauthorized("Invalid applicationKeyId or applicationKey")
            } else {
                // recorded for an unknown id
                ApiError::new(401, "bad_auth_token", "")
            }
        })
    }
}

fn download_headers_of(head: &Parts) -> DownloadHeaders {
    DownloadHeaders {
        range: text_of(head, RANGE).map(str::to_owned),
        key: KeyHeaders::of(head),
        fixed_overrides: None,
    }
}

fn into_step(answer: Result<Outcome, ApiError>) -> Step {
    match answer {
        Ok(Outcome::Json(value)) => Step::Response(Response::json(&value)),
        Ok(Outcome::Response(response)) => Step::Response(response),
        Ok(Outcome::Rehash(pending)) => Step::Rehash(pending),
        Err(error) => Step::Response(Response::error(&error)),
    }
}

fn into_response(answer: Result<Response, ApiError>) -> Response {
    answer.unwrap_or_else(|error| Response::error(&error))
}

fn challenge(error: &ApiError) -> Response {
    let mut response = Response::error(error);
    let realm = HeaderValue::from_static("BASIC realm=\"authorize_account\"");
    response.headers.insert(WWW_AUTHENTICATE, realm);
    response
}
