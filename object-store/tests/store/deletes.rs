//! Deleting: by hiding, or all versions.

use b2kit::api::{ListFileVersions, StartLargeFile};
use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::types::{Action, FileName};
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{Error, ObjectStore as _, ObjectStoreExt as _};
use b2kit_object_store::{B2Store, Deletion};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::world::{World, run};

async fn actions(world: &World, name: &str) -> Vec<Action> {
    let rows = world
        .client
        .paginate(ListFileVersions::new(world.bucket.id()).prefix(name));
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.into_iter()
        .filter_map(|row| Some(row.into_version()?.action))
        .collect()
}

fn thorough(world: &World) -> B2Store {
    B2Store::builder(world.bucket.clone())
        .deletion(Deletion::AllVersions)
        .build()
        .unwrap()
}

#[test]
fn delete_hides_so_that_the_version_beneath_does_not_come_back() {
    run(async {
        let world = World::in_process().await;
        let (store, path) = (world.uncoordinated(), Path::from("a"));
        for bytes in ["first", "second"] {
            store.put(&path, bytes.into()).await.unwrap();
        }
        store.delete(&path).await.unwrap();
        assert!(matches!(
            store.head(&path).await.unwrap_err(),
            Error::NotFound { .. }
        ));
        assert_eq!(
            actions(&world, "a").await,
            [Action::Hide, Action::Upload, Action::Upload]
        );
        // Once more is the same: one marker, no error.
        store.delete(&path).await.unwrap();
        store.delete(&Path::from("never there")).await.unwrap();
        assert_eq!(actions(&world, "a").await.len(), 3);
    });
}

#[test]
fn all_versions_are_deleted_where_that_is_asked_for_and_nothing_else_is() {
    run(async {
        let world = World::in_process().await;
        let (store, path) = (thorough(&world), Path::from("a"));
        for name in ["a", "a", "a/b", "ab"] {
            store
                .put(&Path::from(name), name.to_owned().into())
                .await
                .unwrap();
        }
        // Somebody else's upload that is under way stays.
        let start = StartLargeFile::new(world.bucket.id(), FileName::new("a").unwrap());
        world.client.call(start).await.unwrap();
        store.delete(&path).await.unwrap();
        assert_eq!(
            actions(&world, "a").await,
            [Action::Start, Action::Upload, Action::Upload]
        );
        assert!(store.head(&Path::from("a/b")).await.is_ok());
    });
}

#[test]
fn an_interrupted_deletion_of_all_versions_brings_none_back_and_can_be_repeated() {
    run(async {
        for nth in 1..=3 {
            let world = World::in_process().await;
            let (store, path) = (thorough(&world), Path::from("a"));
            for bytes in ["first", "second"] {
                store.put(&path, bytes.into()).await.unwrap();
            }
            let refusal = FaultKind::storage_cap_exceeded();
            let fault = Fault::new(refusal).on("b2_delete_file_version").nth(nth);
            world.emulator.faults().add(fault);
            store.delete(&path).await.unwrap_err();
            assert!(
                matches!(store.head(&path).await.unwrap_err(), Error::NotFound { .. }),
                "{nth}"
            );
            store.delete(&path).await.unwrap();
            assert_eq!(actions(&world, "a").await, [], "{nth}");
        }
    });
}

#[test]
fn delete_stream_gives_each_path_in_order_and_goes_on_after_an_error() {
    run(async {
        let world = World::in_process().await;
        let store = world.uncoordinated();
        let paths: Vec<_> = (0..30)
            .map(|number| Path::from(format!("{number:02}")))
            .collect();
        for path in &paths {
            store.put(path, "x".into()).await.unwrap();
        }
        let refused = Fault::new(FaultKind::storage_cap_exceeded())
            .on("b2_hide_file")
            .name("07");
        world.emulator.faults().add(refused);
        let outcomes: Vec<_> = store
            .delete_stream(stream::iter(paths.clone()).map(Ok).boxed())
            .collect()
            .await;
        assert_eq!(outcomes.len(), 30);
        for (path, outcome) in paths.iter().zip(outcomes) {
            match path.as_ref() {
                "07" => assert!(matches!(outcome, Err(Error::Generic { .. }))),
                _ => assert_eq!(outcome.unwrap(), *path),
            }
        }
        let left: Vec<_> = store
            .list(None)
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(left, [Path::from("07")]);
    });
}
