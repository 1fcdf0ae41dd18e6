//! [`Shown`]: what there is to see, all of it on standard error: bars where that is a terminal, a line for each file,
//! warnings, errors.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use b2kit::transfer::{Progress, ProgressNow, Stage};
use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::Level;
use tracing::field::Field;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::Failure;

/// How often a bar is brought up to date.
pub(crate) const TICK: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub(crate) struct Shown {
    bars: MultiProgress,
    quiet: bool,
}

impl Shown {
    /// From here on, what the library warns of is shown too: that it tries again, and why.
    pub(crate) fn begin(quiet: bool, verbose: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let shown = Self {
            bars: MultiProgress::with_draw_target(target),
            quiet,
        };
        let level = match (quiet, verbose) {
            (true, _) => Level::ERROR,
            (_, true) => Level::DEBUG,
            _ => Level::WARN,
        };
        // Nobody else in this program sets one.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(debug_fn(message_only))
            .with_writer(shown.clone())
            .try_init();
        shown
    }

    /// What is only good to know.
    pub(crate) fn word(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// A line that changes, for as long as a command runs.
    pub(crate) fn bar(&self) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::no_length());
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("it is ours"));
        bar
    }

    pub(crate) fn error(&self, error: &(dyn StdError + 'static)) {
        self.line(&format!("error: {}", with_sources(error)));
    }

    /// Above the bars.
    fn line(&self, text: &str) {
        let text = harmless(text);
        // Nobody may be there to read it.
        self.bars.suspend(|| drop(writeln!(io::stderr(), "{text}")));
    }

    /// Awaits a transfer and shows how far it is, and a line when it is over.
    pub(crate) async fn transfer<T, E>(
        &self,
        name: &str,
        progress: &Progress,
        transfer: impl IntoFuture<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
    {
        let bar = self.bars.add(ProgressBar::no_length());
        let cleared = Cleared(&bar);
        bar.set_style(style(false));
        bar.set_message(harmless(name));
        let mut transfer = Box::pin(transfer.into_future());
        let outcome = loop {
            if let Ok(outcome) = tokio::time::timeout(TICK, &mut transfer).await {
                break outcome;
            }
            advance(&bar, progress.now());
        };
        let elapsed = bar.elapsed();
        drop(cleared);
        let done = outcome.map_err(Into::into)?;
        self.word(&summary(name, progress.now(), elapsed));
        Ok(done)
    }
}

/// Takes the bar away however the transfer ends.
struct Cleared<'a>(&'a ProgressBar);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn advance(bar: &ProgressBar, now: ProgressNow) {
    if let Some(total) = now.total_bytes.filter(|_| bar.length().is_none()) {
        bar.set_length(total);
        bar.set_style(style(true));
    }
    bar.set_prefix(match now.stage {
        Stage::Hashing => "hashing ",
        _ => "",
    });
    bar.set_position(match now.stage {
        Stage::Hashing => now.hashed_bytes,
        _ => now.bytes,
    });
}

fn style(length_is_known: bool) -> ProgressStyle {
    let template = if length_is_known {
        "{prefix}{wide_msg} {bar:20} {decimal_bytes:>10} of {decimal_total_bytes:<10} {decimal_bytes_per_sec:>12} {eta:>4}"
    } else {
        "{wide_msg} {spinner} {decimal_bytes:>10} {decimal_bytes_per_sec:>12}"
    };
    ProgressStyle::with_template(template).expect("the template is ours")
}

fn summary(name: &str, now: ProgressNow, elapsed: Duration) -> String {
    let size = DecimalBytes(now.bytes);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "for people"
    )]
    let speed = DecimalBytes((now.bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64);
    let retries = match now.retries {
        0 => String::new(),
        retries => format!("  {retries} times sent or fetched again"),
    };
    format!("{name}  {size}  {speed}/s{retries}")
}

/// An error and all that lies beneath it, in one line.
fn with_sources(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(beneath) = source {
        line.push_str(": ");
        line.push_str(&beneath.to_string());
        source = beneath.source();
    }
    line
}

/// A name may hold what a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// An event's message says all that its fields say.
fn message_only(to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(to, "{value:?}"),
        _ => Ok(()),
    }
}

/// Takes the lines of what the library tells.
impl<'a> MakeWriter<'a> for Shown {
    type Writer = Told<'a>;

    fn make_writer(&'a self) -> Told<'a> {
        Told(self)
    }
}

pub(crate) struct Told<'a>(&'a Shown);

impl Write for Told<'_> {
    /// An event is written at once, with its end of line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.line(String::from_utf8_lossy(event).trim());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(harmless("a\x1b[2Jb\nc\u{9b}ü"), "a\\u{1b}[2Jb\\nc\\u{9b}ü");
    }

    #[test]
    fn an_error_is_told_with_what_lies_beneath_it() {
        #[derive(Debug)]
        struct Above(io::Error);
        impl std::fmt::Display for Above {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("it failed")
            }
        }
        impl StdError for Above {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let error = Above(io::Error::other("no disk"));
        assert_eq!(with_sources(&error), "it failed: no disk");
    }
}
