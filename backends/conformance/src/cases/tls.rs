//! Cases about TLS: which servers the backend trusts.

use std::sync::Arc;

use b2kit_core::{HttpErrorKind, Phase};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::ServerConfig;

use super::failures::assert_broke;
use crate::authority::Authority;
use crate::case::{Client, Subject, cases};
use crate::client::{chain, get, items, post, read, start_send};
use crate::limit::Limit;
use crate::server::RawServer;

cases![
    a_given_root_certificate_is_trusted,
    a_certificate_for_an_ip_address_is_accepted,
    http2_is_not_used_if_the_server_offers_it,
    an_unknown_authority_is_not_trusted_by_default,
    another_authority_is_not_trusted,
    a_certificate_for_another_host_is_not_trusted,
    an_expired_certificate_is_not_trusted,
    a_certificate_that_is_not_valid_yet_is_not_trusted,
    a_server_without_tls_gets_no_request,
    a_close_during_the_handshake_is_a_connect_error,
    an_alert_of_a_stopping_server_is_a_connect_error,
    a_handshake_that_never_ends_is_a_connect_error,
    a_tls_connection_without_close_notify_does_not_end_a_body,
    bodies_are_sent_and_received_over_tls,
];

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";

fn uri(server: &RawServer) -> String {
    format!("https://localhost:{}/", server.port())
}

/// Asserts that no request reaches a server with this certificate, because it isn't trusted.
fn assert_distrusted(client: &Client, config: &Arc<ServerConfig>) {
    let server = RawServer::start();
    let sending = start_send(client, get(uri(&server)));
    let mut peer = server.accept_tls(config);
    assert_eq!(peer.drain(), 0, "nothing is said to it");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Tls, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

/// The request line that arrives at this address of a server with this certificate.
fn arrives(client: &Client, host: &str, config: &Arc<ServerConfig>) -> String {
    let server = RawServer::start();
    let uri = format!("https://{host}:{}/", server.port());
    let sending = start_send(client, get(uri));
    let mut peer = server.accept_tls(config);
    let line = peer.head().line;
    peer.send(OK);
    assert_eq!(read(sending.response()).unwrap(), "secret");
    line
}

fn a_given_root_certificate_is_trusted(s: &Subject<'_>) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    arrives(&client, "localhost", &authority.server(&["localhost"]));
}

fn a_certificate_for_an_ip_address_is_accepted(s: &Subject<'_>) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    arrives(&client, "127.0.0.1", &authority.server(&["127.0.0.1"]));
}

/// With HTTP/2, parts that are sent concurrently would share one TCP stream.
fn http2_is_not_used_if_the_server_offers_it(s: &Subject<'_>) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    let line = arrives(&client, "localhost", &authority.server(&["localhost"]));
    assert_eq!(line, "GET / HTTP/1.1");
}

fn an_unknown_authority_is_not_trusted_by_default(s: &Subject<'_>) {
    assert_distrusted(&s.client(), &Authority::new().server(&["localhost"]));
}

fn another_authority_is_not_trusted(s: &Subject<'_>) {
    let client = s.trusting(Authority::new().pem());
    assert_distrusted(&client, &Authority::new().server(&["localhost"]));
}

fn a_certificate_for_another_host_is_not_trusted(s: &Subject<'_>) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    assert_distrusted(&client, &authority.server(&["elsewhere.test"]));
}

fn an_expired_certificate_is_not_trusted(s: &Subject<'_>) {
    out_of_its_time(s, |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
}

fn a_certificate_that_is_not_valid_yet_is_not_trusted(s: &Subject<'_>) {
    out_of_its_time(s, |params| {
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
    });
}

fn out_of_its_time(s: &Subject<'_>, time: impl FnOnce(&mut CertificateParams)) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    assert_distrusted(&client, &authority.server_with(&["localhost"], time));
}

fn a_server_without_tls_gets_no_request(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(uri(&server)));
    let mut peer = server.accept();
    let _ = peer.try_send("HTTP/1.1 400 Bad Request\r\n\r\n");
    let error = sending.error();
    assert_eq!(error.phase(), Phase::NotSent);
    if error.kind() == HttpErrorKind::Connect && s.is_limited(Limit::ReportsTlsFailureAsConnect) {
        return;
    }
    assert_eq!(error.kind(), HttpErrorKind::Tls, "{}", chain(&error));
}

fn a_close_during_the_handshake_is_a_connect_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(uri(&server)));
    let mut peer = server.accept();
    peer.body(1);
    drop(peer);
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

/// A load balancer sends such an alert if its servers are down.
fn an_alert_of_a_stopping_server_is_a_connect_error(s: &Subject<'_>) {
    /// `internal_error` and `close_notify`.
    const ALERTS: [[u8; 7]; 2] = [[0x15, 3, 3, 0, 2, 2, 80], [0x15, 3, 3, 0, 2, 1, 0]];
    for alert in ALERTS {
        let server = RawServer::start();
        let sending = start_send(&s.client(), get(uri(&server)));
        let mut peer = server.accept();
        peer.body(1);
        let _ = peer.try_send(alert);
        drop(peer);
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
        assert_eq!(error.phase(), Phase::NotSent);
    }
}

/// The connect timeout is the backend's, since only the library sees when it connects.
fn a_handshake_that_never_ends_is_a_connect_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let sending = [get(uri(&server)), post(uri(&server), "body")].map(|request| {
        let sending = start_send(&client, request);
        (sending, server.accept())
    });
    for (sending, mut peer) in sending {
        let error = sending.error();
        peer.drain();
        if error.kind() == HttpErrorKind::Timeout && s.is_limited(Limit::ConflatesConnectTimeouts) {
            assert_eq!(error.phase(), Phase::MaybeReceived);
            continue;
        }
        assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
        assert_eq!(error.phase(), Phase::NotSent);
    }
}

fn a_tls_connection_without_close_notify_does_not_end_a_body(s: &Subject<'_>) {
    let authority = Authority::new();
    let config = authority.server(&["localhost"]);
    for framing in ["content-length: 10\r\n", ""] {
        let server = RawServer::start();
        let sending = start_send(&s.trusting(authority.pem()), get(uri(&server)));
        let mut peer = server.accept_tls(&config);
        peer.head();
        peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\nhello"));
        let response = sending.response();
        // A FIN without a close_notify.
        peer.finish();
        let mut items = items(response);
        let error = items.pop().unwrap().unwrap_err();
        assert_broke(s, &error, HttpErrorKind::Closed, Phase::ResponseBegun);
    }
}

fn bodies_are_sent_and_received_over_tls(s: &Subject<'_>) {
    let authority = Authority::new();
    let client = s.trusting(authority.pem());
    let whole = crate::client::pattern((3 << 20) + 1);
    let server = RawServer::start();
    let body = crate::client::in_chunks(whole.clone(), 70_000);
    let sending = start_send(&client, post(uri(&server), body));
    let mut peer = server.accept_tls(&authority.server(&["localhost"]));
    let head = peer.head();
    assert_eq!(head.values("content-length"), [whole.len().to_string()]);
    assert!(peer.body(whole.len()) == whole);
    let sent = whole.clone();
    let serving = crate::client::start(async move {
        peer.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            sent.len()
        ));
        peer.send(sent);
    });
    assert!(read(sending.response()).unwrap() == whole);
    serving.wait();
}
