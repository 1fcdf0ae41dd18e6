//! [`BucketHandle`]: a bucket to put files in and take files out of.

use std::fmt;

use crate::client::Client;
use crate::error::Error;
use crate::types::{BucketId, BucketName};

/// A bucket, by its name and id, and the client that reaches it. Clones are cheap.
#[derive(Clone)]
pub struct BucketHandle {
    client: Client,
    id: BucketId,
    name: BucketName,
}

impl Client {
    /// The bucket with this name, to put files in and take files out of. The handle has the name as B2 spells it.
    ///
    /// # Errors
    /// As [`bucket_id`](Self::bucket_id), and [`Invalid`](crate::ErrorKind::Invalid) for what is no bucket's name.
    pub async fn bucket(&self, name: &str) -> Result<BucketHandle, Error> {
        let name = BucketName::new(name)?;
        let (id, name) = self.find_bucket(&name).await?;
        Ok(BucketHandle::new(self.clone(), id, name))
    }
}

impl BucketHandle {
    /// A bucket whose id is known already: nothing is asked.
    #[must_use]
    pub const fn new(client: Client, id: BucketId, name: BucketName) -> Self {
        Self { client, id, name }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The same bucket, for what is done with this file of it.
    pub(super) fn about(&self, file: &str) -> Self {
        Self {
            client: self.client.for_file(Some(&self.name), file),
            ..self.clone()
        }
    }

    /// The bucket's id.
    #[must_use]
    pub const fn id(&self) -> &BucketId {
        &self.id
    }

    /// The bucket's name.
    #[must_use]
    pub const fn name(&self) -> &BucketName {
        &self.name
    }
}

impl fmt::Debug for BucketHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketHandle")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
