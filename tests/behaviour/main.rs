//! How the crate behaves, through its public API only.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod bad_answers; // what a server may send that B2 never would
mod bad_input; // what a program may ask for that B2 would refuse
mod coverage; // that no call is missing
mod edges; // what shows only at the edges
mod files; // the calls against the emulator: two readings of B2's documents have to agree
mod keys; // application keys, in each version of the API
mod layers; // who may name whom
mod locks; // Object Lock: retention and legal hold
mod notifications; // event notification rules
mod quickstart; // the program that the README shows first
mod realms; // where keys and tokens may go
mod recording; // the calls against a recording of the real B2
mod recovery; // what becomes of a call when the network or B2 fails
mod samples; // B2's documented samples
mod script; // an emulator behind a network that fails as a script says
mod secrets; // what nobody may see
mod sharing; // download authorizations and links
mod taped; // a session recorded, searched for secrets and replayed
mod tokens; // when tokens expire
mod values; // settings, and words that this version of the crate doesn't know
mod webhook; // event notifications as they arrive

use b2kit::api::{Call, Reply, Target};
use b2kit::backend::emulator::Emulator;
use b2kit::types::Secret;
use b2kit::{ApiVersion, Client, Credentials, ErrorKind, ManualTimer, Session};
use futures::TryStreamExt as _;
use futures::executor::block_on;
use serde_json::Value;

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
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .timer(timer.clone())
        .build()
        .unwrap()
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
