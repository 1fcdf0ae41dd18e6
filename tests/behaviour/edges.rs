//! Edge cases of replies, timing and arguments.

use std::error::Error as StdError;
use std::time::Duration;

use b2kit::api::{
    Call as _, CreateBucket, DownloadFileById, ListBuckets, ListParts, Reply, UploadFile,
};
use b2kit::types::{BucketName, BucketType, ByteRange, FileName, Secret};
use b2kit::{
    ApiVersion, Body, Bytes, Client, Credentials, ErrorKind, ManualTimer, Request, Response,
    ResponseBody, RetryPolicy, Session,
};
use futures::executor::block_on;
use futures::stream;
use serde_json::json;

const ORIGIN: &str = "https://api002.backblazeb2.com";

fn session() -> Session {
    Session::new(ApiVersion::V4, "a", Secret::new("t"), ORIGIN, ORIGIN)
}

fn partial(length: Option<&'static str>, body: &'static str) -> Result<Vec<u8>, ErrorKind> {
    let timer = ManualTimer::new();
    let backend = move |_: Request| {
        let mut response = b2kit::http::Response::builder()
            .status(206)
            .header("content-range", "bytes 0-4/10")
            .header("x-bz-file-id", "4_z1")
            .header("x-bz-file-name", "n");
        if let Some(length) = length {
            response = response.header("content-length", length);
        }
        let stream = stream::iter([Ok(Bytes::from(body))]);
        let response: Response = response.body(ResponseBody::new(None, stream)).unwrap();
        async { Ok(response) }
    };
    let b2 = Client::builder()
        .session(session())
        .backend(backend)
        .timer(timer.clone())
        .retry_policy(RetryPolicy::disabled())
        .build()
        .unwrap();
    let call = DownloadFileById::new("4_z1").range(ByteRange::inclusive(0, 4).unwrap());
    timer.run(async {
        let download = b2.call(call).await.map_err(|error| error.kind())?;
        download
            .body
            .collect(100)
            .await
            .map_err(|error| error.kind())
    })
}

#[test]
fn a_range_with_fewer_bytes_than_its_content_range_is_never_a_clean_end() {
    assert_eq!(partial(Some("5"), "hello"), Ok(b"hello".to_vec()));
    for (length, body) in [
        (Some("3"), "hel"),
        (None, "hel"),
        (None, "hello!"),
        (Some("6"), "hello!"),
    ] {
        let read = partial(length, body);
        assert!(read.is_err(), "{length:?} {body}: {read:?}");
    }
}

