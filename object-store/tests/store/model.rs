//! Random operations have the same outcomes on a B2 store and on `object_store`'s in-memory store.

use b2kit_object_store::v0_14::object_store::memory::InMemory;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode,
};
use futures::TryStreamExt as _;

use crate::fixture::{Fixture, run};

const PATHS: [&str; 9] = [
    "a", "a/b", "a/b/c", "a b", "a/😀", "b", "b/%2F", "b/c/d", "z",
];

/// The outcome of a random operation, as far as both stores can have the same.
async fn outcome(store: &dyn ObjectStore, chance: &mut fastrand::Rng) -> String {
    let path = Path::parse(PATHS[chance.usize(..PATHS.len())]).unwrap();
    let other = Path::parse(PATHS[chance.usize(..PATHS.len())]).unwrap();
    let (start, len, choice) = (chance.u64(0..40), chance.u64(0..40), chance.u32(0..100));
    let bytes = vec![chance.u8(..); len as usize];
    match choice {
        0..25 => summarize(store.put(&path, bytes.into()).await.map(drop)),
        25..35 => summarize(
            store
                .put_opts(&path, bytes.into(), PutMode::Create.into())
                .await
                .map(drop),
        ),
        35..45 => {
            let listed = store
                .list(Some(&path))
                .map_ok(|meta| (meta.location, meta.size));
            let mut listed: Vec<_> = listed.try_collect().await.unwrap();
            listed.sort();
            format!("{listed:?}")
        }
        45..50 => {
            let listed = store
                .list_with_offset(None, &other)
                .map_ok(|meta| meta.location);
            let mut listed: Vec<_> = listed.try_collect().await.unwrap();
            listed.sort();
            format!("{listed:?}")
        }
        50..58 => {
            let mut children = store.list_with_delimiter(Some(&path)).await.unwrap();
            children.common_prefixes.sort();
            let mut objects: Vec<_> = children
                .objects
                .iter()
                .map(|meta| meta.location.clone())
                .collect();
            objects.sort();
            format!("{:?} {objects:?}", children.common_prefixes)
        }
        58..75 => {
            let range = match chance.u32(0..4) {
                0 => None,
                1 => Some(GetRange::Bounded(start..start + len.max(1))),
                2 => Some(GetRange::Offset(start)),
                _ => Some(GetRange::Suffix(len)),
            };
            match store
                .get_opts(&path, GetOptions::new().with_range(range))
                .await
            {
                Ok(got) => {
                    let (size, range) = (got.meta.size, got.range.clone());
                    format!("{size} {range:?} {:?}", got.bytes().await.unwrap())
                }
                Err(error) => summarize(Err(error)),
            }
        }
        75..85 => summarize(store.copy(&path, &other).await),
        85..90 => summarize(store.copy_if_not_exists(&path, &other).await),
        90..93 if path != other => summarize(store.rename(&path, &other).await),
        _ => summarize(store.delete(&path).await),
    }
}

fn summarize(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "done".into(),
        Err(Error::NotFound { .. }) => "not found".into(),
        Err(Error::AlreadyExists { .. }) => "already exists".into(),
        Err(_) => "error".into(),
    }
}

#[test]
fn random_operations_have_the_same_outcomes_as_on_the_in_memory_store() {
    for seed in 0..6 {
        run(async {
            let fixture = Fixture::in_process().await;
            let (store, model) = (fixture.coordinated(), InMemory::new());
            let mut chance = fastrand::Rng::with_seed(seed);
            for step in 0..150 {
                let mut same = chance.fork();
                let mut again = same.clone();
                let (ours, theirs) = (
                    outcome(&store, &mut same).await,
                    outcome(&model, &mut again).await,
                );
                assert_eq!(ours, theirs, "seed {seed}, step {step}");
            }
        });
    }
}
