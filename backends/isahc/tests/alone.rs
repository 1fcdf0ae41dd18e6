//! What wants a process to itself.

use b2kit_isahc::IsahcClient;

b2kit_conformance::alone!(
    IsahcClient::new,
    [b2kit_conformance::Limit::BlursExhaustion]
);
