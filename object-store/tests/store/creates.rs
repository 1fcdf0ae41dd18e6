//! Conditional creates.

use b2kit::api::{HideFile, ListFileVersions};
use b2kit::transfer::is_create_stage;
use b2kit::types::FileName;
use b2kit::{Client, Credentials, DeleteScope, HttpClient as _, OriginToken, Request};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Attribute, Attributes, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions,
};
use futures::TryStreamExt as _;
use futures::future::join_all;

use crate::fixture::{Fixture, Transport, run};

fn create() -> PutOptions {
    PutMode::Create.into()
}

async fn unfinished_creates(fixture: &Fixture) -> usize {
    let rows = fixture
        .client
        .paginate(ListFileVersions::new(fixture.bucket.id()));
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.iter()
        .filter(|row| is_create_stage(row.file_name()))
        .count()
}

#[test]
fn of_concurrent_creates_of_a_name_one_succeeds_and_its_bytes_are_stored() {
    run(async {
        for (transport, faulty) in [(Transport::InProcess, true), (Transport::Http, false)] {
            let fixture = Fixture::new(transport).await;
            if faulty {
                fixture.inject_faults(9);
            }
            for round in 0..3 {
                let path = Path::from(format!("table/_log/{round:020}.json"));
                let writers = (0..6).map(|writer| {
                    let (store, path) = (fixture.coordinated(), path.clone());
                    async move {
                        let bytes = format!("commit of writer {writer}");
                        store.put_opts(&path, bytes.into(), create()).await
                    }
                });
                let outcomes = join_all(writers).await;
                let winners: Vec<_> = outcomes
                    .iter()
                    .filter_map(|outcome| outcome.as_ref().ok())
                    .collect();
                assert_eq!(winners.len(), 1, "{outcomes:?}");
                let losers = outcomes
                    .iter()
                    .filter(|outcome| matches!(outcome, Err(Error::AlreadyExists { .. })));
                assert_eq!(losers.count(), 5, "{outcomes:?}");
                let there = fixture.coordinated().get(&path).await.unwrap();
                assert_eq!(there.meta.version, winners[0].version);
                let number = outcomes.iter().position(Result::is_ok).unwrap();
                let expected = format!("commit of writer {number}");
                assert_eq!(there.bytes().await.unwrap(), expected);
            }
            assert_eq!(unfinished_creates(&fixture).await, 0);
        }
    });
}

#[test]
fn of_concurrent_copies_to_a_name_one_succeeds_without_a_download() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = fixture.coordinated();
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "text/plain"),
            (Attribute::Metadata("table".into()), "sales"),
        ]);
        let from: Vec<_> = (0..4)
            .map(|writer| Path::from(format!("staged/{writer}")))
            .collect();
        for path in &from {
            store
                .put_opts(
                    path,
                    path.as_ref().to_owned().into(),
                    attributes.clone().into(),
                )
                .await
                .unwrap();
        }
        let before = (
            fixture.calls_of("b2_upload_file"),
            fixture.calls_of("b2_download_file_by_name"),
        );
        let to = Path::from("committed");
        let copies = from.iter().map(|path| store.copy_if_not_exists(path, &to));
        let outcomes = join_all(copies).await;
        let won = outcomes.iter().position(Result::is_ok).unwrap();
        let lost = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(Error::AlreadyExists { .. })));
        assert_eq!(lost.count(), 3, "{outcomes:?}");
        assert_eq!(
            before,
            (
                fixture.calls_of("b2_upload_file"),
                fixture.calls_of("b2_download_file_by_name")
            )
        );
        let there = store.get(&to).await.unwrap();
        assert_eq!(there.attributes, attributes);
        assert_eq!(there.bytes().await.unwrap(), from[won].as_ref().to_owned());
        assert_eq!(unfinished_creates(&fixture).await, 0);
    });
}

#[test]
fn creates_ask_b2_for_existing_objects_and_not_a_download_origin() {
    run(async {
        let fixture = Fixture::in_process().await;
        let emulator = fixture.emulator.clone();
        let client = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .download_origin("https://cache.example", OriginToken::Withhold)
            .backend(move |request: Request| {
                let emulator = emulator.clone();
                assert_ne!(request.uri().host(), Some("cache.example"));
                async move { emulator.send(request).await }
            })
            .build()
            .unwrap();
        let bucket = client.bucket("lakehouse").await.unwrap();
        let store = B2Store::builder(bucket).coordinate_creates(&fixture.slot);
        let store = store.build().unwrap();
        let (a, b) = (Path::from("a"), Path::from("b"));
        store.put_opts(&a, "x".into(), create()).await.unwrap();
        store.copy_if_not_exists(&a, &b).await.unwrap();
        for error in [
            store.put_opts(&a, "y".into(), create()).await.unwrap_err(),
            store.copy_if_not_exists(&a, &b).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
        }
    });
}

