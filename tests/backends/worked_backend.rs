//! The complete backend in b2kit-core's documentation, in cases of the suite that every backend passes. It does not
//! reuse connections and has no TLS, so it can't pass the others.

use std::time::Duration;

use b2kit_conformance::Suite;

use threaded::ThreadedClient;

#[path = "../../backends/core/examples/threaded.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "an example has a `main`, and nobody to call it here"
)]
mod threaded;

#[test]
fn the_worked_backend_sends_the_length_of_every_body() {
    for case in [
        "a_body_is_sent_with_its_length_and_never_chunked",
        "an_empty_body_has_a_length",
        "a_body_of_one_byte_arrives",
        "a_get_has_no_body",
        "it_works_with_block_on",
    ] {
        let client = || ThreadedClient {
            connect_timeout: Duration::from_secs(10),
        };
        Suite::new(client).only(case).run().assert_passed();
    }
}
