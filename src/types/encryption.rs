//! Server-side encryption: what is asked for, and what B2 says was done.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::open_enum::open_enum;

open_enum! {
    /// Who holds the key.
    EncryptionMode {
        /// Backblaze does.
        SseB2 = "SSE-B2",
        /// The customer does, and sends it with each request.
        SseC = "SSE-C",
    }
}

open_enum! {
    /// The cipher.
    EncryptionAlgorithm {
        /// AES with keys of 256 bits: the only one so far.
        Aes256 = "AES256",
    }
}

/// How B2 says that something is encrypted. Both are `None` where it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Encryption {
    /// Who holds the key.
    pub mode: Option<EncryptionMode>,
    /// The cipher.
    pub algorithm: Option<EncryptionAlgorithm>,
}

/// How a file is to be encrypted, or how to decrypt the source of a copy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EncryptionSetting {
    /// Not at all, even where the bucket would encrypt by default.
    None,
    /// With a key of Backblaze's.
    SseB2,
    /// With this key of the customer's. Whoever loses it has lost the file.
    SseC(CustomerKey),
}

/// A key of the customer's own: 32 bytes. It prints as `[redacted]` and goes over TLS (or loopback) only.
#[derive(Clone)]
pub struct CustomerKey(Zeroizing<[u8; 32]>);

impl CustomerKey {
    /// Takes the key in.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    pub(crate) fn base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(*self.0))
    }

    /// The digest by which B2 checks that the key arrived whole.
    pub(crate) fn md5_base64(&self) -> String {
        BASE64_STANDARD.encode(Md5::digest(*self.0))
    }
}

impl EncryptionSetting {
    /// As the headers of an upload.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::None => {}
            Self::SseB2 => {
                headers.insert(
                    "x-bz-server-side-encryption",
                    HeaderValue::from_static("AES256"),
                );
            }
            Self::SseC(key) => key.add_headers(headers),
        }
    }
}

impl CustomerKey {
    /// As the headers of an upload or a download.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        let secret = |text: &str| {
            let mut value = HeaderValue::try_from(text).expect("base64 is a header's value");
            value.set_sensitive(true);
            value
        };
        let algorithm = HeaderValue::from_static("AES256");
        headers.insert("x-bz-server-side-encryption-customer-algorithm", algorithm);
        headers.insert(
            "x-bz-server-side-encryption-customer-key",
            secret(&self.base64()),
        );
        headers.insert(
            "x-bz-server-side-encryption-customer-key-md5",
            secret(&self.md5_base64()),
        );
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for EncryptionSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("EncryptionSetting", 4)?;
        match self {
            Self::None => json.serialize_field("mode", "none")?,
            Self::SseB2 => {
                json.serialize_field("mode", &EncryptionMode::SseB2)?;
                json.serialize_field("algorithm", &EncryptionAlgorithm::Aes256)?;
            }
            Self::SseC(key) => {
                json.serialize_field("mode", &EncryptionMode::SseC)?;
                json.serialize_field("algorithm", &EncryptionAlgorithm::Aes256)?;
                json.serialize_field("customerKey", &*key.base64())?;
                json.serialize_field("customerKeyMd5", &key.md5_base64())?;
            }
        }
        json.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_key_goes_into_json_with_its_md5_and_into_debug_not_at_all() {
        let setting =
            EncryptionSetting::SseC(CustomerKey::new(*b"0123456789abcdef0123456789abcdef"));
        let json = serde_json::to_value(&setting).unwrap();
        assert_eq!(
            json["customerKey"],
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        );
        assert_eq!(
            json["customerKeyMd5"],
            BASE64_STANDARD.encode(Md5::digest(b"0123456789abcdef0123456789abcdef"))
        );
        assert_eq!(format!("{setting:?}"), "SseC([redacted])");
    }
}
