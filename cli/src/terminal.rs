//! [`Terminal`]: progress, warnings and errors, all on standard error. Progress bars appear only if that is a terminal.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Error, Result};
use b2kit::transfer::{Progress, Stage};
use indicatif::{
    DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle,
};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::output::escape;

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
    /// From now on it also prints the library's log: retries and their reasons.
    pub(crate) fn begin(quiet: bool, verbose: bool) -> Self {
        let bars = MultiProgress::new();
        if quiet {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let terminal = Self { bars, quiet };
        let level = match (quiet, verbose) {
            (true, _) => LevelFilter::ERROR,
            (_, true) => LevelFilter::DEBUG,
            _ => LevelFilter::WARN,
        };
        let log = tracing_subscriber::registry().with(level);
        // It fails only if there is a log already, which this program never sets up.
        let _ = log.with(terminal.clone()).try_init();
        terminal
    }

    /// Prints a line, unless `--quiet` is given.
    pub(crate) fn info(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.line(&text.to_string());
        }
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

    /// A line with the progress of a command, which is removed when it is dropped.
    pub(crate) fn bar(&self, template: &str) -> ProgressBar {
        let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
        self.bars.add(bar.with_style(style(template)))
    }

    /// Awaits a transfer, shows its progress, and prints a summary at the end.
    pub(crate) async fn transfer<T, E: Into<Error>>(
        &self,
        name: &str,
        progress: &Progress,
        transfer: impl IntoFuture<Output = Result<T, E>>,
    ) -> Result<()> {
        let bar = self.bar(OF_UNKNOWN_LENGTH);
        let mut transfer = Box::pin(transfer.into_future());
        let outcome = loop {
            if let Ok(outcome) = tokio::time::timeout(TICK, &mut transfer).await {
                break outcome;
            }
            let now = progress.now();
            if now.total_bytes.is_some() {
                bar.set_style(style(OF_KNOWN_LENGTH));
            }
            let (verb, bytes) = match now.stage {
                Stage::Hashing => ("hashing ", now.hashed_bytes),
                _ => ("", now.bytes),
            };
            show(&bar, format_args!("{verb}{name}"), bytes, now.total_bytes);
        };
        let millis = bar.elapsed().as_millis().max(1);
        drop(bar);
        outcome.map_err(Into::into)?;
        let now = progress.now();
        let per_second = u64::try_from(u128::from(now.bytes) * 1_000 / millis).unwrap_or(u64::MAX);
        let (size, speed) = (DecimalBytes(now.bytes), DecimalBytes(per_second));
        let retries = match now.retries {
            0 => String::new(),
            retries => format!("  {retries} retries"),
        };
        self.info(format!("{name}  {size}  {speed}/s{retries}"));
        Ok(())
    }
}

/// Shows the progress in a bar.
pub(crate) fn show(bar: &ProgressBar, text: impl fmt::Display, bytes: u64, total: Option<u64>) {
    bar.set_message(escape(&text.to_string()));
    bar.set_position(bytes);
    if let Some(total) = total {
        bar.set_length(total);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template")
}

impl<S: Subscriber> Layer<S> for Terminal {
    /// Prints only an event's message, which already contains the values of its fields.
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = event.metadata().level();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
            if field.name() == "message" {
                self.line(&format!("{level} {value:?}"));
            }
        });
    }
}
