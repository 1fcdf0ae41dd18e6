//! Tests that need a process of their own.

use b2kit_reqwest::ReqwestClient;

b2kit_conformance::isolated_process_tests!(|| ReqwestClient::new().unwrap());
