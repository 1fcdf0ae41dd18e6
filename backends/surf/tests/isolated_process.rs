//! Tests that need a process of their own.

use b2kit_surf::SurfClient;

b2kit_conformance::isolated_process_tests!(
    SurfClient::new,
    [b2kit_conformance::Limit::MisreportsExhaustion]
);
