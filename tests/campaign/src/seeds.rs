//! Seeds of random scenarios.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `scenario` with the seeds from 0 to `count` (`B2KIT_SEEDS` overrides the count, `B2KIT_SEED` selects one), and
/// prints the seed of a failure. Returns the number of seeds.
pub fn for_seeds(count: u64, scenario: impl Fn(u64)) -> u64 {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("B2KIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("B2KIT_SEEDS").unwrap_or(count),
    };
    let ran = seeds.end - seeds.start;
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(seed))) {
            eprintln!("failed with seed {seed}: B2KIT_SEED={seed} repeats it");
            resume_unwind(panic);
        }
    }
    ran
}
