//! [`B2Store`] and what it can be told.

use std::fmt;
use std::sync::Arc;

use b2kit::BucketHandle;
use b2kit::transfer::CreateSlot;
use b2kit::types::{ContentType, FileInfo};

use crate::bucket::LazyBucket;
use crate::config_error::ConfigError;
use crate::lone_parts::LoneParts;
use crate::names::Prefix;

/// The requests that one operation on many objects or ranges has under way at once, unless the store is told otherwise.
const CONCURRENCY: usize = 10;

/// A bucket of B2, or what is below a prefix in it, as an `object_store`. Clones are cheap and share everything.
///
/// It implements `ObjectStore`, `MultipartStore` and `PaginatedListStore` of each version whose feature is on. What it
/// can't do stands in [`Limit`](crate::Limit).
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
    pub(crate) lone_parts: LoneParts,
}

/// Where creates are coordinated.
#[derive(Debug, Clone)]
pub(crate) struct Slot(LazyBucket);

impl Slot {
    pub(crate) async fn get(&self) -> Result<CreateSlot, b2kit::Error> {
        Ok(CreateSlot::new(self.0.get().await?.clone()))
    }
}

/// What is kept beside an object's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) content_type: Option<ContentType>,
    pub(crate) info: FileInfo,
}

/// What deleting an object does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deletion {
    /// The name is hidden; B2 keeps the versions, and charges for them. With the lifecycle rule
    /// `daysFromHidingToDeleting: 1` B2 deletes them a day later.
    #[default]
    Hide,
    /// The name is hidden first, so that no older version comes back, and then all its versions are deleted, the hide
    /// marker last. No lifecycle rule is needed. It costs a call for each version, which is free (class A), and one
    /// listing (class C). It is for keys that may `deleteFiles` and `listFiles`.
    AllVersions,
}

/// What a listing does with file names that no path of `object_store` can have: `a//b`, names with a slash at the
/// beginning or the end, with a segment `.` or `..`, or with control characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidNames {
    /// They are left out; `tracing` hears of each, at the level `debug`. Tools that show folders make such names
    /// (`photos/`), so a listing that failed for them would be of no use.
    #[default]
    Skip,
    /// Each is an error in the listing. The listing goes on after it.
    Report,
}

/// Sets up a [`B2Store`].
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
    /// The whole of this bucket, with the defaults.
    #[must_use]
    pub fn new(bucket: BucketHandle) -> Self {
        let builder = Self::builder(bucket);
        Self::from_parts(builder, Prefix::default())
    }

    /// Sets up a store in this bucket.
    pub fn builder(bucket: BucketHandle) -> B2StoreBuilder {
        B2StoreBuilder::of(LazyBucket::known(bucket))
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
                lone_parts: LoneParts::default(),
            }),
        }
    }

    /// The client that reaches the bucket.
    #[must_use]
    pub fn client(&self) -> &b2kit::Client {
        self.shared.bucket.client()
    }

    /// The bucket. Its id is asked for where the store was made from a URL and has not needed it yet.
    ///
    /// # Errors
    /// [`NotFound`](b2kit::ErrorKind::NotFound) if there is no such bucket.
    pub async fn bucket(&self) -> Result<&BucketHandle, b2kit::Error> {
        self.shared.bucket.get().await
    }
}

impl B2StoreBuilder {
    pub(crate) const fn of(bucket: LazyBucket) -> Self {
        Self {
            bucket,
            prefix: String::new(),
            slot: None,
            deletion: Deletion::Hide,
            invalid_names: InvalidNames::Skip,
            concurrency: CONCURRENCY,
        }
    }

    /// Only what is below this prefix, as if there were nothing else: `tables/sales`. Slashes at its ends don't matter.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Turns on `PutMode::Create`, `copy_if_not_exists` and `rename_if_not_exists`, which B2 itself doesn't have:
    /// writers agree through this slot on who creates a name. All who write the same names have to use the same slot;
    /// see [`Create`](b2kit::transfer::Create) for the rules, for what it rests on and what it costs. The slot
    /// serialises creates, so a small bucket for each table is the best place, reached by a client whose key may
    /// `writeBuckets`.
    pub fn coordinate_creates(mut self, slot: &CreateSlot) -> Self {
        self.slot = Some(LazyBucket::known(slot.bucket().clone()));
        self
    }

    /// What deleting an object does. Defaults to [`Deletion::Hide`].
    pub const fn deletion(mut self, deletion: Deletion) -> Self {
        self.deletion = deletion;
        self
    }

    /// What listings do with names that are no paths. Defaults to [`InvalidNames::Skip`].
    pub const fn invalid_names(mut self, invalid_names: InvalidNames) -> Self {
        self.invalid_names = invalid_names;
        self
    }

    /// The requests that one `get_ranges`, or one `delete_stream`, has under way at once. Defaults to 10; 0 is taken
    /// as 1.
    pub const fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Makes the store. Nothing is sent.
    ///
    /// # Errors
    /// If the prefix is none that a path can have.
    pub fn build(self) -> Result<B2Store, ConfigError> {
        let prefix = Prefix::parse(&self.prefix)
            .ok_or_else(|| ConfigError::new(format!("the prefix {:?} is no path", self.prefix)))?;
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
