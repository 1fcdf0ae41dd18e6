//! What wants a process to itself.

use b2kit_reqwest::ReqwestClient;

b2kit_conformance::alone!(|| ReqwestClient::new().unwrap());
