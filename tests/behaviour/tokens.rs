//! Expiry of tokens.

use b2kit::api::{DownloadFileByName, ListBuckets, UploadFile};
use b2kit::types::{BucketName, FileName, Secret};
use b2kit::{ApiVersion, Client, Credentials, ErrorKind, Session};
use futures::executor::block_on;
use futures::future::join_all;

use crate::client;

#[test]
fn an_expired_token_is_renewed_without_an_error() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        b2.call(ListBuckets::new()).await.unwrap();
        emulator.expire_account_tokens();
        b2.call(ListBuckets::new()).await.unwrap();
    });
    let snapshot = emulator.snapshot();
    assert_eq!(
        (
            snapshot.calls_of("b2_authorize_account"),
            snapshot.calls_of("b2_list_buckets")
        ),
        (2, 3)
    );
}

#[test]
fn a_head_request_whose_401_has_no_code_renews_the_token() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        b2.session().await.unwrap();
        emulator.expire_account_tokens();
        let bucket = BucketName::new("no-such-bucket").unwrap();
        let head = DownloadFileByName::new(bucket, FileName::new("f").unwrap()).head();
        assert_eq!(b2.call(head).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
    assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 2);
}

#[test]
fn concurrent_calls_authorize_once() {
    let (b2, emulator, timer) = client();
    let storm = || join_all((0..100).map(|_| b2.call(ListBuckets::new())));
    timer.run(async {
        assert!(storm().await.iter().all(Result::is_ok));
        emulator.expire_account_tokens();
        assert!(storm().await.iter().all(Result::is_ok));
    });
    assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 2);
}

#[test]
fn a_wrong_key_is_a_credentials_error_after_one_request() {
    let (_, emulator, _) = client();
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), "wrong").unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap();
    let error = block_on(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!(
        (error.kind(), error.call()),
        (ErrorKind::Credentials, Some("b2_authorize_account"))
    );
    assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 1);
}

#[test]
fn a_session_without_credentials_ends_with_its_token() {
    let (_, emulator, _) = client();
    let session = Session::new(
        ApiVersion::V4,
        emulator.account_id(),
        Secret::new("old"),
        emulator.url(),
        emulator.url(),
    );
    let b2 = Client::builder()
        .session(session)
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap();
    let error = block_on(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 0);
}

#[test]
fn an_expired_upload_url_is_replaced_without_a_new_authorization() {
    let (b2, emulator, _) = client();
    block_on(async {
        let bucket = b2kit::api::CreateBucket::new(
            BucketName::new("holiday-photos").unwrap(),
            b2kit::types::BucketType::AllPrivate,
        );
        let bucket = b2.call(bucket).await.unwrap();
        let upload = UploadFile::new(&bucket.bucket_id, FileName::new("f").unwrap(), "x");
        b2.call(upload.clone()).await.unwrap();
        emulator.expire_upload_tokens();
        b2.call(upload).await.unwrap();
    });
    assert_eq!(
        emulator.snapshot().calls_of("b2_authorize_account"),
        1,
        "the account's token is not to blame"
    );
}

#[test]
fn the_test_mode_header_is_on_every_request_and_off_by_default() {
    use b2kit::{HttpClient as _, Request, TestMode};
    use std::sync::{Arc, Mutex};
    for (mode, word) in [
        (None, None),
        (Some(TestMode::FailSomeUploads), Some("fail_some_uploads")),
        (
            Some(TestMode::ExpireSomeAccountAuthorizationTokens),
            Some("expire_some_account_authorization_tokens"),
        ),
        (Some(TestMode::ForceCapExceeded), Some("force_cap_exceeded")),
    ] {
        let (_, emulator, timer) = client();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, inner) = (Arc::clone(&seen), emulator.clone());
        let backend = move |request: Request| {
            let value = request.headers().get("x-bz-test-mode").cloned();
            log.lock().unwrap().push(value);
            let inner = inner.clone();
            async move { inner.send(request).await }
        };
        let mut builder = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(backend)
            .timer(timer.clone());
        if let Some(mode) = mode {
            builder = builder.test_mode(mode);
        }
        timer
            .run(builder.build().unwrap().call(ListBuckets::new()))
            .unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2);
        assert!(
            seen.iter()
                .all(|value| value.as_ref().map(|value| value.to_str().unwrap()) == word),
            "{seen:?}"
        );
    }
}
