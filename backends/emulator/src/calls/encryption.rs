//! Server-side encryption in requests, and the check of keys.

use std::fmt;

use http::HeaderName;
use http::request::Parts;

use crate::model::bucket::Bucket;
use crate::model::encryption::{AES256, CustomerKey, Encryption};
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::undocumented;

static MANAGED: HeaderName = HeaderName::from_static("x-bz-server-side-encryption");
static ALGORITHM: HeaderName =
    HeaderName::from_static("x-bz-server-side-encryption-customer-algorithm");
static KEY: HeaderName = HeaderName::from_static("x-bz-server-side-encryption-customer-key");
static KEY_MD5: HeaderName =
    HeaderName::from_static("x-bz-server-side-encryption-customer-key-md5");

/// The SSE-C headers, not parsed yet.
#[derive(Clone, Default)]
pub(crate) struct KeyHeaders {
    algorithm: Option<String>,
    key: Option<String>,
    md5: Option<String>,
}

impl KeyHeaders {
    pub(crate) fn of(head: &Parts) -> Self {
        let text = |name: &HeaderName| text_of(head, name).map(str::to_owned);
        Self {
            algorithm: text(&ALGORITHM),
            key: text(&KEY),
            md5: text(&KEY_MD5),
        }
    }

    /// The key: all three headers, or none.
    pub(crate) fn key(&self) -> Result<Option<CustomerKey>, ApiError> {
        match (&self.algorithm, &self.key, &self.md5) {
            (None, None, None) => Ok(None),
            (Some(algorithm), Some(key), Some(md5)) => {
                require_aes(Some(algorithm))?;
                CustomerKey::of_base64(key, md5).map(Some)
            }
            _ => Err(ApiError::bad_request(
                "SSE-C needs the algorithm, the key and the MD5 of the key",
            )),
        }
    }
}

impl fmt::Debug for KeyHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHeaders([redacted])")
    }
}

/// The encryption in the headers of an upload.
pub(crate) fn of_headers(head: &Parts) -> Result<Option<Encryption>, ApiError> {
    let key = KeyHeaders::of(head).key()?;
    match (text_of(head, &MANAGED), key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Ok(Some(Encryption::Customer(Box::new(key)))),
        (Some(algorithm), None) => {
            require_aes(Some(algorithm))?;
            Ok(Some(Encryption::Managed))
        }
        (Some(_), Some(_)) => Err(ApiError::bad_request(
            "SSE-B2 and SSE-C can't be used together",
        )),
    }
}

/// The encryption in a JSON field.
#[derive(Debug)]
pub(crate) enum Setting {
    /// Without a mode, or with the mode `null`: the default.
    Default,
    /// The mode `none`, which B2 has refused since September 2026.
    None,
    Managed,
    Customer(CustomerKey),
}

/// Reads a JSON field; `None` if it is missing.
pub(crate) fn of_args(args: &Args, name: &str) -> Result<Option<Setting>, ApiError> {
    let Some(setting) = args.object(name)? else {
        return Ok(None);
    };
    let algorithm = setting.string("algorithm")?;
    match setting.string("mode")? {
        None => Ok(Some(Setting::Default)),
        Some("none") => Ok(Some(Setting::None)),
        Some("SSE-B2") => {
            require_aes(algorithm)?;
            Ok(Some(Setting::Managed))
        }
        Some("SSE-C") => {
            require_aes(algorithm)?;
            let key = setting.required("customerKey")?;
            let key = CustomerKey::of_base64(key, setting.required("customerKeyMd5")?)?;
            Ok(Some(Setting::Customer(key)))
        }
        Some(other) => Err(ApiError::bad_request(format!(
            "Invalid {name}: mode {other}"
        ))),
    }
}

/// The encryption of a new file in this bucket, according to a JSON field.
pub(crate) fn of_new_file(
    args: &Args,
    name: &str,
    bucket: &Bucket,
) -> Result<Encryption, ApiError> {
    match of_args(args, name)? {
        None => Ok(bucket.encryption()),
        Some(Setting::Managed) => Ok(Encryption::Managed),
        Some(Setting::Customer(key)) => Ok(Encryption::Customer(Box::new(key))),
        Some(Setting::Default | Setting::None) if bucket.legacy_encryption => Ok(Encryption::None),
        Some(Setting::Default) => Ok(bucket.encryption()),
        Some(Setting::None) => Err(undocumented::no_encryption(name)),
    }
}

/// Whether new files are encrypted with SSE-B2 once this is the bucket's default.
pub(crate) fn is_default(setting: &Setting, bucket: &Bucket) -> Result<bool, ApiError> {
    match setting {
        Setting::Managed => Ok(true),
        Setting::Default | Setting::None if bucket.legacy_encryption => Ok(false),
        Setting::Default => Ok(true),
        Setting::None => Err(undocumented::no_encryption("defaultServerSideEncryption")),
        Setting::Customer(_) => Err(ApiError::bad_request(
            "A bucket can't encrypt with a customer key by default",
        )),
    }
}

/// Requires a JSON field to give access to what is stored: the source of a copy, or the large file
/// of a part.
pub(crate) fn require_key_in_args(
    stored: &Encryption,
    args: &Args,
    name: &str,
) -> Result<(), ApiError> {
    let setting = of_args(args, name)?;
    match setting {
        None | Some(Setting::Default) => require_key(stored, None),
        Some(Setting::Customer(key)) => require_key(stored, Some(&key)),
        Some(Setting::Managed) => require_same(stored, &Encryption::Managed, name),
        Some(Setting::None) => require_same(stored, &Encryption::None, name),
    }
}

/// Requires the headers of an upload to give access to its large file.
pub(crate) fn require_key_in_headers(stored: &Encryption, head: &Parts) -> Result<(), ApiError> {
    match of_headers(head)? {
        None => require_key(stored, None),
        Some(Encryption::Customer(key)) => require_key(stored, Some(&key)),
        Some(other) => require_same(stored, &other, "X-Bz-Server-Side-Encryption"),
    }
}

/// Where no key is needed, a request may state the actual encryption, like b2sdk, but no other.
fn require_same(stored: &Encryption, said: &Encryption, name: &str) -> Result<(), ApiError> {
    if stored == said {
        return Ok(());
    }
    Err(undocumented::other_encryption(name))
}

/// Requires the key of what is stored, and no other.
pub(crate) fn require_key(
    stored: &Encryption,
    given: Option<&CustomerKey>,
) -> Result<(), ApiError> {
    match (stored, given) {
        (Encryption::Customer(key), Some(given)) if key.matches(given) => Ok(()),
        (Encryption::Customer(_), Some(_)) => Err(undocumented::wrong_customer_key()),
        (Encryption::Customer(_), None) => Err(ApiError::bad_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters \
             must be provided to retrieve the object.",
        )),
        (_, Some(_)) => Err(undocumented::key_without_need()),
        (_, None) => Ok(()),
    }
}

fn require_aes(algorithm: Option<&str>) -> Result<(), ApiError> {
    if algorithm == Some(AES256) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "The encryption algorithm must be {AES256}"
    )))
}
