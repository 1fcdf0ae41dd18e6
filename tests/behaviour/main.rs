//! Behaviour of the crate, through its public API only.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod auto_traits; // which public types are Send, Sync, Unpin and 'static
mod bad_answers; // replies that B2 would never send
mod bad_input; // input that B2 would refuse
mod bucket; // the methods of a bucket
mod bulk; // many files at once, and the limits of a client
mod chaos; // an emulator behind a network with random faults
mod client_modules; // dependencies of the modules of `client`
mod compose; // files composed of ranges and new bytes
mod copy; // copies of any size
mod coverage; // every call is implemented and documented
mod create; // files created only if they don't exist
mod download; // downloads over any network
mod download_authorization; // download authorizations and links
mod edges; // edge cases
mod endless; // endless listings
mod endpoint_trust; // where keys and tokens may go
mod extremes; // extreme numbers
mod files; // calls on files against the emulator
mod foreign; // errors of intermediaries
mod formatting; // line lengths, which rustfmt does not check
mod hash_first; // large files that are hashed before they are sent
mod keys; // application keys in each API version
mod layers; // dependencies of modules and packages
mod listing; // lists as streams
mod locks; // Object Lock: retention and legal hold
mod lost_response; // reconciliation after a lost response
mod lost_response_matrix; // each call with effects, by what was lost and what reconciliation finds
mod module_graph; // which modules of a crate depend on which
mod names; // of all calls, also for `tests/backends`
mod notifications; // event notification rules
mod origins; // downloads from a custom origin or with only a download authorization
mod outages; // many calls during an outage, and exhausted file descriptors
mod own_call; // a call that the crate does not have
mod rate_limiting; // concurrency and shared pauses
mod recovery; // retries after each kind of failure
mod resume_conflicts; // uploads that resume what another upload sends, cancels or has left
mod samples; // B2's documented samples
mod script; // an emulator behind a network with scripted faults
mod secrets; // no output shows a secret
mod seeds; // random scenarios, reproducible by seed
mod sessions; // sessions shared, renewed, exported and restored
#[cfg(feature = "sync")] // as the program's package turns on: not in a plain `cargo test`
mod sync; // synchronizing a local tree and a bucket
#[cfg(feature = "sync")]
mod sync_checks; // what is replaced or hidden is still what was planned
#[cfg(feature = "sync")]
mod sync_hostile; // plans, listings and links that a sync must not trust
#[cfg(feature = "sync")]
mod sync_missing; // what must not count as missing on the other side
#[cfg(feature = "sync")]
mod sync_safety; // random syncs, interrupted anywhere
mod telemetry; // events, spans and counts
mod tokens; // expiry of tokens
mod transfer_modules; // dependencies of the modules of `transfer`
mod trickles; // peers that send byte by byte
mod upload_hosts; // upload hosts that misbehave
mod uploading; // uploads of any size, from any source, over any network
mod values; // settings, and unknown values and fields
mod webhook; // incoming event notifications

use b2kit::api::{Call, Reply, Target};
use b2kit::backend::emulator::Emulator;
use b2kit::types::Secret;
use b2kit::{
    ApiVersion, Client, ClientBuilder, Credentials, ErrorKind, HttpClient, HttpError, ManualTimer,
    Request, Response, Session,
};
use futures::executor::block_on;
use futures::{FutureExt as _, TryStreamExt as _};
use serde_json::Value;

/// Properties of the backend for tests that also run over each HTTP library (`tests/backends`).
struct BackendUnderTest {
    /// Names with dot segments can't be requested.
    refuses_names: bool,
    refuses_head: bool,
}

/// No HTTP library.
const BACKEND: BackendUnderTest = BackendUnderTest {
    refuses_names: false,
    refuses_head: false,
};

/// A client of this emulator.
fn served(emulator: &Emulator) -> ClientBuilder {
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
}

