//! [`Encryption`]: server-side encryption of a file. The emulator encrypts nothing; it requires the
//! key, like B2.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::protocol::api_error::ApiError;

/// The only algorithm.
pub(crate) const AES256: &str = "AES256";

/// The encryption of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Encryption {
    #[default]
    None,
    /// With B2's key: `SSE-B2`.
    Managed,
    /// With the client's key: `SSE-C`.
    Customer(Box<CustomerKey>),
}

/// Digests of a client's key. The key itself is never stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerKey {
    digest: [u8; 20],
    /// In base64, as the client sent it.
    md5: String,
}

impl CustomerKey {
    /// From a key and its MD5, both in base64.
    pub(crate) fn of_base64(key: &str, md5: &str) -> Result<Self, ApiError> {
        let key = STANDARD
            .decode(key)
            .ok()
            .filter(|key| key.len() == 32)
            .ok_or_else(|| ApiError::bad_request("The customer key must be 32 bytes in base64"))?;
        if STANDARD.encode(Md5::digest(&key)) != md5 {
            let message = "The customer key does not match its MD5";
            return Err(ApiError::bad_request(message));
        }
        Ok(Self {
            digest: Sha1::digest(&key).into(),
            md5: md5.to_owned(),
        })
    }

    pub(crate) fn md5(&self) -> &str {
        &self.md5
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.digest.ct_eq(&other.digest).into()
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey([redacted])")
    }
}

impl Encryption {
    /// As in responses.
    pub(crate) const fn json(&self) -> EncryptionJson<'_> {
        let (algorithm, mode) = match self {
            Self::None => (None, None),
            Self::Managed => (Some(AES256), Some("SSE-B2")),
            Self::Customer(_) => (Some(AES256), Some("SSE-C")),
        };
        EncryptionJson {
            algorithm,
            customer_key_md5: None,
            mode,
        }
    }

    /// As in responses about large files, which include the MD5 of the key.
    pub(crate) fn json_with_key(&self) -> EncryptionJson<'_> {
        let key = match self {
            Self::Customer(key) => Some(key.md5()),
            Self::None | Self::Managed => None,
        };
        EncryptionJson {
            customer_key_md5: key,
            ..self.json()
        }
    }
}

/// An encryption in the JSON of responses: all null without encryption.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EncryptionJson<'a> {
    algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_key_md5: Option<&'a str>,
    mode: Option<&'static str>,
}
