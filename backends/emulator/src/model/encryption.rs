//! [`Encryption`]: with whose key a file is encrypted. The emulator encrypts nothing; it asks for the key, as B2 does.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::protocol::api_error::ApiError;

/// The only algorithm there is.
pub(crate) const AES256: &str = "AES256";

/// With whose key a file is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Encryption {
    #[default]
    None,
    /// With B2's: `SSE-B2`.
    Managed,
    /// With the caller's: `SSE-C`.
    Customer(CustomerKey),
}

/// What is known of a caller's key: its digests. The key itself is forgotten as soon as it was read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerKey {
    digest: [u8; 20],
    /// In base64, as the caller sent it.
    md5: String,
}

impl CustomerKey {
    /// From a key and the MD5 of it, both in base64.
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

    /// Whether both are the same key. Takes as long for a near miss as for a far one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.digest.ct_eq(&other.digest).into()
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey([redacted])")
    }
}

impl Encryption {
    /// As replies show it.
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

    /// The same for large files, which name the key by its MD5.
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

/// An encryption as replies show it: none has nulls.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EncryptionJson<'a> {
    algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_key_md5: Option<&'a str>,
    mode: Option<&'static str>,
}
