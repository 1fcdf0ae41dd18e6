//! `public_url` and `presigned_url`.

use std::time::Duration;

use b2kit::ErrorKind;
use b2kit::types::{BucketType, Capability};

use super::{put, restricted};
use crate::client;
use crate::download_authorization::fetch;
use crate::uploading::bucket;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_public_url_opens_a_file_once_the_bucket_is_public() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "a/b c?#&ü+.txt", "hello").await;
        let url = bucket.public_url("a/b c?#&ü+.txt").await.unwrap();
        assert_eq!(fetch(&emulator, &url, None).await.0, 401);
        let public = |update: b2kit::api::UpdateBucket| update.bucket_type(BucketType::AllPublic);
        bucket.update(public).await.unwrap();
        let (status, _, body) = fetch(&emulator, &url, None).await;
        assert_eq!((status, &*body), (200, &b"hello"[..]));
    });
}

#[test]
fn a_presigned_url_opens_the_file_and_all_whose_names_begin_with_its_name() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["a", "a.bak", "b"] {
            put(&bucket, file, "x").await;
        }
        let link = bucket.presigned_url("a", HOUR).await.unwrap();
        let url = link.url_with_token();
        assert_eq!(fetch(&emulator, url.expose(), None).await.0, 200);
        assert_eq!(fetch(&emulator, link.url(), None).await.0, 401);
        let token = link.authorization_token().expose();
        assert!(!format!("{link:?} {url:?}").contains(token));
        // As the documentation warns.
        let other = url.expose().replace("/a?", "/a.bak?");
        assert_eq!(fetch(&emulator, &other, None).await.0, 200);
        let other = url.expose().replace("/a?", "/b?");
        assert_eq!(fetch(&emulator, &other, None).await.0, 401);
    });
}

#[test]
fn a_presigned_url_sets_only_the_requested_response_headers() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "a", "x").await;
        let disposition = "attachment; filename=\"a b.txt\"";
        let link = bucket
            .presigned_url("a", HOUR)
            .b2_content_disposition(disposition)
            .b2_content_type("text/x-own")
            .await
            .unwrap();
        let url = link.url_with_token();
        let (status, headers, _) = fetch(&emulator, url.expose(), None).await;
        assert_eq!(status, 200);
        assert_eq!(headers["content-disposition"], disposition);
        assert_eq!(headers["content-type"], "text/x-own");
        let changed = url.expose().replace("x-own", "x-other");
        assert_eq!(fetch(&emulator, &changed, None).await.0, 401);
    });
}

#[test]
fn invalid_names_durations_and_headers_are_refused_before_anything_is_authorized() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for bad in ["", "a\nb", "a/../b", ".", "a/.."] {
            let error = bucket.presigned_url(bad, HOUR).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let error = bucket.public_url(bad).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
        for bad in [Duration::ZERO, Duration::from_secs(604_801), Duration::MAX] {
            let error = bucket.presigned_url("a", bad).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
        let injected = bucket
            .presigned_url("a", HOUR)
            .b2_content_disposition("a\r\nx: y");
        assert_eq!(injected.await.unwrap_err().kind(), ErrorKind::Invalid);
    });
    let calls = emulator
        .snapshot()
        .calls_of("b2_get_download_authorization");
    assert_eq!(calls, 0);
}

#[test]
fn a_restricted_key_shares_only_its_own_names() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/f", "x").await;
        let key = restricted(&bucket, &emulator, &timer, &[Capability::ShareFiles]).await;
        let link = key.presigned_url("p/f", HOUR).await.unwrap();
        assert_eq!(
            fetch(&emulator, link.url_with_token().expose(), None)
                .await
                .0,
            200
        );
        let none = restricted(&bucket, &emulator, &timer, &[Capability::ReadFiles]).await;
        for error in [
            key.presigned_url("q/f", HOUR).await.unwrap_err(),
            none.presigned_url("p/f", HOUR).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        }
    });
}
