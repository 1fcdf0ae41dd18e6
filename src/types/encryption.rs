//! Server-side encryption: settings for requests, and the encryption that B2 reports.

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
        /// AES with 256-bit keys, the only cipher so far.
        Aes256 = "AES256",
    }
}

/// The encryption of a file, or a bucket's default encryption. All fields are `None` if there is no
/// encryption: for files from before September 2026, and in old buckets that have not been migrated
/// yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Encryption {
    /// The mode: who holds the key.
    pub mode: Option<EncryptionMode>,
    /// The cipher.
    pub algorithm: Option<EncryptionAlgorithm>,
    /// The MD5 of the customer-managed key in base64, if B2 shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key_md5: Option<Box<str>>,
}

impl Encryption {
    /// No encryption, as for old files.
    ///
    /// As a bucket's default it restores B2's own default: SSE-B2, except in old buckets that have
    /// not been migrated yet, where it disables encryption.
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

    /// Refuses SSE-C, which can't be a bucket's default: B2 does not keep customer-managed keys.
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

/// The encryption setting of a request: how to encrypt a file, or how to decrypt the source of a
/// copy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EncryptionSetting {
    /// Without encryption. **Legacy:** since September 2026 B2 encrypts everything and refuses this
    /// with a 400 ([`Rejected`](crate::ErrorKind::Rejected)), except in old buckets that have not
    /// been migrated yet. For the bucket's default, set nothing.
    None,
    /// With a key that Backblaze holds (SSE-B2).
    SseB2,
    /// With this customer-managed key (SSE-C). Without the key the file is lost.
    SseC(CustomerKey),
}

/// A customer-managed key for SSE-C: 32 bytes. It prints as `[redacted]` and is sent only over TLS
/// or to loopback addresses.
#[derive(Clone)]
pub struct CustomerKey(Zeroizing<[u8; 32]>);

impl CustomerKey {
    /// A key from its 32 bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// A key from its base64 form, which B2's official tools use.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is not the base64 of 32 bytes. The error doesn't
    /// contain the text.
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes = BASE64_STANDARD.decode(text).map(Zeroizing::new);
        let key = bytes
            .ok()
            .and_then(|bytes| bytes.as_slice().try_into().ok());
        key.map(Self::new)
            .ok_or_else(|| Error::invalid("a customer's key is 32 bytes in base64"))
    }

    /// The key in an environment variable, in base64. B2's official CLI reads `B2_DESTINATION_SSE_C_KEY_B64` and
    /// `B2_SOURCE_SSE_C_KEY_B64`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is not set, or not the base64 of 32 bytes. The error contains the
    /// variable's name and not its value.
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let text = Secret::from_env(variable)?;
        Self::from_base64(text.expose()).map_err(|_| {
            let what = format!("the environment variable {variable} is not 32 bytes in base64");
            Error::invalid(what)
        })
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
    /// The keys in these settings, in the form in which a document contains them.
    pub(crate) fn secrets<'a>(settings: impl IntoIterator<Item = &'a Option<Self>>) -> Vec<Secret> {
        let keys = settings.into_iter().filter_map(|setting| match setting {
            Some(Self::SseC(key)) => Some(Secret::new(key.base64().as_str())),
            _ => None,
        });
        keys.collect()
    }

    /// Adds the headers of an upload, which can't express "no encryption".
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
    /// Adds the headers of an upload or a download.
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
    fn a_customer_key_is_read_from_base64_and_an_error_does_not_show_the_text() {
        let text = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        assert_eq!(*CustomerKey::from_base64(text).unwrap().base64(), text);
        for bad in ["", "MDEy", &text[1..], "not base64"] {
            let error = CustomerKey::from_base64(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad));
        }
    }

    /// No test changes the environment, since other threads read it.
    #[test]
    fn a_customer_key_that_is_not_in_the_environment_is_an_error_with_the_name_and_not_the_value() {
        for (variable, why) in [("B2KIT_NO_SUCH_KEY", "not set"), ("PATH", "32 bytes")] {
            let error = CustomerKey::from_env(variable).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Invalid);
            let text = error.to_string();
            assert!(
                text.contains(variable) && text.contains(why) && !text.contains('/'),
                "{text}"
            );
        }
    }

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
