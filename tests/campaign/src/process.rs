//! The memory of the process, and its output.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use b2kit::Error;
use tracing_subscriber::fmt::MakeWriter;

/// The peak memory of the process in MiB; `None` where the system doesn't report it.
pub fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

/// Makes the memory that the process has at this moment the most that it has had; whether the system can do that.
pub fn reset_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// All text that a program could print: events and errors.
#[derive(Debug, Clone, Default)]
pub struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

impl CapturedOutput {
    /// Runs `work`, and captures its `tracing` events.
    pub fn capture<T>(&self, work: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, work)
    }

    /// Captures an error in all its formats.
    pub fn error(&self, error: &Error) {
        let mut text = format!("{error}\n{error:?}\n");
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            writeln!(text, "{error}\n{error:?}").unwrap();
            cause = error.source();
        }
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    /// The secrets that it contains, in any of the usual encodings.
    pub fn secrets(&self, secrets: &BTreeSet<String>) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        let forms = |secret: &String| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let urlencoded = secret
                .replace('=', "%3D")
                .replace('/', "%2F")
                .replace('+', "%2B");
            [secret.clone(), hex.to_uppercase(), hex, percent, urlencoded]
        };
        let long = secrets.iter().filter(|secret| secret.len() >= 8);
        long.filter(|secret| forms(secret).iter().any(|form| text.contains(form)))
            .cloned()
            .collect()
    }
}

impl io::Write for CapturedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for CapturedOutput {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
