//! The isahc backend in the suite that all backends pass.

use std::time::Duration;

use b2kit_conformance::{Limit, Suite};
use b2kit_isahc::IsahcClient;
use isahc::config::Configurable as _;
use isahc::tls::{TlsConfig, TrustStore};

fn trusting(pem: &str) -> IsahcClient {
    let pem = pem.to_owned();
    IsahcClient::made_by(move || {
        let store = TrustStore::builder().certificate_from_pem(&pem).build();
        let tls = TlsConfig::builder().trust_store(store).build();
        IsahcClient::defaults().tls_config(tls).build()
    })
}

/// What libcurl can't do.
fn suite(suite: Suite) -> Suite {
    suite
        .limit(Limit::RefusesTargets)
        .limit(Limit::RefusesHeaders)
        .limit(Limit::AddsAccept)
        .limit(Limit::RepeatsGet)
        .limit(Limit::HeadComesWithBody)
        .limit(Limit::BlursFailures)
        .limit(Limit::NoticesCloseLate)
        .limit(Limit::TakesOddHeads)
        .limit(Limit::TakesTlsFailuresForConnectFailures)
}

#[test]
fn it_conforms() {
    suite(Suite::new(IsahcClient::new))
        .trusting(trusting)
        .run()
        .assert_passed();
}

/// A client of a user's own, with its own settings, for all exchanges.
#[test]
fn one_client_for_all_conforms_less() {
    let builder = || {
        let builder = isahc::HttpClient::builder().proxy(None);
        builder.connection_cache_ttl(Duration::from_secs(2))
    };
    suite(Suite::new(move || {
        IsahcClient::from_client(builder().build().unwrap())
    }))
    .trusting(move |pem| {
        let store = TrustStore::builder().certificate_from_pem(pem).build();
        let tls = TlsConfig::builder().trust_store(store).build();
        IsahcClient::from_client(builder().tls_config(tls).build().unwrap())
    })
    .limit(Limit::LingersWhereServerIsSilent)
    .limit(Limit::LingersWhereServerStopsReading)
    .limit(Limit::RepeatsWhatHasNoBody)
    .run()
    .assert_passed();
}
