//! Server-side encryption: settings for requests, and what B2 reports.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::open_enum::open_enum;
use super::secret::Secret;
use crate::error::Error;

open_enum! {
    /// The mode: who holds the key.
    EncryptionMode {
        /// Backblaze holds it (SSE-B2).
        SseB2 = "SSE-B2",
        /// The customer holds it and sends it with each request (SSE-C).
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

/// How a file is encrypted, or a bucket's default encryption. All fields are `None` where nothing
/// is encrypted: files from before September 2026, and in old buckets that have not been migrated
/// yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Encryption {
    /// The mode: who holds the key.
    pub mode: Option<EncryptionMode>,
    /// The cipher.
    pub algorithm: Option<EncryptionAlgorithm>,
    /// The MD5 of the customer's key in base64, where B2 shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key_md5: Option<Box<str>>,
}

impl Encryption {
    /// Not encrypted, as old files are.
    ///
    /// Set as a bucket's default it resets to B2's own default, which is SSE-B2 since September
    /// 2026. It switches encryption off only in old buckets that have not been migrated yet.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: None,
            algorithm: None,
            customer_key_md5: None,
        }
    }

    /// With a key that Backblaze holds (SSE-B2).
    #[must_use]
    pub const fn sse_b2() -> Self {
        Self {
            mode: Some(EncryptionMode::SseB2),
            algorithm: Some(EncryptionAlgorithm::Aes256),
            customer_key_md5: None,
        }
    }

    /// Refuses what can't be a bucket's default: B2 does not keep customers' keys.
    pub(crate) fn check_default(&self) -> Result<(), Error> {
        match &self.mode {
            Some(EncryptionMode::SseC) => Err(Error::invalid(
                "a bucket's default encryption can't be SSE-C: each file comes with its own key",
            )),
            Some(EncryptionMode::Other(mode)) if **mode == *"none" => Err(Error::invalid(
                "a bucket's default encryption can't be \"none\", since B2 encrypts everything; \
                 Encryption::none() resets it",
            )),
            _ => Ok(()),
        }
    }
}

/// How a file is to be encrypted, or how to decrypt the source of a copy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EncryptionSetting {
    /// Not at all. **Legacy:** since September 2026 B2 encrypts everything and refuses this with a
    /// 400 ([`Rejected`](crate::ErrorKind::Rejected)), except in old buckets that have not been
    /// migrated yet. For the bucket's default, set nothing.
    None,
    /// With a key that Backblaze holds (SSE-B2).
    SseB2,
    /// With this customer's key (SSE-C). Without the key the file is lost.
    SseC(CustomerKey),
}

/// A customer's key for SSE-C: 32 bytes. It prints as `[redacted]` and is sent over TLS or loopback
/// only.
#[derive(Clone)]
pub struct CustomerKey(Zeroizing<[u8; 32]>);

impl CustomerKey {
    /// A key from its 32 bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    pub(crate) fn base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(*self.0))
    }

    /// The MD5 of the key, with which B2 checks it.
    pub(crate) fn md5_base64(&self) -> String {
        BASE64_STANDARD.encode(Md5::digest(*self.0))
    }
}

impl EncryptionSetting {
    /// What B2 then shows as the mode.
    pub(crate) const fn mode(&self) -> Option<EncryptionMode> {
        match self {
            Self::None => None,
            Self::SseB2 => Some(EncryptionMode::SseB2),
            Self::SseC(_) => Some(EncryptionMode::SseC),
        }
    }

    /// The keys in these settings, as they are written in a document.
    pub(crate) fn secrets<'a>(settings: impl IntoIterator<Item = &'a Option<Self>>) -> Vec<Secret> {
        let keys = settings.into_iter().filter_map(|setting| match setting {
            Some(Self::SseC(key)) => Some(Secret::new(key.base64().as_str())),
            _ => None,
        });
        keys.collect()
    }

    /// As the headers of an upload, which have no words for "not at all".
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
    fn a_customer_key_serializes_with_its_md5_and_is_redacted_in_debug_output() {
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
