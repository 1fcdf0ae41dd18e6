//! Whom the backend trusts.

use std::sync::Arc;
use std::time::Duration;

use b2kit_core::{HttpErrorKind, Phase};
use b2kit_hyper::HyperClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::client::{chain, client, get, items, read, start_send};
use crate::raw_server::RawServer;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";

/// A certificate authority of the test's own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A client that trusts this authority and no other.
    pub(crate) fn client(&self) -> HyperClient {
        HyperClient::builder()
            .own_runtime()
            .without_default_roots()
            .root_certificates_pem(&self.pem)
            .build()
            .unwrap()
    }

    /// A server with a certificate for these names.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server_with(names, |_| ())
    }

    fn server_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn uri(server: &RawServer) -> String {
    format!("https://localhost:{}/", server.port())
}

/// Asserts that no request reaches a server with this certificate, because it isn't trusted.
fn assert_distrusted(client: &HyperClient, config: &Arc<ServerConfig>) {
    let server = RawServer::start();
    let sending = start_send(client, get(uri(&server)));
    let mut peer = server.accept_tls(config);
    assert_eq!(peer.drain(), 0, "nothing is said to it");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Tls, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn a_root_of_the_callers_own_is_trusted() {
    let authority = Authority::new();
    let added = HyperClient::builder()
        .own_runtime()
        .root_certificates_pem(format!("{}{}", Authority::new().pem, authority.pem))
        .build()
        .unwrap();
    for client in [authority.client(), added] {
        let config = authority.server(&["localhost"]);
        let server = RawServer::start();
        let sending = start_send(&client, get(uri(&server)));
        let mut peer = server.accept_tls(&config);
        assert_eq!(
            peer.head().line,
            "GET / HTTP/1.1",
            "although it could do h2"
        );
        peer.say(OK);
        assert_eq!(read(sending.response()).unwrap(), "secret");
    }
}

#[test]
fn an_address_can_have_a_certificate_too() {
    let authority = Authority::new();
    let config = authority.server(&["127.0.0.1"]);
    let server = RawServer::start();
    let address = format!("https://127.0.0.1:{}/", server.port());
    let sending = start_send(&authority.client(), get(address));
    let mut peer = server.accept_tls(&config);
    peer.head();
    peer.say(OK);
    assert_eq!(read(sending.response()).unwrap(), "secret");
}

#[test]
fn an_authority_that_nobody_vouched_for_is_not_trusted() {
    let config = Authority::new().server(&["localhost"]);
    assert_distrusted(&client(), &config);
    assert_distrusted(&Authority::new().client(), &config);
}

#[test]
fn a_certificate_for_another_host_is_not_trusted() {
    let authority = Authority::new();
    assert_distrusted(&authority.client(), &authority.server(&["elsewhere.test"]));
}

#[test]
fn a_certificate_out_of_its_time_is_not_trusted() {
    let authority = Authority::new();
    let expired = authority.server_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let not_yet = authority.server_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
    });
    assert_distrusted(&authority.client(), &expired);
    assert_distrusted(&authority.client(), &not_yet);
}

#[test]
fn a_server_that_speaks_nothing_but_http2_is_a_tls_error() {
    let authority = Authority::new();
    let mut config = authority.server(&["localhost"]);
    Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
    assert_distrusted(&authority.client(), &config);
}

#[test]
fn a_server_without_tls_is_a_tls_error() {
    let server = RawServer::start();
    let sending = start_send(&client(), get(uri(&server)));
    let mut peer = server.accept();
    let _ = peer.try_say("HTTP/1.1 400 Bad Request\r\n\r\n");
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Tls, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn a_close_in_the_handshake_may_be_better_next_time() {
    let server = RawServer::start();
    let sending = start_send(&client(), get(uri(&server)));
    let mut peer = server.accept();
    peer.body(1);
    drop(peer);
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn the_connect_timeout_covers_the_handshake() {
    let server = RawServer::start();
    let client = HyperClient::builder()
        .own_runtime()
        .connect_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let sending = start_send(&client, get(uri(&server)));
    let mut peer = server.accept();
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Connect, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
    assert!(chain(&error).contains("connect timeout"), "{error:?}");
    peer.drain();
}

#[test]
fn a_connection_cut_by_a_third_party_is_not_the_end_of_a_body() {
    let authority = Authority::new();
    let config = authority.server(&["localhost"]);
    for framing in ["content-length: 10\r\n", ""] {
        let server = RawServer::start();
        let sending = start_send(&authority.client(), get(uri(&server)));
        let mut peer = server.accept_tls(&config);
        peer.head();
        peer.say(format!("HTTP/1.1 200 OK\r\n{framing}\r\nhello"));
        let response = sending.response();
        // A FIN that the other end of the TLS session didn't announce.
        peer.finish();
        let mut items = items(response);
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Closed, "{}", chain(&error));
        assert_eq!(error.phase(), Phase::ResponseBegun);
    }
}

#[test]
fn the_default_provider_of_the_process_is_left_alone() {
    a_root_of_the_callers_own_is_trusted();
    assert!(CryptoProvider::get_default().is_none());
}
