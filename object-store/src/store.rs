//! [`B2Store`] and its builder.

use std::fmt;
use std::sync::Arc;

use b2kit::BucketHandle;
use b2kit::transfer::CreateSlot;
use b2kit::types::{ContentType, FileInfo};

use crate::bucket::LazyBucket;
use crate::config_error::ConfigError;
use crate::first_parts::FirstParts;
use crate::names::Prefix;

/// Default number of concurrent requests of an operation on many objects or ranges.
const CONCURRENCY: usize = 10;

/// A B2 bucket, or the files below a prefix in it, as an `object_store`. Clones are cheap and share all state.
///
/// Implements `ObjectStore`, `MultipartStore` and `PaginatedListStore` of each version whose feature is enabled.
/// [`Limit`](crate::Limit) lists what it can't do.
#[derive(Clone)]
pub struct B2Store {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) bucket: LazyBucket,
    pub(crate) prefix: Prefix,
    pub(crate) slot: Option<Slot>,
    pub(crate) deletion: Deletion,
    pub(crate) invalid_names: InvalidNames,
    pub(crate) concurrency: usize,
    pub(crate) first_parts: FirstParts,
}

/// The bucket through which creates are coordinated.
#[derive(Debug, Clone)]
pub(crate) struct Slot(LazyBucket);

impl Slot {
    pub(crate) async fn get(&self) -> Result<CreateSlot, b2kit::Error> {
        Ok(CreateSlot::new(self.0.get().await?.clone()))
    }
}

/// An object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) content_type: Option<ContentType>,
    pub(crate) info: FileInfo,
}

/// What deleting an object does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deletion {
    /// Hides the file. B2 keeps its versions and charges for them; the lifecycle rule `daysFromHidingToDeleting: 1`
    /// deletes them a day later.
    #[default]
    Hide,
    /// Hides the file, so that no older version reappears, then deletes all its versions and finally the hide marker.
    /// No lifecycle rule is needed. Costs one call for each version, which is free (class A), and a listing (class C)
    /// for each 1,000 versions; needs a key with `deleteFiles` and `listFiles`.
    AllVersions,
}

/// What a listing does with file names that are not valid paths of `object_store`: with an empty segment (`a//b`, or a
/// slash at either end), a segment `.` or `..`, or control characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidNames {
    /// Skips them, with a `tracing` event at the level `debug`. Tools that show folders create such names (`photos/`).
    #[default]
    Skip,
    /// Reports each as an error, whose source is an [`InvalidNameError`](crate::InvalidNameError). Streams continue
    /// after it. `list_with_delimiter` fails. A page of `list_paginated` ends before the name; the next one fails, and
    /// the error has the token that continues after the name.
    Report,
}

/// Configures a [`B2Store`]. Made by [`B2Store::builder`] or [`from_url`](Self::from_url).
#[derive(Debug, Clone)]
#[must_use]
pub struct B2StoreBuilder {
    pub(crate) bucket: LazyBucket,
    pub(crate) prefix: String,
    pub(crate) slot: Option<LazyBucket>,
    pub(crate) deletion: Deletion,
    pub(crate) invalid_names: InvalidNames,
    pub(crate) concurrency: usize,
}

impl B2Store {
    /// A store of a whole bucket, with the default settings.
    #[must_use]
    pub fn new(bucket: BucketHandle) -> Self {
        let builder = Self::builder(bucket);
        Self::from_parts(builder, Prefix::default())
    }

    /// Configures a store of this bucket.
    pub fn builder(bucket: BucketHandle) -> B2StoreBuilder {
        B2StoreBuilder::from_bucket(LazyBucket::from_handle(bucket))
    }

    pub(crate) fn from_parts(builder: B2StoreBuilder, prefix: Prefix) -> Self {
        Self {
            shared: Arc::new(Shared {
                bucket: builder.bucket,
                prefix,
                slot: builder.slot.map(Slot),
                deletion: builder.deletion,
                invalid_names: builder.invalid_names,
                concurrency: builder.concurrency.max(1),
                first_parts: FirstParts::default(),
            }),
        }
    }

    /// The bucket's client.
    #[must_use]
    pub fn client(&self) -> &b2kit::Client {
        self.shared.bucket.client()
    }

    /// The bucket's handle. If the store was made from a URL, the first call looks it up.
    ///
    /// # Errors
    /// [`NotFound`](b2kit::ErrorKind::NotFound) if there is no such bucket.
    pub async fn bucket(&self) -> Result<&BucketHandle, b2kit::Error> {
        self.shared.bucket.get().await
    }
}

impl B2StoreBuilder {
    pub(crate) const fn from_bucket(bucket: LazyBucket) -> Self {
        Self {
            bucket,
            prefix: String::new(),
            slot: None,
            deletion: Deletion::Hide,
            invalid_names: InvalidNames::Skip,
            concurrency: CONCURRENCY,
        }
    }

    /// Restricts the store to the files below this prefix, such as `tables/sales`; locations are relative to it.
    /// Slashes at either end are ignored. Defaults to the whole bucket.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Enables `PutMode::Create`, `copy_if_not_exists` and `rename_if_not_exists`, which B2 itself does not have.
    ///
    /// Through this slot, writers agree on who creates a file. All writers of the same names must use the same slot;
    /// [`Create`](b2kit::transfer::Create) describes the protocol and its cost, and
    /// [`put_if_absent`](b2kit::transfer::put_if_absent) its assumptions. The slot serializes creates, so a small
    /// bucket for each table is best. The client of its bucket needs a key with `writeBuckets`.
    pub fn coordinate_creates(mut self, slot: &CreateSlot) -> Self {
        self.slot = Some(LazyBucket::from_handle(slot.bucket().clone()));
        self
    }

    /// What deleting an object does. Defaults to [`Deletion::Hide`].
    pub const fn deletion(mut self, deletion: Deletion) -> Self {
        self.deletion = deletion;
        self
    }

    /// What listings do with file names that are not valid paths. Defaults to [`InvalidNames::Skip`].
    pub const fn invalid_names(mut self, invalid_names: InvalidNames) -> Self {
        self.invalid_names = invalid_names;
        self
    }

    /// Maximum number of concurrent requests of one `get_ranges`, and of objects that one `delete_stream` deletes at a
    /// time. Defaults to 10, and is at least 1.
    pub const fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Builds the store. Nothing is sent.
    ///
    /// # Errors
    /// If the prefix is not a valid path.
    pub fn build(self) -> Result<B2Store, ConfigError> {
        let prefix = Prefix::parse(&self.prefix).ok_or_else(|| {
            ConfigError::new(format!("the prefix {:?} is not a valid path", self.prefix))
        })?;
        Ok(B2Store::from_parts(self, prefix))
    }
}

impl fmt::Display for B2Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shared.prefix.as_str() {
            "" => write!(f, "B2({})", self.shared.bucket.name()),
            prefix => write!(f, "B2({}/{prefix})", self.shared.bucket.name()),
        }
    }
}

impl fmt::Debug for B2Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("B2Store")
            .field("bucket", &self.shared.bucket.name())
            .field("prefix", &self.shared.prefix.as_str())
            .field("coordinates_creates", &self.shared.slot.is_some())
            .field("deletion", &self.shared.deletion)
            .field("invalid_names", &self.shared.invalid_names)
            .finish_non_exhaustive()
    }
}
