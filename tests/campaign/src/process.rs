//! The memory of the process, and its output.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use b2kit::Error;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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

    /// Captures what another program has printed.
    pub fn text(&self, text: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(text);
    }

    /// The secrets that it contains, in any of the usual encodings.
    pub fn secrets(&self, secrets: &BTreeSet<String>) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        let long = secrets.iter().filter(|secret| secret.len() >= 8);
        long.filter(|secret| traces(secret).iter().any(|trace| text.contains(trace)))
            .cloned()
            .collect()
    }
}

/// Encodings in which a text may repeat a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Raw,
    Percent,
    Base64,
    Hex,
}

impl Form {
    pub const ALL: [Self; 4] = [Self::Raw, Self::Percent, Self::Base64, Self::Hex];

    pub fn of(self, secret: &str) -> String {
        match self {
            Self::Raw => secret.to_owned(),
            Self::Percent => secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            Self::Base64 => BASE64_STANDARD.encode(secret),
            Self::Hex => secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// What a text contains that shows a secret, or as much of its beginning or end as is left when the text is cut.
fn traces(secret: &str) -> Vec<String> {
    /// More than two texts have in common by chance, or two tokens of an account at their beginnings.
    const SHORTEST: usize = 30;
    let mut forms: Vec<String> = Form::ALL.map(|form| form.of(secret)).to_vec();
    forms.push(Form::Hex.of(secret).to_uppercase());
    let escaped = |c: char, code: &str| secret.replace(c, code);
    forms.extend([
        escaped('=', "%3D"),
        escaped('/', "%2F"),
        escaped('+', "%2B"),
    ]);
    for lead in ["", "x", "xx"] {
        // Without the characters that depend on what surrounds it.
        let encoded = BASE64_STANDARD.encode(format!("{lead}{secret}"));
        let whole = encoded.trim_end_matches('=');
        let core = &whole[if lead.is_empty() { 0 } else { 4 }..whole.len() - 2];
        forms.push(core.to_owned());
        forms.push(core.replace('+', "-").replace('/', "_"));
    }
    let mut traces = Vec::new();
    for form in forms {
        if form.len() > SHORTEST {
            traces.push(form[..SHORTEST].to_owned());
            traces.push(form[form.len() - SHORTEST..].to_owned());
        } else {
            traces.push(form);
        }
    }
    traces
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The check of the campaign's outputs would pass if it found nothing.
    #[test]
    fn a_secret_is_found_in_each_form_and_when_it_is_cut() {
        let secret = "K004+zXy/qwErtY123uiOpAsD0123456789=";
        let secrets = BTreeSet::from([secret.to_owned()]);
        let mut texts: Vec<String> = Form::ALL.map(|form| form.of(secret)).to_vec();
        for lead in ["a", "bc", "def", "key-id:"] {
            texts.push(Form::Base64.of(&format!("{lead}{secret}:tail")));
        }
        for form in Form::ALL {
            texts.push(form.of(secret)[..32].to_owned());
        }
        for text in texts {
            let output = CapturedOutput::default();
            output.text(format!("before {text} after").as_bytes());
            assert_eq!(output.secrets(&secrets).len(), 1, "{text}");
        }
        let output = CapturedOutput::default();
        output.text(b"before K004 after");
        assert!(output.secrets(&secrets).is_empty());
    }
}
