//! [`BucketHandle`]: the bucket that a transfer belongs to. What a program can do with one is in `bucket`.

use std::fmt;

use crate::client::Client;
use crate::types::{BucketId, BucketName};

/// A bucket, by its name and id, and the client that reaches it. Clones are cheap.
#[derive(Clone)]
pub struct BucketHandle {
    client: Client,
    id: BucketId,
    name: BucketName,
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
    pub(crate) fn about(&self, file: &str) -> Self {
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
