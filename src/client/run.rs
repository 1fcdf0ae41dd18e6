//! The loop through which every call goes: authorize if needed, build, send, judge, and again.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use b2kit_core::time::{FOREVER, later, share};
use b2kit_core::{HttpClient as _, HttpError, HttpErrorKind, Phase, Request, Throughput};
use futures_util::future::{Either, select};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tracing::{Instrument as _, debug, warn};

use super::Client;
use super::authorization::Generation;
use super::course::{Course, Step};
use super::gates::Pass;
use super::judge;
use super::outage::{PlaceId, Way};
use super::patience::PROGRESS;
use super::restriction::{explain_login, refuse_known_missing, with_restriction};
use super::retry_after::{retry_after, server_time};
use super::told::{Title, Wait, everyone_waits};
use super::upload_urls::Lease;
use crate::api::{
    ApiVersion, CallExecutor, AuthorizeAccount, Call, CallKind, CallMetadata, Reconciliation, GetUploadPartUrl,
    GetUploadUrl, UploadTarget, Reply, Session, Target,
};
use crate::error::{Error, ErrorKind, RetryStopReason};
use crate::types::Secret;

/// Error bodies are read up to this many bytes.
const ERROR_LIMIT: usize = 64 << 10;

/// How long B2 may work before it answers: on an ordinary call, on one that moves files around, after an upload.
const HEAD: Duration = Duration::from_secs(30);
const PATIENT_HEAD: Duration = Duration::from_secs(1_200);
const UPLOAD_HEAD: Duration = Duration::from_secs(120);

/// How long to wait for room among the calls of a kind. One of those who have it may be kept by someone who doesn't poll
/// it, and then it never leaves.
const ROOM_WAIT: Duration = Duration::from_secs(60);

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes a call.
pub(super) async fn run<C: Call>(client: &Client, call: &C) -> Result<C::Output, Error> {
    let title = Title::new(client, call);
    let outcome = bounded(client, call, title).instrument(title.span()).await;
    outcome.map_err(|error| masked(client, title.name(error)))
}

/// An error as it may leave the client. Not before: what is judged are B2's own words.
pub(super) fn masked(client: &Client, error: Error) -> Error {
    let secrets = &client.shared.secrets;
    error.masked(
        |text| secrets.masked(text),
        |name| secrets.masked_in_name(name),
    )
}

/// The session, made now if there is none.
pub(super) async fn session(client: &Client) -> Result<Arc<Session>, Error> {
    authorized(client, false)
        .await
        .map(|generation| generation.session)
        .map_err(|error| masked(client, error))
}

/// Bounds the call by its deadline, whatever it is waiting for.
async fn bounded<C: Call>(client: &Client, call: &C, title: Title<'_>) -> Result<C::Output, Error> {
    let facts = &C::METADATA;
    call.check()
        .map_err(|error| error.in_call(facts.name, 0, Duration::ZERO))?;
    let mut course = Course::begin(facts, &client.policy, client.now());
    let Some(deadline) = client.policy.deadline_of(facts) else {
        return attempts(client, call, &mut course, title).await;
    };
    let sleep = client.shared.timer.sleep(deadline);
    {
        let attempts = pin!(attempts(client, call, &mut course, title));
        if let Either::Left((outcome, _)) = select(attempts, sleep).await {
            return outcome;
        }
    }
    let phase = if course.is_first() {
        Phase::NotSent
    } else {
        Phase::MaybeReceived
    };
    let late = || Error::http(HttpError::new(HttpErrorKind::Timeout, phase));
    let cause = course.take_last().unwrap_or_else(late);
    Err(course.error(cause, Some(RetryStopReason::Deadline), client.now()))
}

