//! The reqwest backend in the suite that all backends pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::Arc;

use b2kit_conformance::{Limit, Suite};
use b2kit_reqwest::ReqwestClient;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

fn trusting(pem: &str) -> ReqwestClient {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ReqwestClient::defaults().tls_backend_preconfigured(tls);
    ReqwestClient::from_client(client.build().unwrap()).unwrap()
}

#[test]
fn it_conforms() {
    Suite::new(|| ReqwestClient::new().unwrap())
        .trusting(trusting)
        .limit(Limit::RefusesTargets)
        .limit(Limit::AddsAccept)
        .limit(Limit::LingersWhereServerStopsReading)
        .run()
        .assert_passed();
}
