//! Server-side encryption: what requests say about it, and whose key opens what.

use std::fmt;

use http::HeaderName;
use http::request::Parts;

use crate::args::Args;
use crate::guesses;
use crate::heart::text_of;
use crate::refusal::Refusal;
use crate::state::encryption::{AES256, CustomerKey, Encryption};

static MANAGED: HeaderName = HeaderName::from_static("x-bz-server-side-encryption");
static ALGORITHM: HeaderName =
    HeaderName::from_static("x-bz-server-side-encryption-customer-algorithm");
static KEY: HeaderName = HeaderName::from_static("x-bz-server-side-encryption-customer-key");
static KEY_MD5: HeaderName =
    HeaderName::from_static("x-bz-server-side-encryption-customer-key-md5");

/// The headers that bring a key, unread.
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

    /// The key, if there is one: all three headers, or none of them.
    pub(crate) fn key(&self) -> Result<Option<CustomerKey>, Refusal> {
        match (&self.algorithm, &self.key, &self.md5) {
            (None, None, None) => Ok(None),
            (Some(algorithm), Some(key), Some(md5)) => {
                must_be_aes(Some(algorithm))?;
                CustomerKey::of_base64(key, md5).map(Some)
            }
            _ => Err(Refusal::bad_request(
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

/// What the headers of an upload ask for; `None` if they are silent.
pub(crate) fn of_headers(head: &Parts) -> Result<Option<Encryption>, Refusal> {
    let key = KeyHeaders::of(head).key()?;
    match (text_of(head, &MANAGED), key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Ok(Some(Encryption::Customer(key))),
        (Some(algorithm), None) => {
            must_be_aes(Some(algorithm))?;
            Ok(Some(Encryption::Managed))
        }
        (Some(_), Some(_)) => Err(Refusal::bad_request(
            "SSE-B2 and SSE-C can't be used together",
        )),
    }
}

/// What a field of JSON asks for; `None` if it is not there.
pub(crate) fn of_args(args: &Args, name: &str) -> Result<Option<Encryption>, Refusal> {
    let Some(setting) = args.object(name)? else {
        return Ok(None);
    };
    let algorithm = setting.string("algorithm")?;
    match setting.string("mode")? {
        None | Some("none") => Ok(Some(Encryption::None)),
        Some("SSE-B2") => {
            must_be_aes(algorithm)?;
            Ok(Some(Encryption::Managed))
        }
        Some("SSE-C") => {
            must_be_aes(algorithm)?;
            let key = setting.required("customerKey")?;
            let key = CustomerKey::of_base64(key, setting.required("customerKeyMd5")?)?;
            Ok(Some(Encryption::Customer(key)))
        }
        Some(other) => Err(Refusal::bad_request(format!(
            "Invalid {name}: mode {other}"
        ))),
    }
}

/// The key that a field of JSON brings, for a source or for parts.
pub(crate) fn key_of_args(args: &Args, name: &str) -> Result<Option<CustomerKey>, Refusal> {
    match of_args(args, name)? {
        None | Some(Encryption::None) => Ok(None),
        Some(Encryption::Customer(key)) => Ok(Some(key)),
        Some(Encryption::Managed) => Err(guesses::managed_where_only_keys_go(name)),
    }
}

/// Whether what is stored opens with what was given.
pub(crate) fn must_open(stored: &Encryption, given: Option<&CustomerKey>) -> Result<(), Refusal> {
    match (stored, given) {
        (Encryption::Customer(key), Some(given)) if key.is_same(given) => Ok(()),
        (Encryption::Customer(_), Some(_)) => Err(guesses::wrong_customer_key()),
        (Encryption::Customer(_), None) => Err(Refusal::bad_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters \
             must be provided to retrieve the object.",
        )),
        (_, Some(_)) => Err(guesses::key_without_need()),
        (_, None) => Ok(()),
    }
}

fn must_be_aes(algorithm: Option<&str>) -> Result<(), Refusal> {
    if algorithm == Some(AES256) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "The encryption algorithm must be {AES256}"
    )))
}
