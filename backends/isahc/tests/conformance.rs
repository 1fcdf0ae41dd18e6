//! The isahc backend in the suite that all backends pass.

use std::time::Duration;

use b2kit_conformance::client::{get, read, start, start_send};
use b2kit_conformance::server::RawServer;
use b2kit_conformance::{Limit, Suite};
use b2kit_core::{SystemTimer, Timer as _};
use b2kit_isahc::IsahcClient;
use isahc::config::Configurable as _;
use isahc::tls::{TlsConfig, TrustStore};

fn trusting(pem: &str) -> IsahcClient {
    let pem = pem.to_owned();
    IsahcClient::with_factory(move || {
        let store = TrustStore::builder().certificate_from_pem(&pem).build();
        let tls = TlsConfig::builder().trust_store(store).build();
        IsahcClient::defaults().tls_config(tls).build()
    })
}

#[test]
fn the_conformance_suite_passes() {
    Suite::new(IsahcClient::new)
        .trusting(trusting)
        .limits(Limit::OF_LIBCURL)
        .run()
        .assert_passed();
}

/// A client of a user's own for all exchanges.
#[test]
fn one_client_for_all_exchanges_passes_with_more_limits() {
    Suite::new(|| IsahcClient::from_client(IsahcClient::defaults().build().unwrap()))
        .trusting(|pem| {
            let store = TrustStore::builder().certificate_from_pem(pem).build();
            let tls = TlsConfig::builder().trust_store(store).build();
            IsahcClient::from_client(IsahcClient::defaults().tls_config(tls).build().unwrap())
        })
        .limits(Limit::OF_LIBCURL)
        .limits(Limit::OF_ONE_CLIENT_OVER_LIBCURL)
        .run()
        .assert_passed();
}

/// Whose settings say nothing of idle connections.
#[test]
fn custom_clients_do_not_keep_connections_too_long() {
    Suite::new(|| IsahcClient::with_factory(|| isahc::HttpClient::builder().proxy(None).build()))
        .only("idle_for_three_seconds")
        .run()
        .assert_passed();
}

#[test]
fn a_custom_clients_timeout_is_removed() {
    let soon = Duration::from_millis(100);
    let client = IsahcClient::with_factory(move || {
        let builder = IsahcClient::defaults().timeout(soon);
        builder.low_speed_timeout(1, Duration::from_secs(1)).build()
    });
    let server = RawServer::start();
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    start(SystemTimer.sleep(20 * soon)).wait();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(read(sending.response()).unwrap(), "ok");
}
