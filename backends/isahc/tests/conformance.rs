//! The isahc backend in the suite that all backends pass.

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
