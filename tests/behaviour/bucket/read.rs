//! `stat`, `exists`, and downloads into memory.

use b2kit::types::{ByteRange, Capability};
use b2kit::{ErrorKind, RetryPolicy};

use super::{hide, put, restricted, start};
use crate::client;
use crate::script::{Fault, Script};
use crate::uploading::bucket;

#[test]
fn stat_returns_the_newest_version_of_exactly_this_name_in_one_call() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "1").await;
        let newest = put(&bucket, "f", "22").await;
        put(&bucket, "f-other", "x").await;
        put(&bucket, "f/other", "x").await;
        start(&bucket, "f").await;
        let found = bucket.stat("f").await.unwrap().unwrap();
        assert_eq!((&found.file_id, found.content_length), (&newest.file_id, 2));
        assert_eq!(found.content_sha1, newest.content_sha1);
        assert!(bucket.exists("f/other").await.unwrap());
    });
    assert_eq!(emulator.snapshot().calls_of("b2_list_file_names"), 2);
}

#[test]
fn stat_returns_none_for_missing_and_hidden_files_regardless_of_the_names_after_them() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["f", "f-other", "f/other"] {
            put(&bucket, file, "x").await;
        }
        hide(&bucket, "f").await;
        start(&bucket, "g").await;
        for name in ["f", "f-", "f/", "g", "h", "F"] {
            assert_eq!(bucket.stat(name).await.unwrap(), None, "{name}");
            assert!(!bucket.exists(name).await.unwrap(), "{name}");
        }
    });
}

#[test]
fn stat_finds_names_that_url_normalization_would_change() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for name in ["a/../b", "a//b", "ü?#&%2F+", "/"] {
            let file = put(&bucket, name, "x").await;
            let found = bucket.stat(name).await.unwrap().unwrap();
            assert_eq!(found.file_id, file.file_id);
        }
    });
}

#[test]
fn stat_is_an_error_for_invalid_names_unauthorized_keys_and_missing_buckets() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/f", "x").await;
        let key = restricted(&bucket, &emulator, &timer, &[Capability::ListFiles]).await;
        assert!(key.exists("p/f").await.unwrap());
        let error = key.stat("q/f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        for bad in ["", "a\nb"] {
            let error = bucket.stat(bad).await.unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Invalid, 0));
        }
        bucket
            .delete("p/f", b2kit::DeleteScope::AllVersions)
            .await
            .unwrap();
        bucket.delete_bucket().await.unwrap();
        let error = bucket.exists("p/f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    });
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        script.push(
            "b2_list_file_names",
            Fault::Status(503, "service_unavailable", &[]),
        );
        let once = super::through(&b2.with_retry_policy(RetryPolicy::disabled()), &bucket);
        let error = once.stat("f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(error.file(), Some("f"));
    });
}

#[test]
fn bytes_and_text_return_a_whole_file_up_to_the_limit() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "häh").await;
        put(&bucket, "empty", "").await;
        assert_eq!(
            bucket.download("f").bytes(4).await.unwrap(),
            "häh".as_bytes()
        );
        assert_eq!(bucket.download("f").text(4).await.unwrap(), "häh");
        assert_eq!(bucket.download("empty").text(0).await.unwrap(), "");
        for limit in [3, 0] {
            let error = bucket.download("f").bytes(limit).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("4 bytes"), "{error}");
        }
        // The limit applies to the requested bytes only.
        let first = bucket
            .download("f")
            .range(ByteRange::inclusive(0, 0).unwrap());
        assert_eq!(first.bytes(1).await.unwrap(), b"h");
        let half = bucket
            .download("f")
            .range(ByteRange::inclusive(0, 1).unwrap());
        let error = half.text(4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("offset 1"), "{error}");
        let error = bucket.download("none").text(10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
    assert_eq!(emulator.snapshot().calls_of("b2_download_file_by_name"), 8);
}
