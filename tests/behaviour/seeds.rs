//! Random scenarios, reproducible by seed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs a scenario with each seed, and prints the one that fails. `B2KIT_SEED=17 cargo test NAME` runs a single seed.
pub(crate) fn for_seeds(seeds: Range<u64>, scenario: impl Fn(u64)) {
    let alone = std::env::var("B2KIT_SEED").ok();
    let seeds = alone.map_or(seeds, |seed| {
        let seed = seed.parse().unwrap();
        seed..seed + 1
    });
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(seed))) {
            eprintln!("it was seed {seed}: B2KIT_SEED={seed} repeats it");
            resume_unwind(panic);
        }
    }
}
