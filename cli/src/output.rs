//! Standard output, which may have a slow reader, or none.

use std::io::{self, BufWriter, Stdout, StdoutLock, Write};
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};

use anyhow::Result;
use blocking::Unblock;
use futures::{AsyncWrite, AsyncWriteExt as _};
use serde::Serialize;

/// Buffered standard output.
pub(crate) fn output() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Writes what is buffered, and is the exit status of success. Errors that come late are errors all the same.
pub(crate) fn done(mut out: impl Write) -> Result<ExitCode> {
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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

/// Standard output, written by a thread, so that a slow reader does not hold up transfers.
pub(crate) struct ThreadedOutput(Unblock<Stdout>);

impl ThreadedOutput {
    pub(crate) fn new() -> Self {
        Self(Unblock::with_capacity(BEHIND, io::stdout()))
    }
}

impl AsyncWrite for ThreadedOutput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.0).poll_write(cx, bytes))?;
        if written == 0 && !bytes.is_empty() {
            // The thread has ended, and this is its error.
            ready!(self.poll_flush(cx))?;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// JSON objects on standard output.
pub(crate) struct JsonLines {
    out: ThreadedOutput,
    failed: io::Result<()>,
}

impl JsonLines {
    pub(crate) fn begin() -> Self {
        Self {
            out: ThreadedOutput::new(),
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
