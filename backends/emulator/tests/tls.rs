//! The emulator over HTTPS, with rustls on a plain socket.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use b2kit_emulator::{Emulator, Fault, FaultKind, Latch, Server, TlsAuthority};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use serde_json::Value;

fn trusting(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    Arc::new(config)
}

/// The JSON of an authorization over TLS.
fn authorize(
    server: &Server,
    emulator: &Emulator,
    config: Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<Value> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(server.address())?);
    let basic = STANDARD.encode(format!("{}:{}", emulator.key_id(), emulator.key()));
    write!(
        stream,
        "GET /b2api/v3/b2_authorize_account HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Basic {basic}\r\nConnection: close\r\n\r\n"
    )?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let body = response.windows(4).position(|four| four == b"\r\n\r\n");
    Ok(serde_json::from_slice(&response[body.unwrap() + 4..])?)
}

#[test]
fn a_client_that_trusts_the_root_is_served_over_https() {
    let emulator = Emulator::new();
    let server = Server::start_tls(&emulator).unwrap();
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let pem = server.root_certificate_pem().unwrap();
    let of_pem = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let of_der = CertificateDer::from(server.root_certificate_der().unwrap().to_vec());
    for root in [of_pem, of_der] {
        for name in ["127.0.0.1", "localhost", "::1"] {
            let session = authorize(&server, &emulator, trusting([root.clone()]), name).unwrap();
            let storage = &session["apiInfo"]["storageApi"];
            assert_eq!(storage["apiUrl"], server.url());
            assert_eq!(storage["downloadUrl"], server.url());
        }
    }
}

#[test]
fn a_client_that_has_ended_its_side_of_tls_gets_the_response() {
    let emulator = Emulator::new();
    let server = Server::start_tls(&emulator).unwrap();
    let latch = Latch::new();
    let wait = Fault::new(FaultKind::Wait(latch.clone()));
    emulator.faults().add(wait);
    let root = CertificateDer::from(server.root_certificate_der().unwrap().to_vec());
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(trusting([root]), name).unwrap();
    let socket = TcpStream::connect(server.address()).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    stream
        .write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    while latch.waiting() == 0 {
        std::thread::yield_now();
    }
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.sock.shutdown(Shutdown::Write).unwrap();
    latch.open();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    assert!(response.starts_with(b"HTTP/1.1 404 "));
}

#[test]
fn the_root_signs_for_no_other_server_and_no_other_name() {
    let emulator = Emulator::new();
    let server = Server::start_tls(&emulator).unwrap();
    let other = Server::start_tls(&emulator).unwrap();
    let root = |server: &Server| {
        let der = server.root_certificate_der().unwrap().to_vec();
        trusting([CertificateDer::from(der)])
    };
    assert!(authorize(&server, &emulator, root(&other), "127.0.0.1").is_err());
    assert!(authorize(&server, &emulator, root(&server), "elsewhere.example").is_err());
    assert!(authorize(&server, &emulator, root(&server), "127.0.0.1").is_ok());
}

#[test]
fn a_client_without_tls_does_not_disturb_others() {
    let emulator = Emulator::new();
    let server = Server::start_tls(&emulator).unwrap();
    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let der = server.root_certificate_der().unwrap().to_vec();
    let config = trusting([CertificateDer::from(der)]);
    assert!(authorize(&server, &emulator, config, "localhost").is_ok());
    let mut response = Vec::new();
    plain.read_to_end(&mut response).ok();
    assert!(
        !response.starts_with(b"HTTP"),
        "an alert of TLS, or nothing"
    );
    silent.write_all(b"x").unwrap();
}

#[test]
fn without_tls_there_is_no_certificate() {
    let server = Server::start(&Emulator::new()).unwrap();
    assert_eq!(server.root_certificate_pem(), None);
    assert_eq!(server.root_certificate_der(), None);
}

#[test]
fn a_certificate_covers_the_hosts_of_url_and_only_hosts() {
    let emulator = Emulator::new();
    let server = Server::builder()
        .tls()
        .url("https://B2.test:8642")
        .only_hosts(["api.backblazeb2.com"])
        .start(&emulator)
        .unwrap();
    let root = CertificateDer::from(server.root_certificate_der().unwrap().to_vec());
    for name in ["b2.test", "api.backblazeb2.com", "localhost", "127.0.0.1"] {
        authorize(&server, &emulator, trusting([root.clone()]), name).unwrap();
    }
    assert!(authorize(&server, &emulator, trusting([root]), "other.test").is_err());
}

#[test]
fn a_persistent_authority_signs_the_certificates_of_later_servers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let emulator = Emulator::new();
    let mut config = None;
    for _ in 0..2 {
        let authority = TlsAuthority::open(&path).unwrap();
        let server = Server::builder()
            .tls_authority(authority)
            .start(&emulator)
            .unwrap();
        let root = CertificateDer::from_pem_file(&path).unwrap();
        let config = config.get_or_insert_with(|| trusting([root])).clone();
        authorize(&server, &emulator, config, "localhost").unwrap();
    }
    let (one, other) = (TlsAuthority::new().unwrap(), TlsAuthority::new().unwrap());
    let error = TlsAuthority::from_pem(one.certificate_pem(), other.key_pem()).unwrap_err();
    assert!(error.to_string().contains("with this key"), "{error}");
    TlsAuthority::from_pem(one.certificate_pem(), one.key_pem()).unwrap();
    TlsAuthority::from_pem("nonsense", one.key_pem()).unwrap_err();
    assert!(!format!("{one:?}").contains("PRIVATE"));
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let emulator = Emulator::new();
    let server = Server::start_tls(&emulator).unwrap();
    let root = server.root_certificate_der().unwrap().to_vec();
    let config = trusting([CertificateDer::from(root)]);
    for expected in [
        HandshakeKind::Full,
        HandshakeKind::Resumed,
        HandshakeKind::Resumed,
    ] {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let socket = TcpStream::connect(server.address()).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        // tickets come after the handshake
        stream.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(stream.conn.handshake_kind(), Some(expected));
    }
}
