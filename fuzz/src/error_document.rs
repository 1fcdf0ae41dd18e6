//! Error documents: whatever is accepted as B2's error is one, and parses to the same after it is written again.

use b2kit::api::Reply;
use b2kit::fuzzing::error_document;
use b2kit::http::{Response, StatusCode};
use serde_json::{Value, json};

/// Two bytes of the status, one that says whether the request was a `HEAD`, and the body.
pub fn run(data: &[u8]) {
    let [high, low, head, body @ ..] = data else {
        return;
    };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 900;
    let to_head = head & 1 == 1;
    match error_document(&reply(status, body), to_head) {
        Ok(error) => {
            assert!(status >= 400 && error.status == status);
            if body.is_empty() || error.code.is_empty() {
                assert!(to_head && error.code.is_empty() && error.message.is_empty());
                return;
            }
            assert!(error.code.len() <= 64 && error.code.is_ascii());
            let written = json!({"code": error.code, "message": error.message, "status": status});
            let again = error_document(&reply(status, written.to_string().as_bytes()), false);
            let again = again.expect("what was written");
            assert_eq!((again.code, again.message), (error.code, error.message));
        }
        Err(other) => {
            assert_eq!(other.status, status);
            assert!(other.body_start.len() <= 3 * body.len());
            if status < 300 {
                assert_eq!(other.body_start, "");
            }
            assert!(
                !is_simple_error(body, status),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }
}

fn reply(status: u16, body: &[u8]) -> Reply {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).expect("it is between 100 and 999");
    Reply::whole(response.into_parts().0, body.to_vec().into())
}

/// Whether this is certainly a valid error document.
fn is_simple_error(body: &[u8], status: u16) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_slice(body) else {
        return false;
    };
    let code = document.get("code").and_then(Value::as_str);
    let is_code = |code: &str| {
        !code.is_empty()
            && code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    status >= 400
        && document.get("status").is_some_and(|found| found.as_u64() == Some(status.into()))
        && code.is_some_and(is_code)
        && document.get("message").is_some_and(Value::is_string)
        // Duplicate fields are refused.
        && ["\"code\"", "\"message\"", "\"status\"", "\\u"].iter().all(|field| {
            String::from_utf8_lossy(body).matches(field).count() == usize::from(*field != "\\u")
        })
}
