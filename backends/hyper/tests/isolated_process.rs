//! Tests that need a process of their own.

use b2kit_hyper::HyperClient;

b2kit_conformance::isolated_process_tests!(|| HyperClient::builder()
    .dedicated_runtime()
    .build()
    .unwrap());
