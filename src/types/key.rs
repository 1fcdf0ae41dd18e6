//! [`ApplicationKey`]: a key's id, capabilities and restrictions, without its secret.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::capability::Capability;
use super::from_object::from_object;
use super::ids::{AccountId, ApplicationKeyId, BucketId};
use super::names::{KeyName, unchecked};
use super::timestamp::Timestamp;
use super::wire_form::{WireForm, nullable};

/// An application key without its secret: its id, capabilities and restrictions.
///
/// It serializes to B2's own JSON, of the version of the API that it came from. Fields that B2 left out are left out
/// again, unless they have been set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationKey {
    /// The account it is for.
    pub account_id: AccountId,
    /// Its id.
    pub application_key_id: ApplicationKeyId,
    /// The buckets it is restricted to; `None` means all. At most one in API versions before v4.
    pub bucket_ids: Option<Vec<BucketId>>,
    /// Its capabilities.
    pub capabilities: Vec<Capability>,
    /// When it expires; `None` means never.
    pub expiration_timestamp: Option<Timestamp>,
    /// Its name, which need not be unique.
    pub key_name: KeyName,
    /// The required prefix of file names; `None` means any name.
    pub name_prefix: Option<Box<str>>,
    /// Options such as `s3`: the key can be used with the S3 API.
    pub options: Vec<String>,
    wire_form: WireForm<KeyForm>,
}

/// The fields that B2 left out, and how it wrote the others.
#[derive(Debug, Clone, Copy)]
struct KeyForm {
    buckets: BucketField,
    absent_expiration: bool,
    absent_prefix: bool,
    absent_options: bool,
}

/// The field that holds the buckets.
#[derive(Debug, Clone, Copy)]
enum BucketField {
    /// `bucketIds`, in v4.
    Several,
    /// `bucketId`, in v2 and v3.
    One,
    Absent,
}

impl<'de> Deserialize<'de> for ApplicationKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            account_id: AccountId,
            application_key_id: ApplicationKeyId,
            /// v4.
            #[serde(default, deserialize_with = "nullable")]
            bucket_ids: Option<Option<Vec<BucketId>>>,
            /// v2 and v3.
            #[serde(default, deserialize_with = "nullable")]
            bucket_id: Option<Option<BucketId>>,
            capabilities: Vec<Capability>,
            #[serde(default, deserialize_with = "nullable")]
            expiration_timestamp: Option<Option<Timestamp>>,
            #[serde(deserialize_with = "unchecked")]
            key_name: KeyName,
            #[serde(default, deserialize_with = "nullable")]
            name_prefix: Option<Option<Box<str>>>,
            options: Option<Vec<String>>,
        }
        let wire: Wire = from_object(deserializer)?;
        let wire_form = KeyForm {
            buckets: match (&wire.bucket_ids, &wire.bucket_id) {
                (Some(_), _) => BucketField::Several,
                (None, Some(_)) => BucketField::One,
                (None, None) => BucketField::Absent,
            },
            absent_expiration: wire.expiration_timestamp.is_none(),
            absent_prefix: wire.name_prefix.is_none(),
            absent_options: wire.options.is_none(),
        };
        let single = wire.bucket_id.flatten().map(|id| vec![id]);
        Ok(Self {
            account_id: wire.account_id,
            application_key_id: wire.application_key_id,
            bucket_ids: wire.bucket_ids.flatten().or(single),
            capabilities: wire.capabilities,
            expiration_timestamp: wire.expiration_timestamp.flatten(),
            key_name: wire.key_name,
            name_prefix: wire.name_prefix.flatten(),
            options: wire.options.unwrap_or_default(),
            wire_form: WireForm(wire_form),
        })
    }
}

impl Serialize for ApplicationKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(wire_form) = self.wire_form;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("accountId", &self.account_id)?;
        json.serialize_entry("applicationKeyId", &self.application_key_id)?;
        match (wire_form.buckets, self.bucket_ids.as_deref()) {
            (BucketField::Absent, None) => {}
            (BucketField::One, None) => json.serialize_entry("bucketId", &None::<BucketId>)?,
            (BucketField::One, Some([id])) => json.serialize_entry("bucketId", id)?,
            (_, ids) => json.serialize_entry("bucketIds", &ids)?,
        }
        json.serialize_entry("capabilities", &self.capabilities)?;
        if !(wire_form.absent_expiration && self.expiration_timestamp.is_none()) {
            json.serialize_entry("expirationTimestamp", &self.expiration_timestamp)?;
        }
        json.serialize_entry("keyName", &self.key_name)?;
        if !(wire_form.absent_prefix && self.name_prefix.is_none()) {
            json.serialize_entry("namePrefix", &self.name_prefix)?;
        }
        if !(wire_form.absent_options && self.options.is_empty()) {
            json.serialize_entry("options", &self.options)?;
        }
        json.end()
    }
}
