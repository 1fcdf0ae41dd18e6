//! Drives the state machine through one request, from whichever driver it comes.
//!
//! Every request passes here before and after the state machine, so this is where faults are
//! injected.

use std::io;
use std::time::Duration;

use b2kit_core::{BodyStream, HttpErrorKind, Phase};
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::calls;
use crate::calls::pending_copy::PendingCopy;
use crate::calls::upload::PendingUpload;
use crate::drivers::account::Account;
use crate::drivers::host::{Host, yield_now};
use crate::drivers::observer::Observer;
use crate::drivers::receiver::{ReceiveError, Receiver, rehash};
use crate::drivers::request_body::{collect, next};
use crate::drivers::response_body::corrupted;
use crate::faults::plan::{BodyFault, Plan, Replacement, Stage, UploadEnd, Wait};
use crate::faults::subject::Subject;
use crate::machine::state_machine::{JSON_LIMIT, PendingJson, Step};
use crate::model::token::TokenFault;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::origins::Origins;
use crate::protocol::response::Response;
use crate::protocol::undocumented;
use crate::storage::blobs::store::StoreError;

/// Duration of a stalled upload: longer than any client waits, but not unlimited, since clients
/// that have disconnected would use up all connections.
const STALL_DURATION: Duration = Duration::from_secs(60 * 60);

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The request's body can't be read.
    Source(io::Error),
    /// A fault ended the connection.
    Disconnected(HttpErrorKind, Phase),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

/// A response, and the faults while its body is sent.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) response: Response,
    pub(crate) body_fault: BodyFault,
}

impl From<Response> for Exchanged {
    /// Without faults.
    fn from(response: Response) -> Self {
        Self {
            response,
            body_fault: BodyFault::default(),
        }
    }
}

/// Answers a request. `origins` are the URLs for the response. Reads `body` only as far as needed.
/// `observer` sees what happens.
///
/// # Errors
/// If the body can't be read, or a fault ends the connection.
pub(crate) async fn exchange(
    account: &Account,
    origins: &Origins,
    head: &Parts,
    body: &mut BodyStream,
    host: &dyn Host,
    observer: &mut dyn Observer,
) -> Result<Exchanged, ExchangeError> {
    yield_if_needed(host).await;
    let subject = Subject::of_head(head, |bucket| account.bucket_id(bucket));
    observer.begun(account, head, &subject);
    if let Some(latency) = account.latency(subject.call) {
        account.sleep(latency).await;
    }
    let plan = account.rules().plan(&subject);
    observer.hit_by(&plan.hits);
    let mut exchange = Exchange {
        account,
        head,
        subject,
        plan,
        host,
        observer,
    };
    let response = match exchange.before(true).await? {
        Some(response) => response,
        None => exchange.answer(origins, body).await?,
    };
    // never respond with something that a restart would lose
    let response = match account.persist() {
        Ok(()) => response,
        Err(error) => exchange.not_persisted_response(response, &error),
    };
    let exchanged = exchange.after(response).await?;
    yield_if_needed(host).await;
    Ok(exchanged)
}

/// Yields to other requests where a network would.
async fn yield_if_needed(host: &dyn Host) {
    if host.yields() {
        yield_now().await;
    }
}

struct Exchange<'a> {
    account: &'a Account,
    head: &'a Parts,
    subject: Subject,
    plan: Plan,
    host: &'a dyn Host,
    observer: &'a mut dyn Observer,
}