/// A client of its own emulator, with a manual timer.
fn client() -> (Client, Emulator, ManualTimer) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build();
    let timer = ManualTimer::new();
    let client = client_of(&emulator, &timer);
    (client, emulator, timer)
}

fn client_of(emulator: &Emulator, timer: &ManualTimer) -> Client {
    client_over(emulator, timer, emulator.clone())
}

/// A client of this emulator over `backend`.
fn client_over(emulator: &Emulator, timer: &ManualTimer, backend: impl HttpClient) -> Client {
    served(emulator)
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap()
}

/// A response or an error in place of the emulator's; `None` lets the request through.
type Interception = Option<Result<Response, HttpError>>;

/// A client of an emulator whose requests pass through `meddle`, which can edit them or respond itself.
fn wired(
    emulator: &Emulator,
    timer: &ManualTimer,
    meddle: impl Fn(&mut Request) -> Interception + Send + Sync + 'static,
) -> ClientBuilder {
    let b2 = emulator.clone();
    let backend = move |mut request: Request| {
        let (b2, meddled) = (b2.clone(), meddle(&mut request));
        async move {
            match meddled {
                Some(answer) => answer,
                None => b2.send(request).await,
            }
        }
    };
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(backend)
        .timer(timer.clone())
        .rng_seed(1)
}

/// The name of the call that a request makes. The URL of a download by name does not contain it.
fn call_of(request: &Request) -> &str {
    let mut words = request.uri().path().split('/');
    words.find(|word| word.starts_with("b2_")).unwrap_or("")
}

/// The JSON of a request, which can still be sent.
fn sent(request: &mut Request) -> Value {
    let chunks = request.body().open().unwrap().try_collect().now_or_never();
    let chunks: Vec<_> = chunks.unwrap().unwrap();
    *request.body_mut() = chunks.concat().into();
    serde_json::from_slice(request.body().as_bytes().unwrap()).unwrap()
}

fn http_answer(status: u16, document: &Value) -> Response {
    b2kit::http::Response::builder()
        .status(status)
        .body(document.to_string().into())
        .unwrap()
}

fn http_refusal(status: u16, code: &str) -> Response {
    let document = serde_json::json!({"status": status, "code": code, "message": ""});
    http_answer(status, &document)
}

/// A session for building requests without a client.
fn session(version: ApiVersion) -> Session {
    let (api, downloads) = (
        "https://api004.backblazeb2.com",
        "https://f004.backblazeb2.com",
    );
    Session::new(
        version,
        "15f935cf4dcb",
        Secret::new("token"),
        api,
        downloads,
    )
}

/// The JSON that a call sends.
fn document_in(version: ApiVersion, call: &impl Call) -> Value {
    let session = session(version);
    call.check().unwrap();
    let request = call.request(&target(&session)).unwrap();
    let chunks: Vec<_> = block_on(request.body().open().unwrap().try_collect()).unwrap();
    serde_json::from_slice(&chunks.concat()).unwrap()
}

fn document(call: &impl Call) -> Value {
    document_in(ApiVersion::V4, call)
}

/// What a call decodes from this reply.
fn answered<C: Call>(call: &C, answer: Value) -> C::Output {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    call.read(Reply::whole(head, answer.to_string().into()))
        .unwrap()
}

/// Asserts that the call refuses this reply.
fn assert_not_taken(call: &impl Call, answer: Value) {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    let Err(error) = call.read(Reply::whole(head, answer.to_string().into())) else {
        panic!("{answer} was taken")
    };
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(error.may_have_taken_effect());
}

/// The error of a call that is refused before it is sent.
fn refused(version: ApiVersion, call: &impl Call) -> String {
    let session = session(version);
    let checked = call.check().and_then(|()| call.request(&target(&session)));
    let error = checked.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

/// A target for any call, including uploads.
fn target(session: &Session) -> Target<'_> {
    static TOKEN: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new("4_upld_"));
    Target::upload(session, "https://pod.backblaze.com/u", &TOKEN)
}
