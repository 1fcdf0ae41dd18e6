//! The bucket itself: [`settings`](BucketHandle::settings), [`update`](BucketHandle::update) and
//! [`delete_bucket`](BucketHandle::delete_bucket).

use std::time::Duration;

use crate::api::{Call as _, DeleteBucket, ListBuckets, UpdateBucket};
use crate::client::BucketHandle;
use crate::error::{Error, ErrorKind};
use crate::types::Bucket;

impl BucketHandle {
    /// The bucket's settings: who may download, lifecycle rules, CORS rules, default encryption,
    /// Object Lock, and bucket info. A setting that the key may not read is
    /// [`Restricted::Unauthorized`](crate::types::Restricted::Unauthorized).
    ///
    /// Makes one `b2_list_buckets` (class C), which needs `listBuckets`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the bucket was deleted,
    /// [`Unauthorized`](ErrorKind::Unauthorized) without `listBuckets`, and
    /// [`Credentials`](ErrorKind::Credentials), [`CapExceeded`](ErrorKind::CapExceeded),
    /// [`TooManyRequests`](ErrorKind::TooManyRequests), [`Unavailable`](ErrorKind::Unavailable),
    /// [`Http`](ErrorKind::Http) or [`Protocol`](ErrorKind::Protocol) if the call failed after its
    /// retries.
    pub async fn settings(&self) -> Result<Bucket, Error> {
        let call = ListBuckets::new().bucket_id(self.id());
        let found = self.client().call(call).await?.buckets.into_iter().next();
        found.ok_or_else(|| {
            let what = format!("the account no longer has a bucket \"{}\"", self.name());
            let error = Error::new(ErrorKind::NotFound, what);
            error.in_call(ListBuckets::METADATA.name, 1, Duration::ZERO)
        })
    }

    /// Changes the settings that `change` sets, and no others. Each new value replaces the old one
    /// entirely. Returns all settings after the change.
    ///
    /// To change a value that depends on the old one, read it first, and set
    /// [`if_revision_is`](UpdateBucket::if_revision_is): then no concurrent change is overwritten.
    ///
    /// Makes one `b2_update_bucket` (class C), which needs `writeBuckets`.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use b2kit::types::{LifecycleRule, LifecycleRules};
    /// # async fn tidy(bucket: BucketHandle) -> Result<(), Error> {
    /// let settings = bucket.settings().await?;
    /// let mut rules = settings.lifecycle_rules.into_vec();
    /// rules.push(LifecycleRule::new("logs/").days_from_hiding_to_deleting(7));
    /// let rules = LifecycleRules::new(rules)?;
    /// let change = |update: b2kit::api::UpdateBucket| {
    ///     update.lifecycle_rules(rules).if_revision_is(settings.revision)
    /// };
    /// bucket.update(change).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the bucket's revision is not the one that was set;
    /// [`NotFound`](ErrorKind::NotFound) if it was deleted; [`Invalid`](ErrorKind::Invalid) for
    /// settings that B2 would refuse; [`Unauthorized`](ErrorKind::Unauthorized) without
    /// `writeBuckets`, and for some settings without other capabilities, which [`UpdateBucket`]
    /// lists; [`Credentials`](ErrorKind::Credentials), [`CapExceeded`](ErrorKind::CapExceeded),
    /// [`TooManyRequests`](ErrorKind::TooManyRequests), [`Rejected`](ErrorKind::Rejected),
    /// [`Unavailable`](ErrorKind::Unavailable), [`Http`](ErrorKind::Http) or
    /// [`Protocol`](ErrorKind::Protocol) if the call failed after its retries.
    ///
    /// # Cancellation
    /// Once the request was sent, the settings may change even if the future is dropped.
    pub async fn update<F>(&self, change: F) -> Result<Bucket, Error>
    where
        F: FnOnce(UpdateBucket) -> UpdateBucket,
    {
        let call = change(UpdateBucket::new(self.id()));
        self.client().call(call).await
    }

    /// Deletes the bucket, which has to be empty: see [`delete_all_files`](Self::delete_all_files).
    /// Afterwards any B2 account can take the name.
    ///
    /// Makes one `b2_delete_bucket` (class A, which is free), which needs `deleteBuckets`.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) with B2's code `cannot_delete_non_empty_bucket` while
    /// there is any version of a file, a hide marker or an unfinished upload;
    /// [`NotFound`](ErrorKind::NotFound) if the bucket was deleted already;
    /// [`Unauthorized`](ErrorKind::Unauthorized) without `deleteBuckets`;
    /// [`Credentials`](ErrorKind::Credentials), [`TooManyRequests`](ErrorKind::TooManyRequests),
    /// [`Unavailable`](ErrorKind::Unavailable), [`Http`](ErrorKind::Http) or
    /// [`Protocol`](ErrorKind::Protocol) if the call failed after its retries.
    ///
    /// # Cancellation
    /// Once the request was sent, the bucket may be deleted even if the future is dropped.
    pub async fn delete_bucket(&self) -> Result<(), Error> {
        self.client().call(DeleteBucket::new(self.id())).await?;
        Ok(())
    }
}
