//! Signed notifications: only exactly what was signed is accepted, and an accepted one is the same after it is signed
//! again.

use b2kit::types::Secret;
use b2kit::webhook::{WebhookError, verify};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const SECRET: &str = "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H";

/// One byte is the length of the header, which comes next; the rest is the body.
pub fn run(data: &[u8]) {
    let Some((len, rest)) = data.split_first() else {
        return;
    };
    let Some((header, body)) = rest.split_at_checked((*len).into()) else {
        return;
    };
    let secrets = [
        Secret::new("another-secret-of-the-same-rule-"),
        Secret::new(SECRET),
    ];
    let expected = signature(body);
    match verify(body, Some(&expected), &secrets) {
        Ok(notification) => {
            let written = serde_json::to_vec(&notification).expect("a notification can be written");
            let again = verify(&written, Some(&signature(&written)), &secrets);
            assert_eq!(again.as_ref(), Ok(&notification));
        }
        Err(WebhookError::NotANotification(_)) => {}
        Err(other) => panic!("{other:?} of a body that is signed"),
    }
    let Ok(header) = std::str::from_utf8(header) else {
        return;
    };
    let is_signed = header.split(',').any(|entry| entry.trim() == expected);
    let is_refused = match verify(body, Some(header), &secrets) {
        Ok(_) | Err(WebhookError::NotANotification(_)) => false,
        Err(_) => true,
    };
    assert_eq!(is_refused, !is_signed, "{header:?}");
    // Changing one bit of the body is enough.
    let mut changed = body.to_vec();
    if let Some(byte) = changed.get_mut(usize::from(*len) % body.len().max(1)) {
        *byte ^= 1;
        assert_eq!(
            verify(&changed, Some(&expected), &secrets),
            Err(WebhookError::WrongSignature)
        );
    }
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(body);
    let digits: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("v1={digits}")
}