async fn attempts<C: Call>(
    client: &Client,
    call: &C,
    course: &mut Course<'_>,
    title: Title<'_>,
) -> Result<C::Output, Error> {
    let facts = &C::METADATA;
    let finish = |course: &Course<'_>, mut output: C::Output| {
        if course.possibly_twice() {
            warn!("B2 may hold the result twice");
            C::mark_possible_duplicate(&mut output);
        }
        Ok(output)
    };
    loop {
        let ticket = Ticket::obtain(client, call, course)
            .await
            .map_err(|error| course.error(error, None, client.now()))?;
        let request = prepare(client, call, &ticket.target(client));
        let mut request = request.map_err(|error| course.error(error, None, client.now()))?;
        let place = ticket.place(client, request.uri());
        let (pass, way) = admitted(client, facts.kind, place, course).await?;
        let way = way.to(request.uri());
        let sent = client.now();
        stamp(client, facts, &mut request, course.left(sent));
        let had_token = request.headers().contains_key(AUTHORIZATION);
        course.attempt(client.shared.server_clock.not_later_than(sent));
        let outcome = attempt(client, call, request).await;
        let now = client.now();
        let elapsed = now.saturating_duration_since(sent);
        let (hurried, first) = (
            course.left(now).is_some_and(|left| left.is_zero()),
            course.is_unharmed(),
        );
        let trouble = way.over(&outcome, hurried, first, now, &client.policy);
        let failure = match outcome {
            Ok(output) => {
                debug!(
                    attempt = course.attempts(),
                    ?elapsed,
                    "an attempt succeeded"
                );
                pass.succeeded();
                ticket.give_back(client);
                client.shared.budget.earn();
                return finish(course, output);
            }
            Err(failure) => failure,
        };
        if failure.status() == Some(429) {
            // Whatever becomes of this call, the others are asked to wait too.
            pass.refused();
            let wish = failure
                .retry_after()
                .unwrap_or_default()
                .min(client.policy.max_retry_after);
            let until = later(client.now(), wish);
            close_gate(client, facts.kind, until, &failure);
        }
        course.in_trouble(trouble, client.shared.outages.ever_answered());
        if facts.kind == CallKind::Authorize {
            course.paced(client.shared.authorization.pause(now));
        }
        if judge::is_for_want_of_room(&failure) {
            pass.refused();
            course.without_room(client.shared.gates.successes(), now);
        }
        // A refusal says nothing about the session's token where that was not sent.
        if !had_token && failure.b2().is_some_and(|b2| b2.status == 401) {
            let failure = failure.with_hint(
                "no token was sent there, since download_origin() was told to withhold it"
                    .to_owned(),
            );
            return Err(course.error(failure, None, client.now()));
        }
        // Asking what became of the call needs room too.
        drop(pass);
        let (now, chance) = (client.now(), client.shared.chance());
        let mut step = course.failed(
            &failure,
            call.is_spent(),
            now,
            &client.shared.budget,
            chance,
        );
        if let Step::Settle(mut lost) = step {
            lost.version = ticket.version(client);
            title.failed(&failure, course.attempts(), elapsed);
            debug!("asking what became of the call");
            course.keep_last(failure.clone());
            step = match call.reconcile(client, &lost).await {
                Reconciliation::Done(output) => return finish(course, output),
                found @ (Reconciliation::NotDone | Reconciliation::Unclear) => {
                    if matches!(found, Reconciliation::Unclear) {
                        course.unclear();
                    }
                    course.not_done(
                        &failure,
                        call.is_spent(),
                        client.now(),
                        &client.shared.budget,
                        chance,
                    )
                }
                Reconciliation::Unknown => {
                    return Err(course.error(failure, None, client.now()).with_effect(true));
                }
            };
        }
        match step {
            Step::Again { pause, everyone } => {
                let told_once = everyone || course.is_in_outage();
                // The next login may have to wait for longer than the call itself would.
                let pace = match facts.kind {
                    CallKind::Authorize => client.shared.authorization.pause(client.now()),
                    _ => Duration::ZERO,
                };
                let wait = Wait {
                    pause: pause.max(pace),
                    everyone: told_once,
                };
                title.again(&failure, course.attempts_of(), wait);
                if everyone {
                    let until = later(client.now(), pause);
                    close_gate(client, facts.kind, until, &failure);
                }
                course.keep_last(failure);
                if course.may_reuse_url() {
                    ticket.give_back(client);
                }
                client.sleep(pause).await;
            }
            // A late word about an old token renews nothing, so it doesn't count.
            Step::Renew => {
                title.failed(&failure, course.attempts(), elapsed);
                debug!("waiting for a new login");
                course.keep_last(failure);
                if ticket.expired(client) {
                    course.renewed();
                }
            }
            Step::Stop(why) => {
                title.failed(&failure, course.attempts(), elapsed);
                let failure = ticket.explain(client, facts, failure);
                return Err(course.error(failure, why, client.now()));
            }
            Step::Settle(_) => unreachable!("what was settled is not settled again"),
        }
    }
}

/// In whose name an attempt is made, and where an upload goes.
enum Ticket {
    Realm,
    Account(Generation),
    Upload(Generation, UploadTarget, Lease),
}

