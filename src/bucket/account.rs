//! The buckets of an account: to find one by its name, to list them, and to create one.

use crate::api::{CreateBucket, ListBuckets};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transfer::bucket::BucketHandle;
use crate::types::{Bucket, BucketName, BucketType};

impl Client {
    /// A bucket by its name. The handle's name is spelled as B2 spells it.
    ///
    /// Makes one `b2_list_buckets` (class C), or none if the key is restricted to buckets: then the
    /// names came with the authorization.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the account has no such bucket,
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key is restricted to other buckets,
    /// [`Invalid`](ErrorKind::Invalid) if no bucket can have this name.
    pub async fn bucket(&self, name: &str) -> Result<BucketHandle, Error> {
        let name = BucketName::new(name)?;
        let (id, name) = self.find_bucket(&name).await?;
        Ok(BucketHandle::new(self.clone(), id, name))
    }

    /// The buckets of the account with their settings, in one call (class C). For a key that is
    /// restricted to buckets these are its buckets that exist, and there is one call for each.
    ///
    /// What the key may not read of the settings is
    /// [`Restricted::Unauthorized`](crate::types::Restricted).
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key lacks `listBuckets`, and
    /// [`Credentials`](ErrorKind::Credentials), [`Http`](ErrorKind::Http),
    /// [`Unavailable`](ErrorKind::Unavailable) or [`TooManyRequests`](ErrorKind::TooManyRequests)
    /// as any [call](Self::call).
    pub async fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        let session = self.session().await?;
        let Some(allowed) = &session.allowed().buckets else {
            return Ok(self.call(ListBuckets::new()).await?.buckets);
        };
        // B2 refuses such a key's question for all buckets.
        let mut buckets = Vec::with_capacity(allowed.len());
        for bucket in allowed {
            let found = self.call(ListBuckets::new().bucket_id(&bucket.id)).await?;
            buckets.extend(found.buckets);
        }
        Ok(buckets)
    }

    /// Creates a bucket with B2's default settings. [`CreateBucket`] can set others.
    ///
    /// Bucket names are shared by all accounts of B2. If the response is lost, the client asks B2
    /// whether the bucket was created before it tries again.
    ///
    /// ```
    /// # use b2kit::{Client, Error, types::BucketType};
    /// # async fn photos(b2: Client) -> Result<(), Error> {
    /// let bucket = b2.create_bucket("holiday-photos", BucketType::AllPrivate).await?;
    /// bucket.upload("2026/cat.txt", "meow").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if no bucket can have this name,
    /// [`Conflict`](ErrorKind::Conflict) if some account has a bucket of this name,
    /// [`Rejected`](ErrorKind::Rejected) if the account may have no more,
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key lacks `writeBuckets`.
    ///
    /// # Cancellation
    /// The bucket may be created although the future was dropped.
    pub async fn create_bucket(
        &self,
        name: &str,
        bucket_type: BucketType,
    ) -> Result<BucketHandle, Error> {
        let name = BucketName::new(name)?;
        let bucket = self.call(CreateBucket::new(name, bucket_type)).await?;
        let name = bucket.name();
        Ok(BucketHandle::new(self.clone(), bucket.bucket_id, name))
    }

    /// The account's bucket of this name, which is created if there is none.
    ///
    /// A bucket that exists keeps its settings: `bucket_type` is only for a new one.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another account has a bucket of this name, and else
    /// those of [`bucket`](Self::bucket) and [`create_bucket`](Self::create_bucket), `NotFound`
    /// apart.
    ///
    /// # Cancellation
    /// The bucket may be created although the future was dropped.
    pub async fn get_or_create_bucket(
        &self,
        name: &str,
        bucket_type: BucketType,
    ) -> Result<BucketHandle, Error> {
        match self.bucket(name).await {
            Err(error) if error.is_not_found() => {}
            found => return found,
        }
        match self.create_bucket(name, bucket_type).await {
            // Somebody of this account may have created it meanwhile.
            Err(conflict) if conflict.kind() == ErrorKind::Conflict => {
                match self.bucket(name).await {
                    Err(error) if error.is_not_found() => Err(conflict),
                    found => found,
                }
            }
            created => created,
        }
    }
}
