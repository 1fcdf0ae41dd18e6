//! Standard output, which may have a slow reader, or none.

use std::io::{self, BufWriter, Stdout, StdoutLock, Write};
use std::process::ExitCode;

use blocking::Unblock;
use futures::AsyncWriteExt as _;
use serde::Serialize;

/// Buffered standard output.
pub(crate) type Output = BufWriter<StdoutLock<'static>>;

pub(crate) fn output() -> Output {
    BufWriter::new(io::stdout().lock())
}

/// One JSON object, on a line of its own.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// Prints an error. Standard error may be closed.
pub(crate) fn print_error(what: &str) {
    let _ = writeln!(io::stderr(), "error: {what}");
}

/// The exit status of a command that ran to its end.
pub(crate) fn status(is_complete: bool) -> ExitCode {
    ExitCode::from(u8::from(!is_complete))
}

/// The maximum number of bytes that a reader may be behind.
const BEHIND: usize = 1 << 20;

/// JSON objects on standard output, written by a thread, so that a slow reader does not hold up transfers.
pub(crate) struct JsonLines {
    out: Unblock<Stdout>,
    failed: io::Result<()>,
}

impl JsonLines {
    pub(crate) fn begin() -> Self {
        Self {
            out: Unblock::with_capacity(BEHIND, io::stdout()),
            failed: Ok(()),
        }
    }

    /// Waits while the reader is too far behind. Without a reader it does nothing.
    pub(crate) async fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = Vec::new();
        json(&mut line, value)?;
        if self.failed.is_ok() {
            self.failed = self.out.write_all(&line).await;
        }
        Ok(())
    }

    /// Waits until all is written.
    pub(crate) async fn done(mut self) -> io::Result<()> {
        self.failed?;
        self.out.flush().await
    }
}