impl Ticket {
    async fn obtain<C: Call>(
        client: &Client,
        call: &C,
        course: &Course<'_>,
    ) -> Result<Self, Error> {
        if C::METADATA.kind == CallKind::Authorize {
            let mut pause = client.shared.authorization.pause(client.now());
            if !client.shared.outages.ever_answered() {
                // Logins of calls before this one may have failed again and again.
                pause = pause.min(client.policy.first_connection_timeout);
            }
            if !pause.is_zero() {
                debug!(?pause, "waiting until the next login may be tried");
            }
            client.sleep(pause).await;
            return Ok(Self::Realm);
        }
        let generation = authorized(client, true).await?;
        refuse_known_missing(&C::METADATA, &call.also_needs(), &generation.session)?;
        let Some(place) = call.place() else {
            return Ok(Self::Account(generation));
        };
        let free = if course.may_reuse_url() {
            client.shared.upload_urls.take(&place, client.now())
        } else {
            None
        };
        let lease = match free {
            Some(lease) => lease,
            None => upload_url(client, &place).await?,
        };
        Ok(Self::Upload(generation, place, lease))
    }

    fn target<'a>(&'a self, client: &'a Client) -> Target<'a> {
        match self {
            Self::Realm => client.shared.authorization.realm(),
            Self::Account(generation) => Target::session(&generation.session),
            Self::Upload(generation, _, lease) => {
                Target::upload(&generation.session, &lease.url, &lease.token)
            }
        }
    }

    /// The place where the attempt goes.
    fn place(&self, client: &Client, uri: &Uri) -> PlaceId {
        let outages = &client.shared.outages;
        match self {
            Self::Upload(generation, ..) => outages.upload_place(uri, generation.session.api_url()),
            Self::Realm | Self::Account(_) => outages.place(uri),
        }
    }

    /// The version of the API that the attempt spoke.
    fn version(&self, client: &Client) -> ApiVersion {
        match self {
            Self::Realm => client.shared.authorization.version(),
            Self::Account(generation) | Self::Upload(generation, ..) => {
                generation.session.version()
            }
        }
    }

    fn give_back(self, client: &Client) {
        match self {
            Self::Realm | Self::Account(_) => {}
            Self::Upload(_, place, lease) => {
                client
                    .shared
                    .upload_urls
                    .give_back(place, lease, client.now())
            }
        }
    }

    /// Lets go of the session. `false` if there is a newer one already.
    fn expired(&self, client: &Client) -> bool {
        match self {
            Self::Account(generation) => client.shared.authorization.expired(generation),
            Self::Realm | Self::Upload(..) => true,
        }
    }

    /// What B2 refuses, with what is known of the key.
    fn explain(&self, client: &Client, facts: &CallMetadata, failure: Error) -> Error {
        match self {
            Self::Realm => explain_login(failure, client.shared.authorization.version()),
            Self::Account(generation) | Self::Upload(generation, ..) => {
                with_restriction(failure, facts, &generation.session)
            }
        }
    }
}

/// The session, for a call that is bounded by its own deadline, or for itself. Boxed, since logging in is a call too, and
/// would contain itself.
fn authorized(client: &Client, is_for_a_call: bool) -> BoxFuture<'_, Result<Generation, Error>> {
    if let Some(current) = client.shared.authorization.current() {
        return Box::pin(std::future::ready(Ok(current)));
    }
    Box::pin(async move {
        debug!("waiting for a login");
        let (facts, began) = (&AuthorizeAccount::METADATA, client.now());
        let deadline = client.policy.deadline_of(facts).unwrap_or(FOREVER);
        let login = async |call| {
            let mut in_time = client.clone();
            if !is_for_a_call {
                // What was waited for somebody else's login is gone.
                let waited = client.now().saturating_duration_since(began);
                let policy = client.policy.as_ref().clone();
                in_time = in_time.with_retry(policy.with_deadline(deadline.saturating_sub(waited)));
            }
            let session: Session = run(&in_time, &call).await?;
            let trusted = client.shared.policy.check_session(&session);
            trusted
                .map_err(|error| error.in_call(AuthorizeAccount::METADATA.name, 1, Duration::ZERO))?;
            Ok(session)
        };
        let authorization = &client.shared.authorization;
        let session = authorization.session(
            &client.policy,
            || client.now(),
            client.shared.timer.sleep(deadline),
            login,
        );
        let outcome = session.await;
        outcome.map_err(|error| {
            let waited = client.now().saturating_duration_since(began);
            error.in_call(facts.name, 0, waited)
        })
    })
}

