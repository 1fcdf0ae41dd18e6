//! Tests that need a process of their own.

use b2kit_isahc::IsahcClient;

b2kit_conformance::isolated_process_tests!(
    IsahcClient::new,
    [b2kit_conformance::Limit::MisreportsExhaustion]
);
