//! [`SigningKey`]: authenticates files that an earlier process of this user left on the local disk.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::types::{Secret, hex};

/// The context of the key derivation. It changes with the format of what is signed.
const PURPOSE: &[u8] = b"b2kit: names and states of partial downloads, 1";

/// A key derived from the application key: every process of this user can derive it, and it is never
/// stored.
///
/// Somebody who can put files on the disk, through names in a bucket or as another user of the
/// machine, can't sign with it. A signature reveals nothing about the application key.
#[derive(Clone)]
pub(crate) struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    pub(crate) fn derived_from(secret: &Secret) -> Self {
        let mut mac = keyed(secret.expose().as_bytes());
        mac.update(PURPOSE);
        Self(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    /// The signature, as hexadecimal digits.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        let mut mac = keyed(&*self.0);
        mac.update(message);
        hex::to_string(&mac.finalize().into_bytes())
    }

    /// Whether this is the signature. Compares in constant time.
    pub(crate) fn verify(&self, message: &[u8], signature: &str) -> bool {
        let mut mac = keyed(&*self.0);
        mac.update(message);
        let mut bytes = [0; 32];
        hex::decode(signature.as_bytes(), &mut bytes) && mac.verify_slice(&bytes).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_for_its_key_and_message_only() {
        let [key, other] =
            ["K001abc", "K001abd"].map(|key| SigningKey::derived_from(&Secret::new(key)));
        let signature = key.sign(b"state");
        assert_eq!(signature.len(), 64);
        assert!(key.verify(b"state", &signature));
        assert!(!key.verify(b"State", &signature));
        assert!(!other.verify(b"state", &signature));
        let cut = &signature[..62];
        for not_hex in [
            "",
            cut,
            &format!("{cut}ü"),
            &format!("{cut}gg"),
            &"+1".repeat(32),
        ] {
            assert!(!key.verify(b"state", not_hex), "{not_hex}");
        }
        assert_eq!(format!("{key:?}"), "SigningKey([redacted])");
    }

    /// Another derivation would no longer find what an earlier version has left.
    #[test]
    fn the_derivation_is_pinned() {
        let key = SigningKey::derived_from(&Secret::new("K001abc"));
        assert_eq!(&key.sign(b"state")[..16], "9d9d514367d33dd6");
    }
}
