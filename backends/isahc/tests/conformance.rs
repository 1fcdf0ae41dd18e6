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

#[test]
fn it_conforms() {
    Suite::new(IsahcClient::new)
        .trusting(trusting)
        .limits(Limit::OF_LIBCURL)
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
    Suite::new(move || IsahcClient::from_client(builder().build().unwrap()))
        .trusting(move |pem| {
            let store = TrustStore::builder().certificate_from_pem(pem).build();
            let tls = TlsConfig::builder().trust_store(store).build();
            IsahcClient::from_client(builder().tls_config(tls).build().unwrap())
        })
        .limits(Limit::OF_LIBCURL)
        .limits(Limit::OF_ONE_CLIENT_OVER_LIBCURL)
        .run()
        .assert_passed();
}
