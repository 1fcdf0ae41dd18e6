//! [`ListBuckets`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata};
use super::page_check::outside;
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Bucket, BucketId, BucketName, BucketType, Capability};

/// Lists the account's buckets, sorted by name: `b2_list_buckets`.
///
/// With a bucket-restricted key, the call has to specify one of the key's buckets, by id or name.
/// If the bucket doesn't exist, the list is empty.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-buckets)
///
/// # Errors
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) if the key is bucket-restricted and the call
/// doesn't specify one of its buckets; [`Protocol`](crate::ErrorKind::Protocol) if the response
/// contains a bucket that was not requested.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListBuckets {
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_id: Option<BucketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_name: Option<BucketName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_types: Option<Vec<BucketType>>,
}

/// The account's buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Buckets {
    /// The buckets, sorted by name.
    pub buckets: Vec<Bucket>,
}

impl ListBuckets {
    /// Lists all buckets that are public, private or snapshots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only the bucket with this id.
    #[must_use]
    pub fn bucket_id(mut self, id: impl Into<BucketId>) -> Self {
        self.bucket_id = Some(id.into());
        self
    }

    /// Lists only the bucket with this name.
    #[must_use]
    pub fn bucket_name(mut self, name: BucketName) -> Self {
        self.bucket_name = Some(name);
        self
    }

    /// Lists only buckets of these types; `BucketType::from("all")`, alone, means every type.
    #[must_use]
    pub fn bucket_types(mut self, types: impl IntoIterator<Item = BucketType>) -> Self {
        self.bucket_types = Some(types.into_iter().collect());
        self
    }
}

impl ListBuckets {
    fn mismatch(&self, number: usize, bucket: &Bucket) -> Option<&'static str> {
        let one = self.bucket_id.is_some() || self.bucket_name.is_some();
        let id = self.bucket_id.as_ref();
        // B2 matches bucket names case-insensitively.
        let name = self.bucket_name.as_ref();
        let types = self.bucket_types.as_deref();
        if id.is_some_and(|id| bucket.bucket_id != *id) {
            Some("its id differs")
        } else if name.is_some_and(|name| bucket.name() != *name) {
            Some("its name differs")
        } else if one && number > 0 {
            Some("one bucket was requested, and the response has more")
        } else if types.is_some_and(|types| {
            !types.contains(&bucket.bucket_type) && *types != [BucketType::from("all")]
        }) {
            Some("its type differs")
        } else {
            None
        }
    }
}

impl Call for ListBuckets {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_list_buckets", Capability::ListBuckets, BillingClass::C);
    type Output = Buckets;

    fn check(&self) -> Result<(), Error> {
        let all = BucketType::from("all");
        match self.bucket_types.as_deref() {
            Some([]) => Err(Error::invalid("the list of bucket types is empty")),
            Some(types) if types.len() > 1 && types.contains(&all) => Err(Error::invalid(
                "the bucket type \"all\" includes all others and can't be combined with them",
            )),
            _ => Ok(()),
        }
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Buckets, Error> {
        let buckets: Buckets = reply.json()?;
        for (number, bucket) in buckets.buckets.iter().enumerate() {
            if let Some(why) = self.mismatch(number, bucket) {
                return Err(outside(number, bucket.bucket_name.as_str(), why));
            }
        }
        Ok(buckets)
    }

    /// The info, rules and names of one bucket take at most 400,000 bytes, more if they have to be
    /// escaped. An account has 100 buckets, or as many as agreed with B2.
    fn reply_limit(&self) -> usize {
        match (&self.bucket_id, &self.bucket_name) {
            (None, None) => 256 << 20,
            _ => 4 << 20,
        }
    }
}
