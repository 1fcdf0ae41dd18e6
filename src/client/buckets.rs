//! The buckets of an account: creating, listing and finding them.

use b2kit_core::Request;

use super::bucket::BucketHandle;
use super::handle::Client;
use crate::api::{Call, CallMetadata, CreateBucket, ListBuckets, Reply, Target};
use crate::error::{Error, ErrorKind};
use crate::types::{Bucket, BucketId, BucketName, BucketType};

impl Client {
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
    /// [`Invalid`](ErrorKind::Invalid) if the name is invalid, [`Conflict`](ErrorKind::Conflict) if
    /// any account has a bucket with this name, [`Rejected`](ErrorKind::Rejected) if the account
    /// can't have more buckets, [`Unauthorized`](ErrorKind::Unauthorized) if the key lacks
    /// `writeBuckets`, [`Credentials`](ErrorKind::Credentials), [`Http`](ErrorKind::Http),
    /// [`Unavailable`](ErrorKind::Unavailable), [`TooManyRequests`](ErrorKind::TooManyRequests) or
    /// [`Protocol`](ErrorKind::Protocol) if the call failed after its retries.
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

    /// Finds the account's bucket with this name, or creates it.
    ///
    /// An existing bucket keeps its settings: `bucket_type` only applies to a new one.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another account has a bucket with this name,
    /// [`Invalid`](ErrorKind::Invalid) if the name is invalid,
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key is restricted to other buckets or lacks
    /// `listBuckets` or `writeBuckets`, [`Rejected`](ErrorKind::Rejected) if the account can't have
    /// more buckets; [`Credentials`](ErrorKind::Credentials), [`Http`](ErrorKind::Http),
    /// [`Unavailable`](ErrorKind::Unavailable), [`TooManyRequests`](ErrorKind::TooManyRequests) or
    /// [`Protocol`](ErrorKind::Protocol) if a call failed after its retries.
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
            // Another user of this account may have created it in the meantime.
            Err(conflict) if conflict.kind() == ErrorKind::Conflict => {
                match self.bucket(name).await {
                    Err(error) if error.is_not_found() => Err(conflict),
                    found => found,
                }
            }
            created => created,
        }
    }

    /// Lists the buckets of the account with their settings, in one call (class C). With a key that
    /// is restricted to buckets, it lists those that exist, in one call for each.
    ///
    /// Settings that the key may not read are
    /// [`Restricted::Unauthorized`](crate::types::Restricted).
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key lacks `listBuckets`, and
    /// [`Credentials`](ErrorKind::Credentials), [`Http`](ErrorKind::Http),
    /// [`Unavailable`](ErrorKind::Unavailable), [`TooManyRequests`](ErrorKind::TooManyRequests) or
    /// [`Protocol`](ErrorKind::Protocol) if a call failed after its retries.
    pub async fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        let session = self.session().await?;
        let Some(allowed) = &session.allowed().buckets else {
            return Ok(self.call(ListBuckets::new()).await?.buckets);
        };
        // B2 does not list all buckets for such a key.
        let mut buckets = Vec::with_capacity(allowed.len());
        for bucket in allowed {
            let found = self.call(ListBuckets::new().bucket_id(&bucket.id)).await?;
            buckets.extend(found.buckets);
        }
        Ok(buckets)
    }

    /// Finds a bucket by its name. The handle has the name as B2 spells it.
    ///
    /// Makes one `b2_list_buckets` (class C), or none if the key is restricted to buckets: then the
    /// names came with the authorization.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the account has no such bucket,
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key is restricted to other buckets or lacks
    /// `listBuckets`, [`Invalid`](ErrorKind::Invalid) if the name is invalid,
    /// [`Credentials`](ErrorKind::Credentials), [`Http`](ErrorKind::Http),
    /// [`Unavailable`](ErrorKind::Unavailable), [`TooManyRequests`](ErrorKind::TooManyRequests) or
    /// [`Protocol`](ErrorKind::Protocol) if the call failed after its retries.
    pub async fn bucket(&self, name: &str) -> Result<BucketHandle, Error> {
        let name = BucketName::new(name)?;
        let (id, name) = self.find_bucket(&name).await?;
        Ok(BucketHandle::new(self.clone(), id, name))
    }

    /// The id of the bucket, and its name as B2 spells it.
    async fn find_bucket(&self, name: &BucketName) -> Result<(BucketId, BucketName), Error> {
        let session = self.session().await?;
        if let Some(allowed) = &session.allowed().buckets {
            let ours = allowed.iter().find_map(|bucket| {
                let its = BucketName::new_unchecked(bucket.name.as_deref()?);
                (its == *name).then(|| (bucket.id.clone(), its))
            });
            return ours.ok_or_else(|| {
                let names: Vec<_> = allowed
                    .iter()
                    .filter_map(|bucket| bucket.name.as_deref())
                    .collect();
                let error = Error::new(
                    ErrorKind::Unauthorized,
                    format!(
                        "the key is restricted to the buckets {names:?}, and \"{name}\" is not \
                         one of them"
                    ),
                );
                // No call was made that would have redacted it.
                self.redacted(error)
            });
        }
        self.call(FindBucket {
            list: ListBuckets::new().bucket_name(name.clone()),
            name,
        })
        .await
    }
}

/// Lists one bucket. A missing one is an error of this call, which carries its name and attempts.
struct FindBucket<'a> {
    list: ListBuckets,
    name: &'a BucketName,
}

impl Call for FindBucket<'_> {
    const METADATA: CallMetadata = ListBuckets::METADATA;
    type Output = (BucketId, BucketName);

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        self.list.request(target)
    }

    fn read(&self, reply: Reply) -> Result<(BucketId, BucketName), Error> {
        let found = self
            .list
            .read(reply)?
            .buckets
            .into_iter()
            .map(|bucket| (bucket.name(), bucket.bucket_id))
            .find(|(its, _)| its == self.name);
        found.map(|(its, id)| (id, its)).ok_or_else(|| {
            let name = self.name;
            let what = format!("the account has no bucket \"{name}\"");
            Error::new(ErrorKind::NotFound, what)
        })
    }

    fn reply_limit(&self) -> usize {
        self.list.reply_limit()
    }
}
