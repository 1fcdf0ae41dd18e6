//! Buckets by name.

use b2kit_core::Request;

use super::Client;
use crate::api::{Call, Facts, ListBuckets, Reply, Target};
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
        self.call(Find {
            list: ListBuckets::new().bucket_name(name.clone()),
            name,
        })
        .await
    }
}

/// Asks for one bucket. That there is none is an error of the call, with its name and attempts.
struct Find<'a> {
    list: ListBuckets,
    name: &'a BucketName,
}

impl Call for Find<'_> {
    const FACTS: Facts = ListBuckets::FACTS;
    type Output = BucketId;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        self.list.request(target)
    }

    fn read(&self, reply: Reply) -> Result<BucketId, Error> {
        let found = self
            .list
            .read(reply)?
            .buckets
            .into_iter()
            .find(|bucket| bucket.bucket_name.eq_ignore_ascii_case(self.name.as_str()));
        found.map(|bucket| bucket.bucket_id).ok_or_else(|| {
            let name = self.name;
            let what = format!("the account has no bucket \"{name}\"");
            Error::new(ErrorKind::NotFound, what)
        })
    }

    fn reply_limit(&self) -> usize {
        self.list.reply_limit()
    }
}
