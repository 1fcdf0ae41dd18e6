//! The peak memory of this process.

/// Prints `VmHWM`, on Linux.
pub(crate) fn print() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("{peak}");
    }
}
