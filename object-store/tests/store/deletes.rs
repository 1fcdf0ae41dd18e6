//! Deletes: hiding, or deleting all versions.

use b2kit::api::{ListFileVersions, StartLargeFile};
use b2kit::backend::emulator::{Fault, FaultKind, Latch};
use b2kit::types::{Action, FileName};
use b2kit::{Client, Credentials, HttpClient as _, Request};
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{Error, ObjectStore as _, ObjectStoreExt as _};
use b2kit_object_store::{B2Store, Deletion};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::fixture::{Fixture, run};

async fn actions(fixture: &Fixture, name: &str) -> Vec<Action> {
    let rows = fixture
        .client
        .paginate(ListFileVersions::new(fixture.bucket.id()).prefix(name));
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.into_iter()
        .filter_map(|row| Some(row.into_version()?.action))
        .collect()
}

fn with_all_versions_deleted(fixture: &Fixture) -> B2Store {
    B2Store::builder(fixture.bucket.clone())
        .deletion(Deletion::AllVersions)
        .build()
        .unwrap()
}

#[test]
fn a_delete_hides_so_that_no_older_version_reappears() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("a"));
        for bytes in ["first", "second"] {
            store.put(&path, bytes.into()).await.unwrap();
        }
        store.delete(&path).await.unwrap();
        assert!(matches!(
            store.head(&path).await.unwrap_err(),
            Error::NotFound { .. }
        ));
        assert_eq!(
            actions(&fixture, "a").await,
            [Action::Hide, Action::Upload, Action::Upload]
        );
        // Repeating it is no error, and adds no second marker.
        store.delete(&path).await.unwrap();
        store.delete(&Path::from("never there")).await.unwrap();
        assert_eq!(actions(&fixture, "a").await.len(), 3);
    });
}

#[test]
fn deletion_all_versions_deletes_all_versions_of_a_file_and_of_no_other() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (with_all_versions_deleted(&fixture), Path::from("a"));
        for name in ["a", "a", "a/b", "ab"] {
            store
                .put(&Path::from(name), name.to_owned().into())
                .await
                .unwrap();
        }
        // Another writer's unfinished upload is kept.
        let start = StartLargeFile::new(fixture.bucket.id(), FileName::new("a").unwrap());
        fixture.client.call(start).await.unwrap();
        store.delete(&path).await.unwrap();
        assert_eq!(
            actions(&fixture, "a").await,
            [Action::Start, Action::Upload, Action::Upload]
        );
        assert!(store.head(&Path::from("a/b")).await.is_ok());
    });
}

#[test]
fn deletion_all_versions_deletes_versions_concurrently_and_the_marker_after_them() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (with_all_versions_deleted(&fixture), Path::from("a"));
        for _ in 0..4 {
            store.put(&path, "x".into()).await.unwrap();
        }
        let latch = Latch::new();
        let held = Fault::new(FaultKind::Wait(latch.clone())).on("b2_delete_file_version");
        fixture.emulator.faults().add(held);
        let open = async {
            while latch.waiting() < 4 {
                tokio::task::yield_now().await;
            }
            let there = actions(&fixture, "a").await;
            latch.open();
            there
        };
        let (deleted, there) = futures::join!(store.delete(&path), open);
        deleted.unwrap();
        assert_eq!(there[0], Action::Hide);
        assert_eq!(actions(&fixture, "a").await, []);
        assert_eq!(fixture.calls_of("b2_delete_file_version"), 5);
    });
}

#[test]
fn a_rename_deletes_no_version_that_was_written_after_the_copy() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (emulator, other) = (fixture.emulator.clone(), fixture.bucket.clone());
        let client = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(move |request: Request| {
                let (emulator, other) = (emulator.clone(), other.clone());
                async move {
                    let is_copy = request.uri().path().ends_with("/b2_copy_file");
                    let response = emulator.send(request).await;
                    if is_copy {
                        other.upload("a", "written since").await.unwrap();
                    }
                    response
                }
            })
            .build()
            .unwrap();
        let bucket = client.bucket(fixture.bucket.name().as_str()).await.unwrap();
        let store = B2Store::builder(bucket)
            .deletion(Deletion::AllVersions)
            .build()
            .unwrap();
        let (a, b) = (Path::from("a"), Path::from("b"));
        for bytes in ["first", "second"] {
            store.put(&a, bytes.into()).await.unwrap();
        }
        store.rename(&a, &b).await.unwrap();
        assert!(store.head(&a).await.is_err());
        assert_eq!(
            actions(&fixture, "a").await,
            [Action::Hide, Action::Upload],
            "the copied version and the one beneath it are deleted"
        );
        let copied = store.get(&b).await.unwrap().bytes().await.unwrap();
        assert_eq!(copied, "second");
    });
}

#[test]
fn an_interrupted_deletion_of_all_versions_can_be_repeated_and_no_version_reappears() {
    run(async {
        for nth in 1..=3 {
            let fixture = Fixture::in_process().await;
            let (store, path) = (with_all_versions_deleted(&fixture), Path::from("a"));
            for bytes in ["first", "second"] {
                store.put(&path, bytes.into()).await.unwrap();
            }
            let refusal = FaultKind::storage_cap_exceeded();
            let fault = Fault::new(refusal).on("b2_delete_file_version").nth(nth);
            fixture.emulator.faults().add(fault);
            store.delete(&path).await.unwrap_err();
            assert!(
                matches!(store.head(&path).await.unwrap_err(), Error::NotFound { .. }),
                "{nth}"
            );
            store.delete(&path).await.unwrap();
            assert_eq!(actions(&fixture, "a").await, [], "{nth}");
        }
    });
}

#[test]
fn delete_stream_yields_each_path_in_order_and_continues_after_an_error() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = fixture.uncoordinated();
        let paths: Vec<_> = (0..30)
            .map(|number| Path::from(format!("{number:02}")))
            .collect();
        for path in &paths {
            store.put(path, "x".into()).await.unwrap();
        }
        let refused = Fault::new(FaultKind::storage_cap_exceeded())
            .on("b2_hide_file")
            .name("07");
        fixture.emulator.faults().add(refused);
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
