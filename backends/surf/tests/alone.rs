//! What wants a process to itself.

use b2kit_surf::SurfClient;

b2kit_conformance::alone!(SurfClient::new, [b2kit_conformance::Limit::BlursExhaustion]);
