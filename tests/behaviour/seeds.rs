//! Scenarios that chance decides, each repeated by its seed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs the scenario with each seed, and says which one it was that failed. `B2KIT_SEED=17 cargo test NAME` runs that one
/// alone.
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
