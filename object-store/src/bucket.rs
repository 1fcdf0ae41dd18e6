//! [`LazyBucket`]: a bucket whose id may still have to be asked for.

use std::sync::{Arc, OnceLock};

use b2kit::types::BucketName;
use b2kit::{BucketHandle, Client, Error};

/// A bucket, known by its handle or by its name. Clones share what was found.
#[derive(Debug, Clone)]
pub(crate) struct LazyBucket {
    name: BucketName,
    client: Client,
    found: Arc<OnceLock<BucketHandle>>,
}

impl LazyBucket {
    pub(crate) fn known(bucket: BucketHandle) -> Self {
        Self {
            name: bucket.name().clone(),
            client: bucket.client().clone(),
            found: Arc::new(bucket.into()),
        }
    }

    pub(crate) fn named(client: Client, name: BucketName) -> Self {
        Self {
            name,
            client,
            found: Arc::default(),
        }
    }

    pub(crate) const fn name(&self) -> &BucketName {
        &self.name
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// The handle. B2 is asked once, or a few times if several ask at the same moment.
    pub(crate) async fn get(&self) -> Result<&BucketHandle, Error> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let found = self.client.bucket(self.name.as_str()).await?;
        Ok(self.found.get_or_init(|| found))
    }
}
