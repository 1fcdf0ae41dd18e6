//! Secrets, and the forms in which a server or a program may write them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Secrets with the formats of B2's, and one of characters that are escaped everywhere.
pub const SECRETS: &[&str] = &[
    "K002canary/Application+Key0001",
    "4_002d2ecanary02a0000000001_01c23dcc_f57902_acct_Canary-3=",
    "3_20261122_canary05+dnld/x=",
    "abcdef0123456789abcdef0123456789",
    "\"quoted\" & <tagged>\\/100%25",
];

pub const FORMS: u8 = 9;
/// All but the last, in which a space is a `+`: the client's secrets have no spaces.
pub const CLIENT_FORMS: u8 = FORMS - 1;

/// The secret in one of the forms.
pub fn written(secret: &str, form: u8) -> String {
    let each = |write: &dyn Fn(&mut String, u8)| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            write(&mut text, byte);
            text
        })
    };
    match form % FORMS {
        0 => secret.to_owned(),
        1 => each(&|text, byte| write!(text, "%{byte:02X}").expect("texts grow")),
        2 => each(&|text, byte| match byte.is_ascii_alphanumeric() {
            true => text.push(char::from(byte)),
            false => write!(text, "%{byte:02x}").expect("texts grow"),
        }),
        3 => each(&|text, byte| write!(text, "{byte:02x}").expect("texts grow")),
        4 => STANDARD.encode(secret),
        5 => URL_SAFE_NO_PAD.encode(secret),
        6 => each(&|text, byte| write!(text, "\\u{byte:04x}").expect("texts grow")),
        7 => serde_json::to_string(secret)
            .expect("a text")
            .trim_matches('"')
            .to_owned(),
        _ => written(secret, 2).replace("%20", "+"),
    }
}

/// The one of the first `forms` in which the secret occurs in a text, if it does.
pub fn find(text: &[u8], secret: &str, forms: u8) -> Option<String> {
    (0..forms).map(|form| written(secret, form)).find(|form| {
        // Padding may be left out.
        let form = form.trim_end_matches('=').as_bytes();
        text.windows(form.len())
            .any(|window| window.eq_ignore_ascii_case(form))
    })
}
