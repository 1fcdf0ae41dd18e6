//! The hyper backend in the suite that all backends pass.

use b2kit_conformance::Suite;
use b2kit_hyper::{Builder, HyperClient};

fn builder() -> Builder {
    HyperClient::builder().own_runtime()
}

fn trusting(pem: &str) -> HyperClient {
    let builder = builder().without_default_roots();
    builder.root_certificates_pem(pem).build().unwrap()
}

#[test]
fn it_conforms() {
    Suite::new(|| builder().build().unwrap())
        .trusting(trusting)
        .run()
        .assert_passed();
}
