//! [`ApplicationKey`]: a key as B2 shows it, without its secret half.

use serde::{Deserialize, Deserializer, Serialize};

use super::capability::Capability;
use super::ids::{AccountId, ApplicationKeyId, BucketId};
use super::names::{KeyName, unchecked};
use super::timestamp::Timestamp;

/// An application key as B2 shows it: what it may do, and not the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApplicationKey {
    /// The account it is for.
    pub account_id: AccountId,
    /// Its public half.
    pub application_key_id: ApplicationKeyId,
    /// The buckets it is restricted to; `None` is all. One at most where the API's version is below
    /// v4.
    pub bucket_ids: Option<Vec<BucketId>>,
    /// What it may do.
    pub capabilities: Vec<Capability>,
    /// When it stops working; `None` is never.
    pub expiration_timestamp: Option<Timestamp>,
    /// The name that its owner gave it. Not unique.
    pub key_name: KeyName,
    /// The prefix that file names must have; `None` is any name.
    pub name_prefix: Option<Box<str>>,
    /// Such as `s3`: the key can be used with the S3 API.
    pub options: Vec<String>,
}

impl<'de> Deserialize<'de> for ApplicationKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            account_id: AccountId,
            application_key_id: ApplicationKeyId,
            /// v4.
            bucket_ids: Option<Vec<BucketId>>,
            /// v2 and v3.
            bucket_id: Option<BucketId>,
            capabilities: Vec<Capability>,
            expiration_timestamp: Option<Timestamp>,
            #[serde(deserialize_with = "unchecked")]
            key_name: KeyName,
            name_prefix: Option<Box<str>>,
            options: Option<Vec<String>>,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
            account_id: wire.account_id,
            application_key_id: wire.application_key_id,
            bucket_ids: wire.bucket_ids.or(wire.bucket_id.map(|id| vec![id])),
            capabilities: wire.capabilities,
            expiration_timestamp: wire.expiration_timestamp,
            key_name: wire.key_name,
            name_prefix: wire.name_prefix,
            options: wire.options.unwrap_or_default(),
        })
    }
}
