//! [`BucketHandle`]: a bucket and the client that reaches it. Its operations are in
//! [`bucket`](crate::bucket).

use std::fmt;

use super::handle::Client;
use crate::types::{BucketId, BucketName};

/// A bucket of an account: its name, its id, and the client that reaches it. Clones are cheap; it
/// is `Send` and `Sync`.
///
/// [`Client::bucket`], [`Client::create_bucket`] and [`Client::get_or_create_bucket`] return one;
/// [`new`](Self::new) makes one from a known id without a request.
///
/// B2 keeps every version of a file until it is deleted. Uploading a name again adds a version on
/// top, hiding a file adds a marker on top, and deleting the top version brings back the one
/// beneath. So every method that deletes has to be told which versions, and deletes by name *and*
/// id: never a version that was not there when it listed them.
///
/// A listing is no snapshot: each page shows the bucket as it is when the page is read. Methods
/// that list and then change something say what happens if somebody else changes the bucket in
/// between.
///
/// ```
/// # use b2kit::{Client, Credentials, Error, backend::emulator::Emulator};
/// # use b2kit::types::BucketType;
/// use b2kit::DeleteScope;
/// use futures::TryStreamExt;
/// # futures::executor::block_on(async {
/// # let emulator = Emulator::new();
/// # let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
/// # let b2 = Client::builder().credentials(credentials).endpoint(emulator.url()).backend(emulator).build()?;
///
/// let bucket = b2.create_bucket("holiday-photos", BucketType::AllPrivate).await?;
/// bucket.upload("2026/cat.txt", "meow").await?;
/// bucket.upload("2026/cat.txt", "purr").await?; // a second version, on top
///
/// let file = bucket.stat("2026/cat.txt").await?.expect("it was uploaded");
/// assert_eq!(file.content_length, 4);
/// assert_eq!(bucket.download("2026/cat.txt").text(100).await?, "purr");
///
/// let versions: Vec<_> = bucket.versions("2026/").try_collect().await?;
/// assert_eq!(versions.len(), 2);
/// bucket.delete("2026/cat.txt", DeleteScope::NewestVersion).await?;
/// assert_eq!(bucket.download("2026/cat.txt").text(100).await?, "meow"); // it came back
///
/// bucket.delete("2026/cat.txt", DeleteScope::AllVersions).await?;
/// assert!(!bucket.exists("2026/cat.txt").await?);
/// bucket.delete_bucket().await?;
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct BucketHandle {
    client: Client,
    id: BucketId,
    name: BucketName,
}

impl BucketHandle {
    /// A bucket whose id is known already. Makes no request, so neither id nor name is checked.
    #[must_use]
    pub const fn new(client: Client, id: BucketId, name: BucketName) -> Self {
        Self { client, id, name }
    }

    /// The client that makes this bucket's calls, for other [calls](Client::call) and operations on
    /// the account.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The same bucket, with a client whose errors and spans name this file.
    pub(crate) fn about(&self, file: &str) -> Self {
        self.clone().into_about(file)
    }

    /// The same bucket, for an operation on this file.
    pub(crate) fn into_about(mut self, file: &str) -> Self {
        self.client = self.client.into_for_file(Some(self.name.clone()), file);
        self
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
