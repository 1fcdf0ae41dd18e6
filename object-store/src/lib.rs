//! Backblaze B2 as an [`object_store`](https://docs.rs/object_store), over B2's native API.
//!
//! The data engines of Rust reach their storage through that crate: DataFusion, Ballista, Delta Lake, Lance, Polars,
//! SlateDB. [`B2Store`] lets each of them work on a bucket of B2, with what `b2kit` guarantees: uploads that B2 has
//! checked, downloads that are checked, safe retries.
//!
//! ```
//! use b2kit_object_store::B2Store;
//! use b2kit_object_store::v0_14::object_store::{ObjectStore, ObjectStoreExt, path::Path};
//! # use b2kit::{Client, Credentials, api::CreateBucket, backend::emulator::Emulator};
//! # use b2kit::types::{BucketName, BucketType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures::executor::block_on(async {
//! # let b2 = Emulator::new();
//! # let client = Client::builder()
//! #     .credentials(Credentials::new(b2.key_id(), b2.key())?).endpoint(b2.url()).backend(b2).build()?;
//! # client.call(CreateBucket::new(BucketName::new("holiday-photos")?, BucketType::AllPrivate)).await?;
//! let store = B2Store::builder(client.bucket("holiday-photos").await?).prefix("2026").build()?;
//!
//! let put = store.put(&Path::from("cat.txt"), "meow".into()).await?;
//! let got = store.get(&Path::from("cat.txt")).await?;
//! assert_eq!(got.meta.version, put.version); // the file id, which is also the e_tag
//! assert_eq!(got.bytes().await?, "meow");
//! # Ok(()) }) }
//! ```
//!
//! # Which version
//! Engines are split between two versions of `object_store`. The features `v0_14` (on by default) and `v0_13` make
//! [`B2Store`] a store of either, or of both at once, from one source; the modules of these names have the version
//! that they are for.
//!
//! # From a URL
//! [`B2StoreBuilder::from_url`] makes a store of `b2://bucket/prefix` and [`OPTIONS`], among them B2's own variables
//! `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`. `object_store`'s `parse_url_opts` knows a closed list of schemes,
//! so there is one here, in [`v0_14`] and `v0_13`.
//!
//! # What is what
//! | `object_store` | B2 |
//! |---|---|
//! | location | the file name, below the store's prefix |
//! | `version` and `e_tag` | the file id: a version never changes |
//! | `last_modified` | when the upload began |
//! | `ContentType` | the content type; without one B2 goes by the name's ending |
//! | `CacheControl`, `ContentDisposition`, `ContentEncoding`, `ContentLanguage` | file info: `b2-cache-control` and so on |
//! | `Metadata` | file info |
//! | delete | hide: see [`Deletion`] |
//! | `put_multipart` | a large file |
//! | copy | within B2, of any size |
//! | `list_with_offset` | begins there: nothing before it is asked for |
//!
//! Conditions of `get_opts` are evaluated on the version whose bytes come, in the same response. `get_ranges` fetches
//! neighbours together, several ranges at once, and all of one version.
//!
//! What B2 can't do stands in [`Limit`]. Names that are no paths are left out of listings, or reported:
//! [`InvalidNames`].
//!
//! # If there is none yet
//! B2 has no conditional upload. With [`coordinate_creates`](B2StoreBuilder::coordinate_creates) `PutMode::Create`,
//! `copy_if_not_exists` and `rename_if_not_exists` work all the same, through one entry of a bucket's info on which
//! writers agree; [`Create`](b2kit::transfer::Create) says how, on which properties of B2 it rests, and what it costs.
//! Without, they are `NotImplemented` before anything is sent.
//!
//! # Errors
//! | `object_store` | |
//! |---|---|
//! | `NotFound` | there is no such object. Never for a bucket that doesn't exist, which is `Generic` |
//! | `AlreadyExists` | of creates: there is one, and nothing was changed |
//! | `Precondition`, `NotModified` | conditions of `get_opts` |
//! | `PermissionDenied`, `Unauthenticated` | the key may not do this, or is none |
//! | `NotImplemented`, `NotSupported` | see [`Limit`]; nothing was sent |
//! | `Generic` | all else. Its source is a [`b2kit::Error`], which says whether the operation [may have taken effect](b2kit::Error::may_have_taken_effect) |
//!
//! # Cancellation
//! Nothing is spawned: work goes on only while futures and streams are polled, and dropping them ends it. A multipart
//! upload that is dropped without `complete` or `abort` leaves an unfinished large file, for whose parts B2 charges;
//! the lifecycle rule `daysFromStartingToCancelingUnfinishedLargeFiles` or
//! [`BucketHandle::cancel_unfinished`](b2kit::BucketHandle::cancel_unfinished) clears it up.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "v0_13", feature = "v0_14")),
    expect(
        dead_code,
        reason = "without a version there is nobody to translate for"
    )
)]
#![cfg_attr(
    all(feature = "v0_13", feature = "v0_14"),
    expect(
        clippy::duplicate_mod,
        reason = "the adapter is compiled once for each version of object_store"
    )
)]

mod bucket;
mod config;
mod failure;
mod limit;
mod list;
mod lone_parts;
mod multipart;
mod names;
mod payload;
mod ranges;
mod read;
mod reserved;
mod store;
mod write;

pub use config::{ConfigError, OPTIONS};
pub use limit::Limit;
pub use store::{B2Store, B2StoreBuilder, Deletion, InvalidNames};

/// For `object_store` 0.14: parquet 60, SlateDB 0.18, Lance 14.
#[cfg(feature = "v0_14")]
#[path = "."]
pub mod v0_14 {
    #[doc(no_inline)]
    pub use object_store_0_14 as object_store;

    #[path = "adapter/mod.rs"]
    mod adapter;
    #[path = "compat_0_14.rs"]
    mod compat;

    pub use adapter::parse_url_opts;
}

/// For `object_store` 0.13: DataFusion 55, Ballista 55, Delta Lake 1.1, Polars 0.55.
#[cfg(feature = "v0_13")]
#[path = "."]
pub mod v0_13 {
    #[doc(no_inline)]
    pub use object_store_0_13 as object_store;

    #[path = "adapter/mod.rs"]
    mod adapter;
    #[path = "compat_0_13.rs"]
    mod compat;

    pub use adapter::parse_url_opts;
}

/// The README's program runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
