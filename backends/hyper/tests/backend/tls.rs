//! What can be chosen about trust, and what is left alone.

use std::sync::Arc;
use std::time::Duration;

use b2kit_conformance::authority::Authority;
use b2kit_conformance::client::{chain, get, read, start_send};
use b2kit_conformance::server::RawServer;
use b2kit_core::{HttpErrorKind, Phase};
use b2kit_hyper::{Builder, HyperClient};
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";

fn uri(server: &RawServer) -> String {
    format!("https://localhost:{}/", server.port())
}

fn builder() -> Builder {
    HyperClient::builder().dedicated_runtime()
}

#[test]
fn root_certificates_are_added_to_the_default_ones_or_replace_them() {
    let authority = Authority::new();
    let several = format!("{}{}", Authority::new().pem(), authority.pem());
    let added = builder().root_certificates_pem(several);
    let alone = builder().without_default_roots();
    let alone = alone.root_certificates_pem(authority.pem());
    for builder in [added, alone] {
        let config = authority.server(&["localhost"]);
        let server = RawServer::start();
        let client = builder.build().unwrap();
        let sending = start_send(&client, get(uri(&server)));
        let mut peer = server.accept_tls(&config);
        peer.head();
        peer.send(OK);
        assert_eq!(read(sending.response()).unwrap(), "secret");
    }
}

#[test]
fn a_server_that_only_supports_http2_is_a_tls_error() {
    let authority = Authority::new();
    let client = builder().root_certificates_pem(authority.pem());
    let client = client.build().unwrap();
    let mut config = authority.server(&["localhost"]);
    Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
    let server = RawServer::start();
    let sending = start_send(&client, get(uri(&server)));
    let mut peer = server.accept_tls(&config);
    assert_eq!(peer.drain(), 0, "nothing is said to it");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Tls, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let authority = Authority::new();
    for versions in [[&TLS12], [&TLS13]] {
        let config = authority.server_of(&["localhost"], &versions);
        let client = builder().root_certificates_pem(authority.pem());
        let client = client.build().unwrap();
        let server = RawServer::start();
        for is_resumed in [false, true, true] {
            let sending = start_send(&client, get(uri(&server)));
            let mut peer = server.accept_tls(&config);
            peer.head();
            assert_eq!(peer.is_resumed(), is_resumed, "{versions:?}");
            peer.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\nsecret");
            assert_eq!(read(sending.response()).unwrap(), "secret");
        }
    }
}

#[test]
fn the_connect_timeout_covers_the_handshake() {
    let server = RawServer::start();
    let client = builder().connect_timeout(Duration::from_millis(100));
    let client = client.build().unwrap();
    let sending = start_send(&client, get(uri(&server)));
    let mut peer = server.accept();
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
    assert!(chain(&error).contains("connect timeout"), "{error:?}");
    peer.drain();
}

#[test]
fn the_process_default_provider_is_not_changed() {
    root_certificates_are_added_to_the_default_ones_or_replace_them();
    assert!(CryptoProvider::get_default().is_none());
}
