//! The surf backend in the suite that all backends pass.

use std::io::Write as _;
use std::sync::Arc;

use b2kit_conformance::{Limit, Suite};
use b2kit_surf::SurfClient;
use b2kit_surf::isahc::config::{CaCertificate, Configurable as _};

fn trusting(pem: &str) -> SurfClient {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let file = Arc::new(file.into_temp_path());
    SurfClient::over_isahc(move || {
        let root = CaCertificate::file(&*file);
        SurfClient::defaults().ssl_ca_certificate(root).build()
    })
}

#[test]
fn it_conforms() {
    Suite::new(SurfClient::new)
        .trusting(trusting)
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
        .run()
        .assert_passed();
}
