//! [`Output`]: buffered standard output, whose reader may close it.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

/// Buffered standard output.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Flushes it.
    pub(crate) fn done(mut self) -> io::Result<ExitCode> {
        self.0.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a JSON object on a line of its own.
pub(crate) fn json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
