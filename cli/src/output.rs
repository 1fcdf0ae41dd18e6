//! Standard output, which may have a slow reader, or none.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;
use std::thread;

use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};
use serde::Serialize;

/// Standard output, in one piece where it is no terminal.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// All is written.
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

/// One JSON object, on a line of its own.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// How many lines a reader may be behind.
const BEHIND: usize = 1_024;

/// JSON objects on standard output, written by a thread, so that a slow reader does not hold up transfers.
pub(crate) struct JsonLines {
    lines: mpsc::Sender<Vec<u8>>,
    written: oneshot::Receiver<io::Result<()>>,
}

impl JsonLines {
    pub(crate) fn begin() -> Self {
        let (lines, mut from) = mpsc::channel::<Vec<u8>>(BEHIND);
        let (tell, written) = oneshot::channel();
        thread::spawn(move || {
            let mut out = Output::new();
            let mut write = || {
                while let Some(line) = block_on(from.next()) {
                    out.write_all(&line)?;
                    while let Ok(line) = from.try_recv() {
                        out.write_all(&line)?;
                    }
                    out.flush()?;
                }
                Ok(())
            };
            tell.send(write())
        });
        Self { lines, written }
    }

    /// Waits while the reader is too far behind. Without a reader it does nothing.
    pub(crate) async fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = Vec::new();
        json(&mut line, value)?;
        let _ = self.lines.send(line).await;
        Ok(())
    }

    /// Waits until all is written.
    pub(crate) async fn done(self) -> io::Result<()> {
        drop(self.lines);
        self.written.await.unwrap_or(Ok(()))
    }
}
