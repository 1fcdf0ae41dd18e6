//! [`LazyBucket`]: a bucket that is looked up by name when it is first used.

use std::sync::{Arc, OnceLock};

use b2kit::types::BucketName;
use b2kit::{BucketHandle, Client, Error};

/// A bucket by its handle, or by its name until it is looked up. Clones share the handle.
#[derive(Debug, Clone)]
pub(crate) struct LazyBucket {
    name: BucketName,
    client: Client,
    found: Arc<OnceLock<BucketHandle>>,
}

impl LazyBucket {
    pub(crate) fn from_handle(bucket: BucketHandle) -> Self {
        Self {
            name: bucket.name().clone(),
            client: bucket.client().clone(),
            found: Arc::new(bucket.into()),
        }
    }

    pub(crate) fn from_name(client: Client, name: BucketName) -> Self {
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

    /// The handle. Concurrent first calls may each look it up.
    pub(crate) async fn get(&self) -> Result<&BucketHandle, Error> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let found = self.client.bucket(self.name.as_str()).await?;
        Ok(self.found.get_or_init(|| found))
    }
}
