//! Resume tokens: a parsed token formats to the same, and anything else is refused.

use b2kit::transfer::ResumeToken;
use serde::de::IgnoredAny;
use serde_json::Value;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let written = ResumeToken::new(text).to_string();
    if written.len() <= 4_096 {
        assert_eq!(
            written.parse::<ResumeToken>().expect("what was written"),
            ResumeToken::new(text)
        );
    }
    let Ok(token) = text.parse::<ResumeToken>() else {
        return;
    };
    let _: IgnoredAny = serde_json::from_str(text).expect("a token is JSON");
    // A number in a field that is ignored may be too large for a `Value`.
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        // An array of the fields is not a token, nor is one of another version.
        assert_eq!(document["b2kit-resume"], 1);
        let id = document["fileId"].as_str().expect("the id is a text");
        assert_eq!(token, ResumeToken::new(id));
    }
    assert_eq!(
        token
            .to_string()
            .parse::<ResumeToken>()
            .expect("what was written"),
        token
    );
}
