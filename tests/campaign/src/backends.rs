//! The HTTP libraries that the campaign uses.

use std::sync::Arc;

use b2kit::HttpClient;
use b2kit::backend::hyper::HyperClient;
use b2kit::backend::isahc::IsahcClient;
use b2kit::backend::reqwest::ReqwestClient;

pub fn hyper() -> Arc<dyn HttpClient> {
    Arc::new(HyperClient::new().unwrap())
}

pub fn isahc() -> Arc<dyn HttpClient> {
    Arc::new(IsahcClient::new())
}

pub fn reqwest() -> Arc<dyn HttpClient> {
    Arc::new(ReqwestClient::new().unwrap())
}
