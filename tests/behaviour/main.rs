//! How the crate behaves, through its public API only.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod bad_answers; // what a server may send that B2 never would
mod bad_input; // what a program may ask for that B2 would refuse
mod chaos; // an emulator behind a network that fails by a seed
mod cleanup; // hiding, deleting and cancelling many, and buckets by name
mod compose; // files put together of pieces
mod copy; // copies of any size
mod coverage; // that no call is missing
mod create; // files created only where there is none
mod download; // files on their way down, whatever the network does
mod edges; // what shows only at the edges
mod extremes; // numbers at their ends
mod files; // the calls against the emulator: two readings of B2's documents have to agree
mod foreign; // errors of somebody on the way, who can't know what B2 has done
mod hash_first; // large files that are hashed before they are sent
mod keys; // application keys, in each version of the API
mod layers; // who may name whom
mod module_graph; // which module of a crate names which, for `layers`
mod listing; // lists as streams, page by page
mod locks; // Object Lock: retention and legal hold
mod bulk; // many files at once, and what bounds all of them together
mod names; // of all calls, also for the tests through each library
mod notifications; // event notification rules
mod telemetry; // what a program can see of its calls: events, spans and counts
mod origins; // downloads from an origin of one's own, and with nothing but a download authorization
mod outages; // what becomes of many calls when nobody answers any of them
mod rate_limiting; // how fast calls go when B2 wants them slower
mod upload_hosts; // uploads to machines that misbehave
mod lost_response_matrix; // every call that changes something, whatever is lost and whatever asking shows
mod endpoint_trust; // where keys and tokens may go
mod recovery; // what becomes of a call when the network or B2 fails
mod samples; // B2's documented samples

mod script; // an emulator behind a network that fails as a script says
mod secrets; // what nobody may see
mod seeds; // scenarios that chance decides, each repeated by its seed
mod sessions; // sessions shared, renewed, exported and restored, and what their keys may do
mod lost_response; // what a lost call is held against before it counts as done
mod download_authorization; // download authorizations and links
mod tokens; // when tokens expire
mod transfer_rooms; // which modules of transfer name which
mod trickles; // what comes byte by byte has an end
mod uploading; // uploads of any size, from any source, over any network
mod values; // settings, and words that this version of the crate doesn't know
mod webhook; // event notifications as they arrive

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

/// What the tests here that are also run over each HTTP library (`tests/backends`) have to know of it.
struct BackendUnderTest {
    /// A name with dot segments can't be asked for.
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

/// A client of an emulator of its own, on time that stands still.
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

/// A client of this emulator, which it reaches through `backend`.
fn client_over(emulator: &Emulator, timer: &ManualTimer, backend: impl HttpClient) -> Client {
    served(emulator)
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap()
}

/// A client of an emulator on a wire that someone watches: `meddle` sees each request, and may answer it itself.
fn wired(
    emulator: &Emulator,
    timer: &ManualTimer,
    meddle: impl Fn(&mut Request) -> Option<Result<Response, HttpError>> + Send + Sync + 'static,
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

/// The name of the call that a request makes; a download's by name is not in its URL.
fn call_of(request: &Request) -> &str {
    let mut words = request.uri().path().split('/');
    words.find(|word| word.starts_with("b2_")).unwrap_or("")
}

/// The document in a request, which can still be sent on.
fn sent(request: &mut Request) -> Value {
    let pieces = request.body().open().unwrap().try_collect().now_or_never();
    let pieces: Vec<_> = pieces.unwrap().unwrap();
    *request.body_mut() = pieces.concat().into();
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

/// A session without a client, for calls that are looked at and not made.
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

/// The document that a call sends.
fn document_in(version: ApiVersion, call: &impl Call) -> Value {
    let session = session(version);
    call.check().unwrap();
    let request = call.request(&target(&session)).unwrap();
    let pieces: Vec<_> = block_on(request.body().open().unwrap().try_collect()).unwrap();
    serde_json::from_slice(&pieces.concat()).unwrap()
}

fn document(call: &impl Call) -> Value {
    document_in(ApiVersion::V4, call)
}

/// What a call reads out of this answer.
fn answered<C: Call>(call: &C, answer: Value) -> C::Output {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    call.read(Reply::whole(head, answer.to_string().into()))
        .unwrap()
}

/// Holds that this answer is not taken for one to the call.
fn assert_not_taken(call: &impl Call, answer: Value) {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    let Err(error) = call.read(Reply::whole(head, answer.to_string().into())) else {
        panic!("{answer} was taken")
    };
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(error.may_have_taken_effect());
}

/// Why a call is not sent.
fn refused(version: ApiVersion, call: &impl Call) -> String {
    let session = session(version);
    let checked = call.check().and_then(|()| call.request(&target(&session)));
    let error = checked.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

/// Where any call can go, an upload too.
fn target(session: &Session) -> Target<'_> {
    static TOKEN: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new("4_upld_"));
    Target::upload(session, "https://pod.backblaze.com/u", &TOKEN)
}
