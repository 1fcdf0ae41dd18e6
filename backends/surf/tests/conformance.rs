//! The surf backend in the suite that all backends pass.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use b2kit_conformance::{Limit, Suite};
use b2kit_surf::SurfClient;
use b2kit_surf::isahc::HttpClientBuilder;
use b2kit_surf::isahc::config::{CaCertificate, Configurable as _};
use http_client::isahc::IsahcClient;

fn trusting(pem: &str) -> SurfClient {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let file = Arc::new(file.into_temp_path());
    SurfClient::over_isahc(move || {
        let root = CaCertificate::file(&*file);
        SurfClient::defaults().ssl_ca_certificate(root).build()
    })
}

/// What surf can't do.
fn suite(suite: Suite) -> Suite {
    suite
        .limit(Limit::RefusesTargets)
        .limit(Limit::RefusesHeaders)
        .limit(Limit::RefusesRepeatedHeaders)
        .limit(Limit::RefusesHead)
        .limit(Limit::KnowsFewStatuses)
        .limit(Limit::AddsContentType)
        .limit(Limit::AddsExpect)
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
    suite(Suite::new(SurfClient::new))
        .trusting(trusting)
        .run()
        .assert_passed();
}

/// One client of surf for all exchanges.
#[test]
fn one_client_for_all_conforms_less() {
    let client = |builder: HttpClientBuilder| {
        let builder = builder.connection_cache_ttl(Duration::from_secs(2));
        let client = IsahcClient::from_client(builder.build().unwrap());
        SurfClient::from_client(surf::Client::with_http_client(client))
    };
    suite(Suite::new(move || client(SurfClient::defaults())))
        .trusting(move |pem| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(pem.as_bytes()).unwrap();
            // It is read with each connection.
            let (_, path) = file.keep().unwrap();
            let root = CaCertificate::file(path);
            client(SurfClient::defaults().ssl_ca_certificate(root))
        })
        .limit(Limit::LingersWhereServerIsSilent)
        .limit(Limit::LingersWhereServerStopsReading)
        .limit(Limit::RepeatsWhatHasNoBody)
        .run()
        .assert_passed();
}
