//! Several writers append to one log, as Delta Lake does: each entry is an object that can be created only once. Of the
//! writers that create the same entry, one succeeds and the others continue with the next entry.
//!
//! ```sh
//! cargo run -p b2kit-object-store --example commit_log
//! ```

use b2kit::backend::emulator::Emulator;
use b2kit::transfer::CreateSlot;
use b2kit::types::BucketType;
use b2kit::{Client, Credentials};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Error, ObjectStore as _, ObjectStoreExt as _, PutMode,
};
use futures::TryStreamExt as _;
use futures::future::try_join_all;

const WRITERS: usize = 4;
/// Entries of each writer.
const ENTRIES: usize = 3;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) fn main() -> Outcome<()> {
    futures::executor::block_on(run())
}

async fn run() -> Outcome<()> {
    let emulator = Emulator::new();
    let client = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(emulator.url())
        .backend(emulator)
        .build()?;
    // The real service: let client = Client::from_env()?;

    let bucket = client.get_or_create_bucket("lakehouse", BucketType::AllPrivate);
    // The same one for all writers.
    let coordination = client.get_or_create_bucket("coordination", BucketType::AllPrivate);
    let store = B2Store::builder(bucket.await?)
        .prefix("log")
        .coordinate_creates(&CreateSlot::new(coordination.await?))
        .build()?;

    try_join_all((0..WRITERS).map(|writer| append(&store, writer))).await?;

    let entries: Vec<_> = store.list(None).try_collect().await?;
    for entry in &entries {
        let text = store.get(&entry.location).await?.bytes().await?;
        println!("{} {}", entry.location, String::from_utf8_lossy(&text));
    }
    assert_eq!(entries.len(), WRITERS * ENTRIES);
    Ok(())
}

async fn append(store: &B2Store, writer: usize) -> Outcome<()> {
    let mut number = 0;
    for entry in 1..=ENTRIES {
        let text = format!("entry {entry} of writer {writer}");
        while !create(store, number, &text).await? {
            number += 1;
        }
        number += 1;
    }
    Ok(())
}

/// Whether this call created the entry; `false` if another writer had. After an error the entry may still have been
/// created: see [`b2kit::Error::may_have_taken_effect`].
async fn create(store: &B2Store, number: u64, text: &str) -> Result<bool, Error> {
    let path = Path::from(format!("{number:020}"));
    let created = store.put_opts(&path, text.to_owned().into(), PutMode::Create.into());
    match created.await {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
