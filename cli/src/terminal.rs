//! [`Terminal`]: progress, warnings and errors, all on standard error. Progress bars appear only if that is a terminal.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use anyhow::{Error, Result};
use b2kit::transfer::{Progress, ProgressNow, Stage};
use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::Level;
use tracing::field::Field;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::escape::escape;

/// How often progress bars are updated.
pub(crate) const TICK: Duration = Duration::from_millis(100);

const OF_KNOWN_LENGTH: &str = "{wide_msg} {bar:20} {decimal_bytes:>10} of \
                               {decimal_total_bytes:<10} {decimal_bytes_per_sec:>12} {eta:>4}";
const OF_UNKNOWN_LENGTH: &str =
    "{wide_msg} {spinner} {decimal_bytes:>10} {decimal_bytes_per_sec:>12}";
pub(crate) const OF_A_SYNC: &str = "{spinner} {msg}, {decimal_bytes_per_sec}, {eta} left";

#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    bars: MultiProgress,
    quiet: bool,
}

impl Terminal {
    /// Also installs a `tracing` subscriber, which prints the library's warnings: retries and their reasons.
    pub(crate) fn begin(quiet: bool, verbose: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        let target = match live {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let terminal = Self {
            bars: MultiProgress::with_draw_target(target),
            quiet,
        };
        let level = match (quiet, verbose) {
            (true, _) => Level::ERROR,
            (_, true) => Level::DEBUG,
            _ => Level::WARN,
        };
        let log = terminal.clone();
        // It fails only if there is one already, which this program never sets.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(debug_fn(message_only))
            .with_writer(move || LogWriter(log.clone()))
            .try_init();
        terminal
    }

    /// Prints a line, unless `--quiet` is given.
    pub(crate) fn info(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// A line with the progress of a command.
    pub(crate) fn bar(&self, template: &str) -> Bar {
        let bar = Bar(self.bars.add(ProgressBar::no_length()));
        bar.style(template);
        bar
    }

    /// Prints an error with its chain of causes, in one line.
    pub(crate) fn error(&self, error: impl fmt::Display) {
        self.line(&format!("error: {error:#}"));
    }

    /// Prints a line above the progress bars.
    fn line(&self, text: &str) {
        let text = escape(text);
        // Standard error may be closed.
        self.bars.suspend(|| drop(writeln!(io::stderr(), "{text}")));
    }

    /// Awaits a transfer, shows its progress, and prints a summary at the end.
    pub(crate) async fn transfer<T, E: Into<Error>>(
        &self,
        name: &str,
        progress: &Progress,
        transfer: impl IntoFuture<Output = Result<T, E>>,
    ) -> Result<T> {
        let bar = self.bar(OF_UNKNOWN_LENGTH);
        let mut transfer = Box::pin(transfer.into_future());
        let outcome = loop {
            if let Ok(outcome) = tokio::time::timeout(TICK, &mut transfer).await {
                break outcome;
            }
            let now = progress.now();
            if now.total_bytes.is_some() {
                bar.style(OF_KNOWN_LENGTH);
            }
            match now.stage {
                Stage::Hashing => {
                    bar.show(format!("hashing {name}"), now.hashed_bytes, now.total_bytes)
                }
                _ => bar.show(name, now.bytes, now.total_bytes),
            }
        };
        let elapsed = bar.0.elapsed();
        drop(bar);
        let done = outcome.map_err(Into::into)?;
        self.info(&summary(name, progress.now(), elapsed));
        Ok(done)
    }
}

/// A line with the progress, which is removed when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    fn style(&self, template: &str) {
        let style = ProgressStyle::with_template(template);
        self.0.set_style(style.expect("a constant template"));
    }

    pub(crate) fn show(&self, text: impl fmt::Display, bytes: u64, total_bytes: Option<u64>) {
        self.0.set_message(escape(&text.to_string()));
        self.0.set_position(bytes);
        if let Some(total) = total_bytes {
            self.0.set_length(total);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn summary(name: &str, now: ProgressNow, elapsed: Duration) -> String {
    let size = DecimalBytes(now.bytes);
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let speed = DecimalBytes(now.bytes.saturating_mul(1_000) / millis);
    let retries = match now.retries {
        0 => String::new(),
        retries => format!("  {retries} retries"),
    };
    format!("{name}  {size}  {speed}/s{retries}")
}

/// Prints only an event's message, which already contains the values of its fields.
fn message_only(to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(to, "{value:?}"),
        _ => Ok(()),
    }
}

/// The library's log goes through [`Terminal::line`].
struct LogWriter(Terminal);

impl Write for LogWriter {
    /// `tracing_subscriber` writes each event in one call, with a line feed.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.line(String::from_utf8_lossy(event).trim());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