#[test]
fn the_longest_deadline_does_not_panic() {
    let backend = |_: Request| async { Ok(Response::new(r#"{"buckets":[]}"#.into())) };
    let b2 = Client::builder()
        .session(session())
        .backend(backend)
        .retry_policy(RetryPolicy::default().with_deadline(Duration::MAX))
        .build()
        .unwrap();
    assert!(block_on(b2.call(ListBuckets::new())).is_ok());
}

async fn until(mut reached: impl FnMut() -> bool + Send) {
    futures::future::poll_fn(|cx| {
        if reached() {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The second upload opens its source before the first one's reply arrives, and reads it afterwards.
#[test]
fn two_concurrent_clones_of_an_upload_make_two_versions() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
    let emulator = b2kit::backend::emulator::Emulator::new();
    let timer = ManualTimer::new();
    let (opened, uploads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let first_ended = Arc::new(AtomicBool::new(false));
    let (inner, count, opens) = (emulator.clone(), Arc::clone(&uploads), Arc::clone(&opened));
    let first_stored = Arc::new(AtomicBool::new(false));
    let stored = Arc::clone(&first_stored);
    let backend = move |request: Request| {
        let (inner, count, opens) = (inner.clone(), Arc::clone(&count), Arc::clone(&opens));
        let stored = Arc::clone(&stored);
        async move {
            use b2kit::HttpClient as _;
            let upload = request.headers().contains_key("x-bz-content-sha1");
            let first = upload && count.fetch_add(1, SeqCst) == 0;
            let response = inner.send(request).await;
            if first {
                stored.store(true, SeqCst);
                until(|| opens.load(SeqCst) >= 2).await;
            }
            response
        }
    };
    let b2 = crate::client_over(&emulator, &timer, backend);
    timer.run(async {
        let name = b2kit::types::BucketName::new("bucket-of-clones").unwrap();
        let create = b2kit::api::CreateBucket::new(name, b2kit::types::BucketType::AllPrivate);
        let bucket = b2.call(create).await.unwrap();
        let (opens, ended) = (Arc::clone(&opened), Arc::clone(&first_ended));
        let body = Body::replay(5, move || {
            let second = opens.fetch_add(1, SeqCst) == 1;
            let ended = Arc::clone(&ended);
            Ok(stream::once(async move {
                let mut turns = 0;
                until(|| {
                    turns += 1;
                    !second || ended.load(SeqCst) || turns > 10_000
                })
                .await;
                Ok(Bytes::from_static(b"hello"))
            }))
        });
        let upload = UploadFile::new(&bucket.bucket_id, FileName::new("n").unwrap(), body);
        let first = async {
            let stored = b2.call(upload.clone()).await;
            first_ended.store(true, SeqCst);
            stored
        };
        let second = async {
            until(|| first_stored.load(SeqCst)).await;
            b2.call(upload.clone()).await
        };
        let (one, other) = futures::join!(first, second);
        one.unwrap();
        other.unwrap();
        assert_eq!(uploads.load(SeqCst), 2, "requests that carried the file");
        assert_eq!(emulator.snapshot().versions, 2);
    });
}

/// Clones of a call share its digest; starting one must not reset the digest that the other compares.
#[test]
fn an_upload_whose_clone_starts_before_its_reply_is_not_corrupt() {
    use b2kit::api::{Call, Reply, Target};
    let session = session();
    let token = Secret::new("t");
    let target = Target::upload(&session, "https://pod.backblaze.com/u", &token);
    let upload = UploadFile::new("b", FileName::new("n").unwrap(), "hello");
    let clone = upload.clone();
    let read = |call: &UploadFile| {
        let request = call.request(&target).unwrap();
        request.body().open().unwrap()
    };
    let mut first = read(&upload);
    block_on(async {
        use futures::StreamExt as _;
        while let Some(chunk) = first.next().await {
            chunk.unwrap();
        }
    });
    let _second = read(&clone);
    let sha1 = b2kit::types::Sha1::of(b"hello");
    let answer = format!(
        r#"{{"action":"upload","bucketId":"b","contentLength":5,"contentSha1":"{sha1}",
        "fileId":"f","fileName":"n","uploadTimestamp":1}}"#
    );
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    upload.read(Reply::whole(head, answer.into())).unwrap();
}

fn chain(error: &b2kit::Error) -> String {
    let mut message = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        message.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    message
}

#[test]
fn an_authorization_reply_that_echoes_the_key_does_not_show_it() {
    let timer = ManualTimer::new();
    let backend = |_: Request| async {
        let body =
            r#"{"status":401,"code":"unauthorized","message":"no such key: K002canary7f3a"}"#;
        let response: Response = b2kit::http::Response::builder()
            .status(401)
            .body(body.into())
            .unwrap();
        Ok(response)
    };
    let b2 = Client::builder()
        .credentials(Credentials::new("002id", "K002canary7f3a").unwrap())
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert!(!chain(&error).contains("canary"), "{}", chain(&error));
}

#[test]
fn a_code_with_control_characters_is_shown_escaped() {
    let timer = ManualTimer::new();
    let backend = |_: Request| async {
        let body = r#"{"status":400,"code":"bad\n\u001b[31mrequest","message":""}"#;
        let response: Response = b2kit::http::Response::builder()
            .status(400)
            .body(body.into())
            .unwrap();
        Ok(response)
    };
    let b2 = Client::builder()
        .session(session())
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

#[test]
fn an_endpoint_with_an_invalid_port_is_refused() {
    // An unchecked URL would be requested on port 80.
    for endpoint in [
        "http://127.0.0.1:99999",
        "https://api.backblazeb2.com:65536",
    ] {
        let b2 = Client::builder()
            .credentials(Credentials::new("002id", "K002canary").unwrap())
            .endpoint(endpoint)
            .build();
        assert!(b2.is_err(), "{endpoint}");
    }
}

/// B2 has stored the file and its reply is truncated: reconciliation finds the file, a retry would make a second
/// version.
#[test]
fn an_upload_with_an_unreadable_reply_is_not_stored_twice() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    let emulator = b2kit::backend::emulator::Emulator::new();
    let timer = ManualTimer::new();
    let garbled = Arc::new(AtomicBool::new(false));
    let inner = emulator.clone();
    let backend = move |request: Request| {
        let (inner, garbled) = (inner.clone(), Arc::clone(&garbled));
        async move {
            use b2kit::HttpClient as _;
            let upload = request.headers().contains_key("x-bz-content-sha1");
            let response = inner.send(request).await?;
            if upload && !garbled.swap(true, SeqCst) {
                return Ok(Response::new(r#"{"accountId": "e0"#.into()));
            }
            Ok(response)
        }
    };
    let b2 = crate::client_over(&emulator, &timer, backend);
    timer.run(async {
        let name = b2kit::types::BucketName::new("bucket-of-one").unwrap();
        let create = b2kit::api::CreateBucket::new(name, b2kit::types::BucketType::AllPrivate);
        let bucket = b2.call(create).await.unwrap();
        let name = FileName::new("n").unwrap();
        let stored = b2
            .call(UploadFile::new(&bucket.bucket_id, name, "hello"))
            .await;
        stored.unwrap();
    });
    assert_eq!(emulator.snapshot().versions, 1);
}

#[test]
fn the_largest_possible_list_of_buckets_is_within_the_size_limit() {
    let text = |character: &str, count: usize| character.repeat(count);
    let info: serde_json::Map<_, _> = (0..10)
        .map(|n| (format!("{}{n}", text("k", 49)), json!(text("\\", 10_000))))
        .collect();
    let rules: Vec<_> = (0..100)
        .map(|n| {
            json!({
                "fileNamePrefix": format!("{n:03}{}", text("\\", 1_021)),
                "daysFromHidingToDeleting": 1, "daysFromUploadingToHiding": 1,
                "daysFromStartingToCancelingUnfinishedLargeFiles": 1,
            })
        })
        .collect();
    let cors: Vec<_> = (0..100)
        .map(|n| {
            json!({
                "corsRuleName": format!("rule-{n}"), "allowedOrigins": [text("\\", 990)],
                "allowedHeaders": null,
                "allowedOperations": ["b2_download_file_by_id"], "exposeHeaders": null,
                "maxAgeSeconds": 86_400,
            })
        })
        .collect();
    let bucket = json!({
        "accountId": "a", "bucketId": text("0", 24), "bucketName": text("b", 63),
        "bucketType": "allPrivate",
        "bucketInfo": info, "corsRules": cors, "lifecycleRules": rules, "options": [],
        "revision": 2,
    });
    let one = bucket.to_string().len();
    let list = ListBuckets::new();
    assert!(100 * one > 16 << 20, "{one}");
    assert!(list.reply_limit() > 100 * one);
    assert!(list.bucket_id("b").reply_limit() > one);
}

#[test]
fn a_bucket_of_another_name_and_parts_of_another_file_are_refused() {
    let create = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(create, BucketType::AllPrivate);
    let another = json!({
        "accountId": "a", "bucketId": "b", "bucketInfo": {}, "bucketName": "another-name",
        "bucketType": "allPrivate",
        "corsRules": [], "lifecycleRules": [], "options": [], "revision": 2,
    });
    crate::assert_not_taken(&create, another);
    let part = |file: &str| {
        json!({
            "fileId": file, "partNumber": 1, "contentLength": 5,
            "contentSha1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
            "contentMd5": null, "uploadTimestamp": 1_770_334_823_346_i64,
        })
    };
    let page = json!({"parts": [part("4_z1"), part("4_z2")], "nextPartNumber": null});
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    let reply = Reply::whole(head, page.to_string().into());
    let error = ListParts::new("4_z1").read(reply).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("part 1 of 4_z2"), "{error}");
}
