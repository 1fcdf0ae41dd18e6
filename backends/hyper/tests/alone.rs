//! What wants a process to itself.

use b2kit_hyper::HyperClient;

b2kit_conformance::alone!(|| HyperClient::builder().dedicated_runtime().build().unwrap());