/// A fresh upload URL. Boxed, for the same reason.
fn upload_url<'a>(client: &'a Client, place: &'a UploadTarget) -> BoxFuture<'a, Result<Lease, Error>> {
    Box::pin(async move {
        Ok(match place {
            UploadTarget::Bucket(id) => {
                Lease::of_file(run(client, &GetUploadUrl::new(id)).await?, client.now())
            }
            UploadTarget::LargeFile(id) => {
                Lease::of_part(run(client, &GetUploadPartUrl::new(id)).await?, client.now())
            }
        })
    })
}

impl CallExecutor for Client {
    fn ask<C: Call + 'static>(
        &self,
        call: C,
    ) -> impl Future<Output = Result<C::Output, Error>> + Send {
        let asked: BoxFuture<'_, Result<C::Output, Error>> =
            Box::pin(async move { run(self, &call).await });
        asked
    }
}

/// Waits until the call may make an attempt: while its place can't be reached, while all calls of its kind wait, and until
/// there is room.
async fn admitted<'a>(
    client: &'a Client,
    kind: CallKind,
    place: PlaceId,
    course: &mut Course<'_>,
) -> Result<(Pass<'a>, Way<'a>), Error> {
    let outages = &client.shared.outages;
    let mut probes = None;
    loop {
        let pass = pass_gate(client, kind, course).await?;
        let now = client.now();
        let standstill = match outages.enter(place, now, client.policy.is_once(kind)) {
            Ok(way) => return Ok((pass, way)),
            Err(standstill) => standstill,
        };
        drop(pass);
        let before = probes.replace(standstill.probes);
        let failed = before.map_or(0, |before| standstill.probes.saturating_sub(before));
        match course.waits(&standstill, failed, outages.ever_answered(), now) {
            Ok(wait) => {
                course.keep_last_if_none(|| standstill.why());
                let enough = client.shared.timer.sleep(wait);
                select(outages.change(place, &standstill), enough).await;
            }
            Err(why) => {
                let cause = course.take_last().unwrap_or_else(|| standstill.why());
                return Err(course.error(cause, Some(why), now));
            }
        }
    }
}

/// Waits while all calls of this kind wait, and then a little of its own, so that they don't all come at once; and then
/// until there is room. Where the call has no time for that it fails with what the gate was closed for.
async fn pass_gate<'a>(
    client: &'a Client,
    kind: CallKind,
    course: &mut Course<'_>,
) -> Result<Pass<'a>, Error> {
    let gates = &client.shared.gates;
    loop {
        if let Some(closed) = gates.closed_for(kind, client.now()) {
            let apart = share(Duration::from_secs(1), client.shared.chance());
            let pause = closed.saturating_add(apart);
            if pause < course.patience(client.now()) {
                client.sleep(pause).await;
                continue;
            }
            if let Some(why) = course.take_last().or_else(|| gates.closed_by(kind)) {
                return Err(course.error(why, Some(RetryStopReason::Deadline), client.now()));
            }
        }
        let pass = match gates.try_pass(kind) {
            Some(pass) => pass,
            None => {
                let patience = course.patience(client.now()).min(ROOM_WAIT);
                let enough = client.shared.timer.sleep(patience);
                match select(gates.room(kind), enough).await {
                    Either::Left((pass, _)) => pass,
                    Either::Right(_) => gates.squeeze(kind),
                }
            }
        };
        // It may have closed while there was no room.
        if gates.closed_for(kind, client.now()).is_none() {
            return Ok(pass);
        }
    }
}

/// Nobody of this kind passes before `until`. That is told once, however many calls are refused meanwhile.
fn close_gate(client: &Client, kind: CallKind, until: Instant, failure: &Error) {
    let now = client.now();
    if client.shared.gates.close(kind, now, until, failure) {
        everyone_waits(kind, until.saturating_duration_since(now), failure);
    }
}

/// From a call to a request that may go where it goes.
fn prepare<C: Call>(client: &Client, call: &C, target: &Target<'_>) -> Result<Request, Error> {
    let request = call.request(target)?;
    match C::METADATA.kind {
        CallKind::Download => client.shared.policy.check_download(request.uri())?,
        _ => client.shared.policy.check(request.uri())?,
    }
    Ok(request)
}

/// Makes one attempt.
async fn attempt<C: Call>(client: &Client, call: &C, request: Request) -> Result<C::Output, Error> {
    let facts = &C::METADATA;
    let outcome = exchange(client, call, request).await;
    if facts.kind == CallKind::Authorize {
        client.shared.authorization.attempted(
            outcome.is_err(),
            client.now(),
            client.shared.chance(),
        );
        if outcome.is_ok() {
            client.shared.compare_clocks();
        }
    }
    let unsent = outcome
        .as_ref()
        .err()
        .and_then(Error::http_error)
        .is_some_and(|error| error.phase() == Phase::NotSent);
    if !unsent {
        client.shared.counters.count(facts.class);
    }
    outcome
}

