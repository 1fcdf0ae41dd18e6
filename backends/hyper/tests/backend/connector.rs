//! Connectors and settings of a user's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit_conformance::Suite;
use b2kit_conformance::client::{get, read, start_send};
use b2kit_conformance::server::RawServer;
use b2kit_core::{HttpErrorKind, Phase};
use b2kit_hyper::HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;

fn over_http() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

#[test]
fn a_custom_connector_passes_the_conformance_suite() {
    for group in [
        "dropping_an_early",
        "dropping_a_response",
        "connection_is",
        "at_once",
        "upload",
        "source",
    ] {
        let suite = Suite::new(|| {
            let builder = HyperClient::builder().dedicated_runtime();
            builder.connector(over_http()).build().unwrap()
        });
        let report = suite.only(group).run();
        let failed: Vec<_> = report
            .cases()
            .filter(|(_, outcome)| matches!(outcome, b2kit_conformance::Outcome::Failed(_)))
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
}

#[test]
fn a_connector_can_use_a_proxy() {
    let proxy = RawServer::start();
    let tunnel = Tunnel::new(proxy.uri("/").parse().unwrap(), over_http());
    let builder = HyperClient::builder().dedicated_runtime();
    let client = builder.connector(tunnel).build().unwrap();
    let sending = start_send(&client, get("http://b2.test:80/file"));
    let mut peer = proxy.accept();
    assert_eq!(peer.head().line, "CONNECT b2.test:80 HTTP/1.1");
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(peer.head().line, "GET /file HTTP/1.1");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(read(sending.response()).unwrap(), "ok");
}

#[test]
fn a_connector_that_fails_is_a_connect_error() {
    let proxy = RawServer::start();
    let tunnel = Tunnel::new(proxy.uri("/").parse().unwrap(), over_http());
    let builder = HyperClient::builder().dedicated_runtime();
    let client = builder.connector(tunnel).build().unwrap();
    let sending = start_send(&client, get("http://b2.test:80/file"));
    let mut peer = proxy.accept();
    peer.head();
    peer.send("HTTP/1.1 403 Forbidden\r\n\r\n");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Connect, "{error:?}");
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn hypers_settings_can_be_changed() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let builder = HyperClient::builder().dedicated_runtime();
    let builder = builder.configure(move |client| {
        count.fetch_add(1, Ordering::SeqCst);
        client.max_headers(3);
    });
    let client = builder.build().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let server = RawServer::start();
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    let _ = peer.try_send("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n");
    assert_eq!(sending.error().kind(), HttpErrorKind::Protocol);
}