impl Exchange<'_> {
    /// Injects faults before the effect. Returns a response if it replaces the effect.
    async fn before(&mut self, is_first: bool) -> Result<Option<Response>, ExchangeError> {
        let stage = std::mem::take(&mut self.plan.before);
        self.wait(&stage).await;
        if let Some(fault) = self.plan.token.take() {
            self.apply_token_fault(fault);
        }
        let lost = self.plan.request_lost.take();
        let is_known = lost == Some(Phase::MaybeReceived) || stage.replacement.is_some();
        if let Some(call) = self.subject.call.filter(|_| is_first && is_known) {
            self.account.state().count(call);
        }
        if let Some(phase) = lost {
            return Err(ExchangeError::Disconnected(HttpErrorKind::Reset, phase));
        }
        let Some(replacement) = stage.replacement else {
            return Ok(None);
        };
        Ok(Some(self.replaced_by(replacement)))
    }

    async fn answer(
        &mut self,
        origins: &Origins,
        body: &mut BodyStream,
    ) -> Result<Response, ExchangeError> {
        let now = self.account.now();
        let step = self.account.state().begin(self.head, origins, now);
        match step {
            Step::Response(response) => Ok(response),
            Step::ReadJson(pending) => self.read_json(pending, body).await,
            Step::Receive(pending) => self.receive(pending, body).await,
            Step::Rehash(pending) => self.copy(pending).await,
        }
    }

    async fn read_json(
        &mut self,
        pending: PendingJson,
        body: &mut BodyStream,
    ) -> Result<Response, ExchangeError> {
        let Some(json) = collect(body, JSON_LIMIT).await? else {
            return Ok(Response::error(&undocumented::body_too_large()));
        };
        self.observer.received(&json);
        self.read_fields(&json);
        if let Some(response) = self.before(false).await? {
            return Ok(response);
        }
        let now = self.account.now();
        let step = self.account.state().finish_json(pending, &json, now);
        match step {
            Step::Response(response) => Ok(response),
            Step::Rehash(pending) => self.copy(pending).await,
            Step::ReadJson(_) | Step::Receive(_) => {
                Err(io::Error::other("a call requested the body twice").into())
            }
        }
    }

    /// Adds the fields of the body to the subject; more rules may match then.
    fn read_fields(&mut self, json: &[u8]) {
        if !self.plan.awaits_fields {
            return;
        }
        if let Ok(args) = Args::of_json(json) {
            self.subject.read(&args);
        }
        let mut rules = self.account.rules();
        rules.plan_with_fields(&mut self.plan, &self.subject);
        drop(rules);
        self.observer.hit_by(&self.plan.hits);
    }

    async fn copy(&self, pending: Box<PendingCopy>) -> Result<Response, ExchangeError> {
        let received = match rehash(pending.content(), self.account.checksums()).await {
            Ok(received) => received,
            Err(error) => return Ok(Response::error(&undocumented::storage_failed(&error))),
        };
        Ok(self.account.state().complete_copy(pending, received))
    }

    async fn receive(
        &mut self,
        pending: PendingUpload,
        body: &mut BodyStream,
    ) -> Result<Response, ExchangeError> {
        let account = self.account;
        let data_len = pending.data_len();
        let digits_at_end = pending.has_digits_at_end();
        let hashes = pending.hashes(account.checksums());
        let mut upload = Upload {
            account,
            pending: Some(pending),
        };
        let hasher = self.host.hasher(hashes, data_len);
        let receiver = Receiver::new(account.store(), data_len, digits_at_end, hasher);
        let mut receiver = match receiver {
            Ok(receiver) => receiver,
            Err(StoreError::CapExceeded) => {
                return Ok(upload.reject(&ApiError::storage_cap_exceeded()));
            }
            Err(StoreError::Io(error)) => {
                return Ok(upload.reject(&undocumented::storage_failed(&error)));
            }
        };
        let mut taken = 0;
        loop {
            self.end_upload(taken).await?;
            let Some(chunk) = next(body).await else {
                break;
            };
            let chunk = chunk?;
            self.observer.received(&chunk);
            let chunk = corrupted(chunk, taken, &self.plan.corrupt_upload);
            if let Err(fail) = receiver.push(&chunk).await {
                return upload.fail(fail);
            }
            taken += chunk.len() as u64;
            yield_if_needed(self.host).await;
        }
        let received = match receiver.finish().await {
            Ok(received) => received,
            Err(fail) => return upload.fail(fail),
        };
        let pending = upload.take();
        Ok(account.state().complete_upload(pending, received))
    }

    /// Ends the connection if a fault does so after this many bytes of an upload.
    async fn end_upload(&self, taken: u64) -> Result<(), ExchangeError> {
        let kind = match self.plan.upload {
            Some((after, end)) if taken >= after => match end {
                UploadEnd::Cut => HttpErrorKind::Closed,
                UploadEnd::Reset => HttpErrorKind::Reset,
                UploadEnd::Stall => {
                    self.account.sleep(STALL_DURATION).await;
                    HttpErrorKind::Closed
                }
            },
            _ => return Ok(()),
        };
        Err(ExchangeError::Disconnected(kind, Phase::MaybeReceived))
    }

    /// The response if the state can't be persisted. A download has changed nothing: it continues
    /// if a restart would return the same version.
    fn not_persisted_response(&self, response: Response, error: &io::Error) -> Response {
        self.forget_upload_token();
        if !self.subject.call.is_some_and(calls::table::is_download) {
            return Response::error(&undocumented::storage_failed(error));
        }
        let file_id = response.headers.get("x-bz-file-id");
        let file_id = file_id.and_then(|id| id.to_str().ok());
        let is_by_name = self.subject.call == Some(calls::download::BY_NAME);
        if file_id.is_some_and(|id| self.account.is_persisted(id, is_by_name)) {
            return response;
        }
        Response::error(&undocumented::not_persisted(error))
    }

    /// Injects faults after the effect.
    async fn after(&mut self, mut response: Response) -> Result<Exchanged, ExchangeError> {
        let mut stage = std::mem::take(&mut self.plan.after);
        self.wait(&stage).await;
        if self.plan.loses_response {
            return Err(ExchangeError::Disconnected(
                HttpErrorKind::Closed,
                Phase::MaybeReceived,
            ));
        }
        if self.subject.may_limit_token()
            && self.account.rules().limits_token()
            && response.status == StatusCode::OK
        {
            self.limit_token(&response);
        }
        if let Some(replacement) = stage.replacement.take() {
            response = self.replaced_by(replacement);
        }
        if self.head.headers.contains_key(ORIGIN) {
            calls::cors::add_headers(&self.account.state(), self.head, &mut response);
        }
        for change in &self.plan.changes {
            change.apply(&mut response);
        }
        if self.head.method == Method::HEAD {
            response = response.without_body();
        }
        Ok(Exchanged {
            response: response.with_date(self.account.now()),
            body_fault: std::mem::take(&mut self.plan.body),
        })
    }

    async fn wait(&self, stage: &Stage) {
        for wait in &stage.waits {
            match wait {
                Wait::For(duration) => self.account.sleep(*duration).await,
                Wait::Until(latch) => latch.wait().await,
            }
        }
    }

    /// The response that a fault sends instead; a failed upload invalidates its URL.
    fn replaced_by(&self, replacement: Replacement) -> Response {
        if !replacement.keeps_upload_url() {
            self.forget_upload_token();
        }
        replacement.into_response()
    }

    fn forget_upload_token(&self) {
        if self.subject.call.is_some_and(calls::upload::is_upload) {
            self.apply_token_fault(TokenFault::Forget);
        }
    }

    /// Makes the request's token stop working, if it is valid.
    fn apply_token_fault(&self, fault: TokenFault) {
        if let Some(token) = text_of(self.head, AUTHORIZATION) {
            self.account.state().tokens.apply_fault(token, fault);
        }
    }

    /// Limits the token in the response to a few calls.
    fn limit_token(&self, response: &Response) {
        if let Some(answer) = response.as_json()
            && let Some(token) = answer["authorizationToken"].as_str()
        {
            self.account.state().tokens.limit_uses(token);
        }
    }
}

/// An upload in progress. Dropping it while it is pending, after an error or because the client is
/// gone, abandons the upload.
struct Upload<'a> {
    account: &'a Account,
    pending: Option<PendingUpload>,
}

impl Upload<'_> {
    fn take(&mut self) -> PendingUpload {
        self.pending.take().expect("taken once, at the end")
    }

    fn reject(&mut self, error: &ApiError) -> Response {
        let pending = self.take();
        self.account.state().reject_upload(&pending, error)
    }

    fn fail(&mut self, why: ReceiveError) -> Result<Response, ExchangeError> {
        match why {
            ReceiveError::Length(error) => Err(error.into()),
            ReceiveError::Store(error) => Ok(self.reject(&undocumented::storage_failed(&error))),
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.account.state().abandon_upload(&pending);
        }
    }
}
