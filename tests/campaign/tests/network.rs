//! Uploads, downloads, listings, copies and deletes over a network that delays, cuts off, half-closes, flips bits,
//! trickles, repeats responses, and responds in B2's place.

use std::sync::Arc;

use b2kit::HttpClient;
use b2kit_campaign::backends;
use b2kit_campaign::seeds::for_seeds;
use b2kit_campaign::workload::{Outcome, run};

fn through(name: &str, make: fn() -> Arc<dyn HttpClient>, seeds: u64) {
    let total = std::cell::RefCell::new(Outcome::default());
    let ran = for_seeds(seeds, |seed| {
        // A seed determines the same workload for each library, on a network of its own.
        let outcome = run(make(), seed, [5, 15, 30][seed as usize % 3], 14);
        total.borrow_mut().add(&outcome);
    });
    let total = total.into_inner();
    eprintln!(
        "{name}: {ran} seeds, {} exchanges, {} steps, {} told as failed, {:?}",
        total.exchanges, total.steps, total.failed_steps, total.faults
    );
    assert!(
        total.failed_steps * 2 < total.steps.max(1),
        "most steps failed: {total:?}"
    );
}

#[test]
fn hyper_over_a_hostile_network_agrees_with_b2() {
    through("hyper", backends::hyper, 12);
}

#[test]
fn reqwest_over_a_hostile_network_agrees_with_b2() {
    through("reqwest", backends::reqwest, 12);
}

#[test]
fn isahc_over_a_hostile_network_agrees_with_b2() {
    through("isahc", backends::isahc, 12);
}

#[test]
#[ignore = "the long form"]
fn each_library_over_a_hostile_network_agrees_with_b2_for_many_seeds() {
    through("hyper", backends::hyper, 400);
    through("reqwest", backends::reqwest, 400);
    through("isahc", backends::isahc, 400);
}
