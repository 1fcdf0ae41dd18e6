//! The surf backend in the suite that all backends pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::io::Write as _;
use std::sync::Arc;

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

/// What surf can't do, in addition to libcurl's limits.
const LIMITS: [Limit; 6] = [
    Limit::RefusesRepeatedHeaders,
    Limit::RefusesHead,
    Limit::RejectsUnknownStatuses,
    Limit::AddsContentType,
    Limit::AddsExpect,
    Limit::ConflatesConnectTimeouts,
];

#[test]
fn the_conformance_suite_passes() {
    Suite::new(SurfClient::new)
        .trusting(trusting)
        .limits(Limit::OF_LIBCURL)
        .limits(LIMITS)
        .run()
        .assert_passed();
}

/// One client of surf for all exchanges.
#[test]
fn one_client_for_all_exchanges_passes_with_more_limits() {
    let client = |builder: HttpClientBuilder| {
        let client = IsahcClient::from_client(builder.build().unwrap());
        SurfClient::from_client(surf::Client::with_http_client(client))
    };
    Suite::new(move || client(SurfClient::defaults()))
        .trusting(move |pem| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(pem.as_bytes()).unwrap();
            // It is read with each connection.
            let (_, path) = file.keep().unwrap();
            let root = CaCertificate::file(path);
            client(SurfClient::defaults().ssl_ca_certificate(root))
        })
        .limits(Limit::OF_LIBCURL)
        .limits(Limit::OF_ONE_CLIENT_OVER_LIBCURL)
        .limits(LIMITS)
        .run()
        .assert_passed();
}
