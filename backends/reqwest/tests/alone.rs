//! What wants a process to itself.

use b2kit_conformance::Suite;
use b2kit_reqwest::ReqwestClient;

fn suite() -> Suite {
    Suite::new(|| ReqwestClient::new().unwrap())
}

/// `B2KIT_LARGE_MIB` says how large, and is 1024 otherwise.
#[test]
#[ignore = "it takes time, and looks at the memory of the process"]
fn large_bodies_take_no_memory() {
    let mebibytes = std::env::var("B2KIT_LARGE_MIB").map_or(1024, |size| size.parse().unwrap());
    suite().large_bodies(mebibytes << 20);
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    Suite::behind_dead_proxies("a_request_goes_straight_to_its_server");
}

#[test]
#[ignore = "the test above runs it"]
fn a_request_goes_straight_to_its_server() {
    let report = suite().only("a_plain_target_arrives").run();
    report.assert_passed();
}
