//! Backblaze B2 as an [`object_store`](https://docs.rs/object_store), over B2's native API.
//!
//! Rust's data engines access storage through that crate: DataFusion, Ballista, Delta Lake, Lance, Polars, SlateDB.
//! [`B2Store`] gives them a B2 bucket with the guarantees of `b2kit`: every upload is verified by its SHA-1, and so is
//! every whole-object download for which B2 stores one; only calls that are safe to retry are retried.
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
//! # Versions of `object_store`
//! Engines use two versions of `object_store`. With the feature `v0_14` (on by default), `v0_13` or both, [`B2Store`]
//! implements the traits of these versions. The modules [`v0_14`] and `v0_13` re-export them.
//!
//! # From a URL
//! [`B2StoreBuilder::from_url`] makes a store from a URL, `b2://bucket/prefix`, and [`OPTIONS`], which include
//! `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`. `object_store::parse_url_opts` only knows its own schemes; the
//! modules [`v0_14`] and `v0_13` have a `parse_url_opts` for `b2://`.
//!
//! # How objects are stored
//! | `object_store` | B2 |
//! |---|---|
//! | location | the file name, without the store's prefix |
//! | `version` and `e_tag` | the file id, since a version never changes |
//! | `last_modified` | when the upload began |
//! | `ContentType` | the content type; if it is missing, B2 chooses one by the file extension |
//! | `CacheControl`, `ContentDisposition`, … | file info: `b2-cache-control`, `b2-content-disposition`, … |
//! | `Metadata` | file info |
//! | delete | hides the file; see [`Deletion`] |
//! | `put_multipart` | a large file |
//! | copy | a copy within B2, of any size; of at most 5 GB if the new name has to be free |
//! | `list_with_offset` | a listing that starts there, so earlier names cost nothing |
//!
//! The conditions of `get_opts` are evaluated against the response that has the bytes. `get_ranges` merges adjacent
//! ranges into one request, makes several requests concurrently, and returns bytes of a single version. A request
//! covers gaps between ranges only while they are at most three times as long as the ranges in it, plus 256 KiB.
//!
//! Listings are in the order of the names' bytes. Engines rely on that, although `object_store` doesn't promise it.
//! Listings skip or report file names that are not valid paths: [`InvalidNames`]. [`Limit`] lists what B2 can't do.
//!
//! # Conditional creates
//! B2 has no conditional upload. With [`coordinate_creates`](B2StoreBuilder::coordinate_creates), `PutMode::Create`,
//! `copy_if_not_exists` and `rename_if_not_exists` work through an entry of a bucket's info, which writers update
//! conditionally; [`Create`](b2kit::transfer::Create) describes the protocol and its cost,
//! [`put_if_absent`](b2kit::transfer::put_if_absent) its assumptions. Otherwise they fail with `NotImplemented` before
//! anything is sent.
//!
//! # Errors
//! | `object_store` | |
//! |---|---|
//! | `NotFound` | there is no such object; or for a `get`, no such bucket, which is `Generic` in other operations |
//! | `AlreadyExists` | a create found an object of this name, and changed nothing |
//! | `Precondition`, `NotModified` | a condition of `get_opts` is not met |
//! | `PermissionDenied`, `Unauthenticated` | the key lacks a capability, or is not valid |
//! | `NotImplemented`, `NotSupported` | see [`Limit`]; nothing was sent |
//! | `Generic` | anything else |
//!
//! The source of an error that B2 or the network caused is a [`b2kit::Error`], which says whether the operation
//! [may have taken effect](b2kit::Error::may_have_taken_effect). Other sources that say more are [`LimitError`] and
//! [`InvalidNameError`].
//!
//! # Cancellation
//! Nothing is spawned: work is done only while futures and streams are polled, and dropping them stops it. A multipart
//! upload that is dropped without `complete` or `abort` leaves an unfinished large file, and B2 charges for its parts.
//! The lifecycle rule `daysFromStartingToCancelingUnfinishedLargeFiles` removes it, or
//! [`BucketHandle::cancel_unfinished`](b2kit::BucketHandle::cancel_unfinished).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "v0_13", feature = "v0_14")),
    expect(
        dead_code,
        reason = "without a version of object_store, nothing uses the rest"
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
mod config_error;
mod first_parts;
mod hidden_versions;
mod invalid_name_error;
mod limit;
mod limit_error;
mod list;
mod multipart;
mod names;
mod payload;
mod ranges;
mod read;
mod reserved;
mod store;
mod store_error;
mod write;

pub use config::OPTIONS;
pub use config_error::ConfigError;
pub use invalid_name_error::InvalidNameError;
pub use limit::Limit;
pub use limit_error::LimitError;
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

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