#[test]
fn a_source_deleted_during_a_copy_if_not_exists_is_not_found() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (emulator, other) = (fixture.emulator.clone(), fixture.bucket.clone());
        let client = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(move |request: Request| {
                let (emulator, other) = (emulator.clone(), other.clone());
                async move {
                    if request.uri().path().ends_with("/b2_copy_file") {
                        let deleted = other.delete("a", DeleteScope::AllVersions).await;
                        deleted.unwrap();
                    }
                    emulator.send(request).await
                }
            })
            .build()
            .unwrap();
        let bucket = client.bucket("lakehouse").await.unwrap();
        let store = B2Store::builder(bucket).coordinate_creates(&fixture.slot);
        let store = store.build().unwrap();
        let (a, b) = (Path::from("a"), Path::from("b"));
        store.put(&a, "x".into()).await.unwrap();
        let error = store.copy_if_not_exists(&a, &b).await.unwrap_err();
        assert!(
            matches!(&error, Error::NotFound { path, .. } if path == "a"),
            "{error:?}"
        );
        assert!(store.list(None).try_next().await.unwrap().is_none());
    });
}

#[test]
fn rename_if_not_exists_renames_an_object_or_changes_nothing() {
    run(async {
        let store = Fixture::in_process().await.coordinated();
        let (a, b) = (Path::from("a"), Path::from("b"));
        store.put(&a, "of a".into()).await.unwrap();
        store.put(&b, "of b".into()).await.unwrap();
        let error = store.rename_if_not_exists(&a, &b).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
        assert_eq!(store.get(&a).await.unwrap().bytes().await.unwrap(), "of a");
        assert_eq!(store.get(&b).await.unwrap().bytes().await.unwrap(), "of b");
        store.delete(&b).await.unwrap();
        store.rename_if_not_exists(&a, &b).await.unwrap();
        assert_eq!(store.get(&b).await.unwrap().bytes().await.unwrap(), "of a");
        assert!(matches!(
            store.head(&a).await.unwrap_err(),
            Error::NotFound { .. }
        ));
    });
}

#[test]
fn a_hidden_name_can_be_created_and_the_object_has_only_the_users_attributes() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = fixture.coordinated();
        let path = Path::from("a.bin");
        store.put(&path, "old".into()).await.unwrap();
        fixture
            .client
            .call(HideFile::new(
                fixture.bucket.id(),
                FileName::new("a.bin").unwrap(),
            ))
            .await
            .unwrap();
        let attributes = Attributes::from_iter([(Attribute::ContentType, "application/x-table")]);
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: attributes.clone(),
            ..PutOptions::default()
        };
        let put = store.put_opts(&path, "new".into(), options).await.unwrap();
        let got = store.get(&path).await.unwrap();
        assert_eq!(got.attributes, attributes);
        assert_eq!((got.meta.e_tag, got.meta.version), (put.e_tag, put.version));
    });
}

#[test]
fn unfinished_creates_can_not_be_listed_read_written_or_deleted() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = fixture.coordinated();
        let stage = ".b2kit-create/0123456789abcdef0123456789abcdef";
        fixture
            .bucket
            .upload(stage, "of a writer that died")
            .await
            .unwrap();
        store.put(&Path::from("a"), "a".into()).await.unwrap();
        let listed: Vec<_> = store
            .list(None)
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed, [Path::from("a")]);
        let children = store.list_with_delimiter(None).await.unwrap();
        assert_eq!(
            (children.objects.len(), children.common_prefixes.len()),
            (1, 0)
        );
        let path = Path::from(stage);
        for outcome in [
            store.head(&path).await.err(),
            store.get(&path).await.err(),
            store.copy(&path, &Path::from("b")).await.err(),
        ] {
            assert!(
                matches!(outcome, Some(Error::NotFound { .. })),
                "{outcome:?}"
            );
        }
        let requests = fixture.requests();
        let error = store.put(&path, "mine".into()).await.unwrap_err();
        assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        store.delete(&path).await.unwrap();
        assert_eq!(fixture.requests(), requests);
        assert_eq!(unfinished_creates(&fixture).await, 1);
        // With a prefix, the reserved names are outside of the store.
        let prefixed = B2Store::builder(fixture.bucket.clone())
            .prefix("p")
            .build()
            .unwrap();
        prefixed.put(&path, "mine".into()).await.unwrap();
    });
}
