//! [`Meter`]: time, CPU time and memory of this process.

use std::time::{Duration, Instant};

/// Runs from [`start`](Self::start) to [`stop`](Self::stop).
pub(crate) struct Meter {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            cpu: cpu(),
            wall: now(),
        }
    }

    /// The time, and the CPU time of all threads, in user space and in the kernel.
    pub(crate) fn stop(self) -> (Duration, Option<Duration>) {
        let wall = now() - self.wall;
        (wall, cpu().zip(self.cpu).map(|(now, then)| now - then))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]
fn now() -> Instant {
    Instant::now()
}

/// The CPU time so far, with a finer resolution than the hundredths of a second in `/proc/self/stat`.
#[cfg(unix)]
fn cpu() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ProcessCPUTime).try_into().ok()
}

#[cfg(not(unix))]
const fn cpu() -> Option<Duration> {
    None
}

/// The peak resident memory of this process in bytes; `None` except on Linux.
pub(crate) fn peak_resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
