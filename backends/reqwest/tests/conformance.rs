//! The reqwest backend in the suite that all backends pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::Arc;
use std::time::Duration;

use b2kit_conformance::client::{chain, get, start, start_send};
use b2kit_conformance::server::RawServer;
use b2kit_conformance::{Limit, Suite};
use b2kit_core::{HttpErrorKind, Phase};
use b2kit_reqwest::ReqwestClient;
use reqwest::redirect;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

fn trusting(pem: &str) -> ReqwestClient {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ReqwestClient::defaults().tls_backend_preconfigured(tls);
    ReqwestClient::from_client(client.build().unwrap()).unwrap()
}

#[test]
fn the_conformance_suite_passes() {
    Suite::new(|| ReqwestClient::new().unwrap())
        .trusting(trusting)
        .limit(Limit::RefusesTargets)
        .limit(Limit::AddsAccept)
        .limit(Limit::LingersWhileServerStopsReading)
        .limit(Limit::OpensExtraConnections)
        .run()
        .assert_passed();
}

/// What comes from another place than was asked for is never taken for the answer.
#[test]
fn a_client_that_follows_a_redirect_returns_an_error() {
    let client = ReqwestClient::defaults().redirect(redirect::Policy::default());
    let client = ReqwestClient::from_client(client.build().unwrap()).unwrap();
    let server = RawServer::start();
    let sending = start_send(&client, get(server.uri("/from")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 302 Found\r\nlocation: /to\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(peer.head().target(), "/to");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Protocol, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::ResponseBegun);
    assert!(chain(&error).contains("redirect"), "{}", chain(&error));
}

/// reqwest starts the timers of such a client before its future is polled.
#[test]
fn a_client_with_timeouts_works_outside_a_tokio_runtime() {
    let hour = Duration::from_secs(3600);
    let client = ReqwestClient::defaults().timeout(hour).read_timeout(hour);
    let client = ReqwestClient::from_client(client.build().unwrap()).unwrap();
    let server = RawServer::start();
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmeow");
    let body = sending.response().into_body().collect(4);
    assert_eq!(start(body).wait().unwrap(), "meow");
}
