//! Buckets by name.

use b2kit_core::Request;

use super::handle::Client;
use crate::api::{Call, CallMetadata, ListBuckets, Reply, Target};
use crate::error::{Error, ErrorKind};
use crate::types::{BucketId, BucketName};

impl Client {
    /// The id of the bucket with this name.
    ///
    /// Makes one `b2_list_buckets` (class C). With a key that is restricted to buckets no call is
    /// made: their ids came with the authorization.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the account has no such bucket,
    /// [`Unauthorized`](ErrorKind::Unauthorized) if the key is restricted to other buckets or lacks
    /// `listBuckets`; and those of any [call](Self::call).
    pub async fn bucket_id(&self, name: &BucketName) -> Result<BucketId, Error> {
        self.find_bucket(name).await.map(|(id, _)| id)
    }

    /// The id of the bucket, and its name as B2 spells it.
    pub(crate) async fn find_bucket(
        &self,
        name: &BucketName,
    ) -> Result<(BucketId, BucketName), Error> {
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
                Error::new(
                    ErrorKind::Unauthorized,
                    format!(
                        "the key is restricted to the buckets {names:?}, and \"{name}\" is \
                        none of them"
                    ),
                )
            });
        }
        self.call(FindBucket {
            list: ListBuckets::new().bucket_name(name.clone()),
            name,
        })
        .await
    }
}

/// Asks for one bucket. That there is none is an error of the call, with its name and attempts.
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
