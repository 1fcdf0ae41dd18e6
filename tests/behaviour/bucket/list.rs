//! `list`, `list_folder`, `versions`, `unfinished` and `cancel_unfinished`.

use std::time::Duration;

use b2kit::types::{Action, Capability, FileVersion, ListedFile, Timestamp};
use b2kit::{DeleteMode, Error, ErrorKind};
use futures::{Stream, TryStreamExt as _};

use super::{DELETE, hide, ids, outcomes, put, restricted, rows, stage, start};
use crate::client;
use crate::script::Script;
use crate::uploading::bucket;

async fn names(files: impl Stream<Item = Result<FileVersion, Error>>) -> Vec<String> {
    let names = files.map_ok(|file| file.file_name.to_string());
    names.try_collect().await.unwrap()
}

async fn folder(rows: impl Stream<Item = Result<ListedFile, Error>>) -> Vec<String> {
    let names = rows.map_ok(|row| row.file_name().to_owned());
    names.try_collect().await.unwrap()
}

#[test]
fn list_returns_the_newest_version_of_each_visible_file_with_the_prefix() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["a", "p/1", "p/2", "p/2", "p/3", "q"] {
            put(&bucket, file, "x").await;
        }
        let newest = put(&bucket, "p/2", "newest").await;
        hide(&bucket, "p/1").await;
        start(&bucket, "p/4").await;
        stage(&bucket).await;

        assert_eq!(names(bucket.list("p/")).await, ["p/2", "p/3"]);
        let first = bucket.list("p/").try_next().await.unwrap().unwrap();
        assert_eq!(first.file_id, newest.file_id);
        assert_eq!(names(bucket.list("")).await, ["a", "p/2", "p/3", "q"]);
        assert!(names(bucket.list("none")).await.is_empty());
    });
}

#[test]
fn list_returns_the_files_of_all_pages() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for number in 0..1_001 {
            put(&bucket, &format!("f{number:04}"), "").await;
        }
        assert_eq!(names(bucket.list("f")).await.len(), 1_001);
        assert_eq!(names(bucket.versions("f")).await.len(), 1_001);
    });
    let snapshot = emulator.snapshot();
    assert_eq!(snapshot.calls_of("b2_list_file_names"), 2);
    assert_eq!(snapshot.calls_of("b2_list_file_versions"), 2);
}

#[test]
fn stages_are_listed_only_on_request() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let stage = stage(&bucket).await;
        put(&bucket, ".b", "x").await;
        for prefix in ["", ".", ".b2kit"] {
            let listed = names(bucket.list(prefix)).await;
            assert!(listed.iter().all(|name| name == ".b"), "{listed:?}");
            let listed = names(bucket.versions(prefix)).await;
            assert!(listed.iter().all(|name| name == ".b"), "{listed:?}");
        }
        assert_eq!(folder(bucket.list_folder("")).await, [".b"]);
        for listed in [
            names(bucket.list(".b2kit-create/")).await,
            names(bucket.versions(".b2kit-create/0")).await,
            folder(bucket.list_folder(".b2kit-create")).await,
        ] {
            assert_eq!(listed, [stage.file_name.as_str()]);
        }
    });
}

#[test]
fn list_folder_returns_files_and_each_subfolder_once() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in [
            "a", "p", "p-old/1", "p/1", "p/x/1", "p/x/2", "p/y/z/1", "p/z/1",
        ] {
            put(&bucket, file, "x").await;
        }
        hide(&bucket, "p/z/1").await;
        for name in ["p", "p/"] {
            assert_eq!(
                folder(bucket.list_folder(name)).await,
                ["p/1", "p/x/", "p/y/"]
            );
        }
        assert_eq!(
            folder(bucket.list_folder("")).await,
            ["a", "p", "p-old/", "p/"]
        );
        assert_eq!(folder(bucket.list_folder("p/y/z")).await, ["p/y/z/1"]);
        assert!(folder(bucket.list_folder("none")).await.is_empty());
    });
}

#[test]
fn versions_returns_hide_markers_but_no_unfinished_uploads() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let one = put(&bucket, "f", "1").await;
        let two = put(&bucket, "f", "2").await;
        let marker = hide(&bucket, "f").await;
        let upload = start(&bucket, "f").await;
        let listed: Vec<_> = bucket.versions("f").try_collect().await.unwrap();
        let listed: Vec<_> = listed.iter().map(|version| &version.file_id).collect();
        assert_eq!(listed, [&marker.file_id, &two.file_id, &one.file_id]);

        let files: Vec<_> = bucket.unfinished("").try_collect().await.unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_id, upload.file_id);
    });
}

#[test]
fn a_listing_of_a_missing_bucket_or_outside_the_keys_prefix_ends_with_an_error() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/1", "x").await;
        let key = restricted(&bucket, &emulator, &timer, &[Capability::ListFiles]).await;
        assert_eq!(names(key.list("p/")).await, ["p/1"]);
        assert_eq!(folder(key.list_folder("p")).await, ["p/1"]);
        assert!(names(key.unfinished("p/")).await.is_empty());
        for error in [
            key.list("").try_next().await.unwrap_err(),
            key.list_folder("").try_next().await.unwrap_err(),
            key.versions("q/").try_next().await.unwrap_err(),
            key.unfinished("").try_next().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        }
        bucket
            .delete_all_files(DELETE)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        bucket.delete_bucket().await.unwrap();
        let error = bucket.list("").try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    });
}

#[test]
fn cancel_unfinished_cancels_only_old_uploads_with_the_prefix() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let old = start(&bucket, "p/old").await;
        start(&bucket, "q/old").await;
        put(&bucket, "p/file", "x").await;
        script.clock.advance(Duration::from_secs(60));
        let new = start(&bucket, "p/new").await;
        let before = new.upload_timestamp;

        let would = bucket.cancel_unfinished("p/", before, DeleteMode::DryRun);
        assert_eq!(ids(outcomes(would).await), [old.file_id.as_str()]);
        assert_eq!(rows(&bucket).await.len(), 4);

        let cancelled = bucket.cancel_unfinished("p/", before, DELETE);
        assert_eq!(ids(outcomes(cancelled).await), [old.file_id.as_str()]);
        let left = [
            ("p/file".to_owned(), Action::Upload),
            ("p/new".to_owned(), Action::Start),
            ("q/old".to_owned(), Action::Start),
        ];
        assert_eq!(rows(&bucket).await, left);
        let all = Timestamp::from_millis(i64::MAX);
        assert_eq!(
            outcomes(bucket.cancel_unfinished("", all, DELETE))
                .await
                .len(),
            2
        );
    });
}
