//! The hyper backend in the suite that all backends pass.

use b2kit_conformance::Suite;
use b2kit_conformance::client::{get, start_send};
use b2kit_conformance::server::RawServer;
use b2kit_core::HttpErrorKind;
use b2kit_hyper::{Builder, HyperClient};

fn builder() -> Builder {
    HyperClient::builder().dedicated_runtime()
}

fn trusting(pem: &str) -> HyperClient {
    let builder = builder().without_default_roots();
    builder.root_certificates_pem(pem).build().unwrap()
}

#[test]
fn the_conformance_suite_passes() {
    Suite::new(|| builder().build().unwrap())
        .trusting(trusting)
        .run()
        .assert_passed();
}

/// What comes next on it might be the rest of that response.
#[test]
fn a_connection_with_an_ambiguous_response_is_not_reused() {
    let server = RawServer::start();
    let client = builder().build().unwrap();
    let sending = start_send(&client, get(server.uri("/1")));
    let mut first = server.accept();
    first.head();
    first.send(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    );
    assert_eq!(sending.error().kind(), HttpErrorKind::Protocol);
    let sending = start_send(&client, get(server.uri("/2")));
    let mut second = server.accept();
    second.head();
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}
