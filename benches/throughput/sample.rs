//! [`Sample`]: what some work took, measured in a process of its own.
//!
//! Within one process for all, the medians of the two arms differed by up to 15 %, now one way and now the other, for as
//! long as the process lived: probably by where its memory lay. With a process for each sample that is evened out, too.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::runtime;

use crate::Failure;
use crate::meter;

/// The argument that makes this program a sample. After it comes what the sample is of.
pub(crate) const ARGUMENT: &str = "--sample";

/// What a load took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    /// Of all threads, in user space and in the kernel; `None` where the system doesn't tell.
    pub(crate) cpu: Option<Duration>,
    /// The most memory that was resident at any time, in bytes; `None` where the system doesn't tell.
    pub(crate) peak: Option<u64>,
}

impl Sample {
    /// Starts a process that is this sample.
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

/// Is the process that a sample is taken in: does the work, which tells what the part of it took that counts.
pub(crate) fn be_taken(
    work: impl Future<Output = Result<(Duration, Option<Duration>), Failure>>,
) -> Result<(), Failure> {
    settle_the_allocator();
    // A thread for everything: the time it takes and the CPU time it takes are then nearly one, and with the server's
    // process there is no more to run than two cores can.
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

/// glibc gives the end of the heap back to the system whenever 128 KiB are free there, until the program has freed one
/// larger piece of memory. Chunks of that size meet the limit or miss it by chance, which would make more of a difference
/// than all that is measured here.
fn settle_the_allocator() {
    drop(std::hint::black_box(vec![0_u8; 4 << 20]));
}
