//! Errors of a client: no secret survives in them, in any form and any surrounding text.

use arbitrary::{Arbitrary, Unstructured};
use b2kit::fuzzing::redacted;
use b2kit::types::Secret;

use crate::secret_forms::{CLIENT_FORMS, SECRETS, find, written};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    secret: u8,
    form: u8,
    before: &'a str,
    after: &'a str,
}

pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    if input.before.len() + input.after.len() > 4_000 {
        return;
    }
    let secrets: Vec<_> = SECRETS.iter().map(|secret| Secret::new(*secret)).collect();
    let secret = SECRETS[usize::from(input.secret) % SECRETS.len()];
    let text = format!(
        "{}{}{}",
        input.before,
        written(secret, input.form % CLIENT_FORMS),
        input.after
    );
    let shown = redacted(&secrets, &text);
    assert!(shown.contains("[redacted]"), "{text:?} became {shown:?}");
    if let Some(form) = find(shown.as_bytes(), secret, CLIENT_FORMS) {
        // Not even the surrounding text may contain a form of the secret: it is redacted as well.
        panic!("{form:?} survives in {shown:?}, of {text:?}");
    }
    // A text without secrets stays unchanged.
    let plain = input.before;
    let is_clean = !redacted(&secrets, plain).contains("[redacted]");
    assert!(!is_clean || redacted(&secrets, plain) == plain);
}