/// Over the wire, and from the response to a value.
async fn exchange<C: Call>(
    client: &Client,
    call: &C,
    request: Request,
) -> Result<C::Output, Error> {
    learn_secrets(client, call, request.headers());
    let to_head = request.method() == Method::HEAD;
    let is_download = C::METADATA.kind == CallKind::Download && request.method() == Method::GET;
    let bandwidth = client.shared.bandwidth.as_ref();
    let request = match bandwidth {
        Some(bandwidth) if C::METADATA.kind == CallKind::Upload => bandwidth.outgoing(request),
        _ => request,
    };
    let host = request.uri().authority().cloned();
    let response =
        client
            .shared
            .backend
            .send(request)
            .await
            .map_err(|error| match error.kind() {
                // Only names come to stand in a URI as somebody chose them.
                HttpErrorKind::Invalid if is_download => Error::invalid(
                    "the HTTP library can't ask for this name as it is, and nothing was sent; \
                 DownloadFileById asks for the same file by its id",
                )
                .with_source(error),
                _ => Error::http(error).at_host(host.as_ref()),
            })?;
    let (head, body) = response.into_parts();
    let date = server_time(&head.headers);
    // A stranger on the way has its own idea of the time.
    let note_date = || {
        if let Some(date) = date {
            client.shared.server_clock.note(date, client.now());
        }
    };
    if !matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        let wish = retry_after(&head.headers);
        let text = body.collect(ERROR_LIMIT).await.unwrap_or_default();
        let reply = Reply::whole(head, text);
        let error = match reply.error(to_head) {
            Ok(b2) if client.shared.secrets.are_in_code(&b2.code) => {
                Error::from_non_b2(reply.not_b2s())
            }
            Ok(b2) => {
                if !b2.code.is_empty() {
                    note_date();
                }
                if b2.code == "auth_token_limit" {
                    warn!("two uploads at once went to one upload URL");
                }
                Error::from_b2(b2)
            }
            Err(response) => Error::from_non_b2(response),
        };
        return Err(error.with_retry_after(wish));
    }
    let reply = if C::METADATA.kind == CallKind::Download {
        Reply::stream(
            head,
            match bandwidth {
                Some(bandwidth) => bandwidth.incoming(body),
                None => body,
            },
        )
    } else {
        Reply::whole(
            head,
            body.collect(call.reply_limit())
                .await
                .map_err(lost_in_the_middle)?,
        )
    };
    let output = call.read(reply).map_err(|error| match error.kind() {
        ErrorKind::Protocol => error.with_effect(true),
        _ => error,
    })?;
    note_date();
    for secret in C::reveals(&output) {
        client.shared.secrets.learn(&secret);
    }
    Ok(output)
}

fn lost_in_the_middle(error: HttpError) -> Error {
    Error::http(error).with_effect(true)
}

/// What every request carries.
fn stamp(client: &Client, facts: &CallMetadata, request: &mut Request, left: Option<Duration>) {
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, client.shared.user_agent.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(mode) = &client.shared.test_mode {
        headers.insert("x-bz-test-mode", mode.clone());
    }
    let head = match facts.kind {
        CallKind::Upload => UPLOAD_HEAD,
        _ if facts.long_running => PATIENT_HEAD,
        _ => HEAD,
    };
    let mut deadlines = client.shared.deadlines.with_head(head);
    if facts.kind == CallKind::Upload {
        deadlines = deadlines.with_body(UPLOAD_HEAD);
    }
    if let Some(left) = left {
        deadlines = match facts.kind {
            // A download's bytes are read at the caller's own pace.
            CallKind::Download => deadlines.with_min_progress(Throughput::new(
                PROGRESS,
                client.policy.deadline.unwrap_or(left),
            )),
            _ => deadlines.with_total(left),
        };
    }
    request.extensions_mut().insert(deadlines);
}

/// Notes what the request holds that no error may show. The tokens of its authorization are known since they came.
fn learn_secrets<C: Call>(client: &Client, call: &C, headers: &HeaderMap) {
    let sensitive = headers
        .iter()
        .filter(|(name, value)| value.is_sensitive() && *name != AUTHORIZATION)
        .filter_map(|(_, value)| Some(Secret::new(value.to_str().ok()?)));
    for secret in call.secrets().into_iter().chain(sensitive) {
        client.shared.secrets.learn(&secret);
    }
}
