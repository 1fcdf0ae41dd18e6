//! [`Sample`]: one measurement, taken in a process of its own.
//!
//! Within a single process, the medians of the contenders differ by up to 15 % in either direction for the whole life
//! of the process, probably by its memory layout. A process for each sample averages that out.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::runtime;

use crate::Failure;
use crate::meter;

/// The argument that makes this program a sample, followed by the contender and its load.
pub(crate) const ARGUMENT: &str = "--sample";

/// The result of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    /// The CPU time of all threads, in user space and in the kernel; `None` if the system doesn't report it.
    pub(crate) cpu: Option<Duration>,
    /// The peak resident memory in bytes; `None` if the system doesn't report it.
    pub(crate) peak: Option<u64>,
}

impl Sample {
    /// Takes the sample in a new process.
    pub(crate) fn take(what: &[&str]) -> Result<Self, Failure> {
        let output = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .args(what)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{}: {}", what.join(" "), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
        let mut next = || numbers.next().ok_or("the sample says too little");
        Ok(Self {
            wall: Duration::from_nanos(next()?.ok_or("the sample has no time")?),
            cpu: next()?.map(Duration::from_nanos),
            peak: next()?,
        })
    }
}

/// The main function of a sample's process: does the work, which measures its relevant part.
pub(crate) fn run_sample(
    work: impl Future<Output = Result<(Duration, Option<Duration>), Failure>>,
) -> Result<(), Failure> {
    fix_allocator_threshold();
    // One thread for everything, so that wall time and CPU time are nearly equal, and client and server together need
    // no more than two cores.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (wall, cpu) = runtime.block_on(work)?;
    let word = |number: Option<u128>| number.map_or_else(|| "?".to_owned(), |n| n.to_string());
    println!(
        "{} {} {}",
        wall.as_nanos(),
        word(cpu.map(|cpu| cpu.as_nanos())),
        word(meter::peak_resident_memory().map(u128::from))
    );
    Ok(())
}

/// Frees a large allocation. Until a program has done so, glibc returns the top of the heap to the system whenever 128
/// KiB are free there, which chunks of that size trigger at random: a larger effect than any measured here.
fn fix_allocator_threshold() {
    drop(std::hint::black_box(vec![0_u8; 4 << 20]));
}
