//! Each operation meets each fault, through each HTTP library, and then agrees with B2.

use std::collections::BTreeSet;
use std::sync::Arc;

use b2kit::HttpClient;
use b2kit_campaign::backends;
use b2kit_campaign::fault::Fault;
use b2kit_campaign::operations::Operation;
use b2kit_campaign::workload::Run;
use fastrand::Rng;

/// The cells of the matrix: an operation and a fault that concerns it.
fn cells(seed: u64) -> Vec<(Operation, Fault)> {
    let mut rng = Rng::with_seed(seed);
    let mut cells = Vec::new();
    for operation in Operation::ALL {
        for kind in 0..Fault::KINDS {
            let fault = Fault::of_kind(kind, &mut rng, 40_000);
            if operation.is_concerned(&fault) {
                cells.push((operation, fault));
            }
        }
    }
    cells
}

/// A small selection of cells that covers every operation and every fault.
fn diagonal(seed: u64) -> Vec<(Operation, Fault)> {
    let mut cells = cells(seed);
    Rng::with_seed(seed).shuffle(&mut cells);
    let (mut operations, mut faults) = (BTreeSet::new(), BTreeSet::new());
    cells.retain(|(operation, fault)| {
        let is_new = !operations.contains(operation) || !faults.contains(fault.name());
        operations.insert(*operation);
        faults.insert(fault.name());
        is_new
    });
    cells
}

/// Runs every cell, and asserts that each operation and each fault occurred.
fn strike(name: &str, make: fn() -> Arc<dyn HttpClient>, cells: &[(Operation, Fault)]) {
    let operations: BTreeSet<_> = cells.iter().map(|(operation, _)| operation).collect();
    assert_eq!(operations.len(), Operation::ALL.len());
    let (mut struck, mut failed, mut faults) = (0, 0, BTreeSet::new());
    // A new proxy and emulator every few cells, so that a failure is close to its cause.
    for (seed, few) in cells.chunks(9).enumerate() {
        let mut run = Run::start(make(), seed as u64, 0);
        for (operation, fault) in few {
            eprintln!("{name}: {operation:?}, {fault:?}");
            run.strike(*operation, *fault);
            struck += 1;
        }
        let outcome = run.finish();
        faults.extend(outcome.faults.into_keys());
        failed += outcome.failed_steps;
    }
    assert_eq!(faults.len(), 17, "{faults:?}");
    eprintln!("{name}: {struck} cells of operation and fault, {failed} steps told as failed");
}

#[test]
fn hyper_agrees_with_b2_after_each_fault_and_each_operation() {
    strike("hyper", backends::hyper, &diagonal(1));
}

#[test]
fn reqwest_agrees_with_b2_after_each_fault_and_each_operation() {
    strike("reqwest", backends::reqwest, &diagonal(2));
}

#[test]
fn isahc_agrees_with_b2_after_each_fault_and_each_operation() {
    strike("isahc", backends::isahc, &diagonal(3));
}

#[test]
#[ignore = "the long form"]
fn each_library_agrees_with_b2_after_each_fault_in_each_operation() {
    for seed in 0..2 {
        strike("hyper", backends::hyper, &cells(seed));
        strike("reqwest", backends::reqwest, &cells(seed));
        strike("isahc", backends::isahc, &cells(seed));
    }
}
