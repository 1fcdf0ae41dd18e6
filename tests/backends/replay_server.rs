//! A server that plays a recording: requests to the recorded hosts are sent to it through an HTTP library.

use std::sync::Arc;

use b2kit::backend::cassette::Player;
use b2kit::http::Uri;
use b2kit::{Body, HttpClient, Request};
use b2kit_conformance::server::{Head, Peer, RawServer};
use futures::executor::block_on;

/// The header with the origin that a request was made for.
const ORIGIN_HEADER: &str = "x-recorded-origin";

pub(crate) fn replay_through(
    player: &Player,
    backend: Arc<dyn HttpClient>,
) -> impl HttpClient + use<> {
    let player = player.clone();
    let server = Arc::new(RawServer::scripted(move |peer| serve(&player, peer)));
    move |mut request: Request| {
        let target = request.uri().path_and_query().unwrap().as_str();
        let here = server.uri(target).parse().unwrap();
        let there = std::mem::replace(request.uri_mut(), here);
        let origin = format!(
            "{}://{}",
            there.scheme().unwrap(),
            there.authority().unwrap()
        );
        let headers = request.headers_mut();
        headers.insert(ORIGIN_HEADER, origin.parse().unwrap());
        let (backend, server) = (Arc::clone(&backend), Arc::clone(&server));
        async move {
            let answer = backend.send(request).await;
            drop(server);
            answer
        }
    }
}

fn serve(player: &Player, mut peer: Peer) {
    while let Some(head) = peer.next_head() {
        let lengths = head.values("content-length");
        let len = lengths.first().map_or(0, |len| len.parse().unwrap());
        let body = peer.body(len);
        let (head, body) = block_on(async {
            let answer = player.send(recorded_request(&head, body)).await.unwrap();
            let (head, body) = answer.into_parts();
            (head, body.collect(1 << 24).await.unwrap())
        });
        let mut text = format!("HTTP/1.1 {}\r\n", head.status);
        for (name, value) in &head.headers {
            if name != "content-length" && name != "transfer-encoding" {
                text += &format!("{name}: {}\r\n", value.to_str().unwrap());
            }
        }
        peer.send(format!("{text}content-length: {}\r\n\r\n", body.len()));
        peer.send(body);
    }
}

/// The request with its original origin.
fn recorded_request(head: &Head, body: Vec<u8>) -> Request {
    let uri: Uri = format!("{}{}", head.values(ORIGIN_HEADER)[0], head.target())
        .parse()
        .unwrap();
    let method = head.line.split(' ').next().unwrap();
    let mut request = b2kit::http::Request::builder().method(method).uri(uri);
    for (name, value) in &head.headers {
        if name != ORIGIN_HEADER && name != "host" {
            request = request.header(name, value);
        }
    }
    request.body(Body::from(body)).unwrap()
}
