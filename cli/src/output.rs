//! Standard output, which may have a slow reader, or none.

use std::io::{self, BufWriter, Stdout, StdoutLock, Write};
use std::process::ExitCode;

use anyhow::Result;
use blocking::Unblock;
use serde::Serialize;

/// Buffered standard output.
pub(crate) fn output() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Standard output, written by a thread, so that a reader may be 1 MiB behind before transfers wait for it.
///
/// Once a write has failed it takes no more bytes, and a flush returns the error.
pub(crate) fn threaded_output() -> Unblock<Stdout> {
    Unblock::with_capacity(1 << 20, io::stdout())
}

/// Writes what is buffered, and is the exit status of success. Errors that come late are errors all the same.
pub(crate) fn done(mut out: impl Write) -> Result<ExitCode> {
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The exit status of a command that ran to its end.
pub(crate) fn status(is_complete: bool) -> ExitCode {
    ExitCode::from(u8::from(!is_complete))
}

/// One JSON object, on a line of its own.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// Prints an error of a command without a progress bar. Standard error may be closed.
pub(crate) fn print_error(error: &str) {
    let _ = writeln!(io::stderr(), "error: {}", escape(error));
}

/// Escapes control characters, so that a file name can't move the cursor or change the terminal's settings.
pub(crate) fn escape(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_is_kept() {
        assert_eq!(escape("a\x1b[2Jb\nc\u{9b}ü"), "a\\u{1b}[2Jb\\nc\\u{9b}ü");
    }
}
