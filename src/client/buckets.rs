//! Buckets by name.

use super::Client;
use crate::api::ListBuckets;
use crate::error::{Error, ErrorKind};
use crate::types::{BucketId, BucketName};

impl Client {
    /// The id of the bucket with this name.
    ///
    /// A key that is restricted to buckets knows their ids, so for them nothing is asked; such a key often may not list.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the account has no such bucket, [`Unauthorized`](ErrorKind::Unauthorized) if
    /// the key is restricted to others.
    pub async fn bucket_id(&self, name: &BucketName) -> Result<BucketId, Error> {
        let session = self.session().await?;
        if let Some(allowed) = &session.allowed().buckets {
            let named = |bucket: &&crate::api::AllowedBucket| {
                bucket
                    .name
                    .as_deref()
                    .is_some_and(|its| its.eq_ignore_ascii_case(name.as_str()))
            };
            let ours = allowed.iter().find(named);
            return ours.map(|bucket| bucket.id.clone()).ok_or_else(|| {
                let names: Vec<_> = allowed.iter().filter_map(|bucket| bucket.name.as_deref()).collect();
                Error::new(
                    ErrorKind::Unauthorized,
                    format!("the key is restricted to the buckets {names:?}, and \"{name}\" is none of them"),
                )
            });
        }
        let found = self
            .call(ListBuckets::new().bucket_name(name.clone()))
            .await?
            .buckets;
        let bucket = found
            .into_iter()
            .find(|bucket| bucket.bucket_name.eq_ignore_ascii_case(name.as_str()));
        bucket.map(|bucket| bucket.bucket_id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("the account has no bucket \"{name}\""),
            )
        })
    }
}
