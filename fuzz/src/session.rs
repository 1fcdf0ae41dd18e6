//! Exported sessions: a restored session exports to the same, and prints no token.

use b2kit::Session;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let session = match Session::restore(text) {
        Ok(session) => session,
        Err(error) => {
            // If the text is long enough to be a secret, no error repeats it.
            assert!(text.len() < 24 || !error.to_string().contains(text));
            return;
        }
    };
    let exported = session.export();
    let again = Session::restore(exported.expose()).expect("what was exported");
    assert_eq!(again.export().expose(), exported.expose());
    assert_eq!(again.account_id(), session.account_id());
    assert_eq!(again.allowed(), session.allowed());
    assert_eq!(
        again.application_key_expiration_timestamp(),
        session.application_key_expiration_timestamp()
    );
    let document: serde_json::Value = serde_json::from_str(exported.expose()).expect("JSON");
    let token = document["secretAuthorizationToken"]
        .as_str()
        .expect("a text");
    let shown = format!("{session:?}");
    let is_word = text.matches(token).count() > 1 || "Session [redacted]".contains(token);
    assert!(
        token.len() < 8 || is_word || !shown.contains(token),
        "{shown}"
    );
}
