//! Where keys and tokens may go: nowhere that is not the endpoint's own, whatever an answer says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::{DownloadFileById, ListBuckets, UploadFile};
use b2kit::types::{FileName, Secret};
use b2kit::{ApiVersion, Client, Credentials, ErrorKind, Request, Session};
use futures::executor::block_on;

/// A client whose every answer is `answer`, and how many requests it made.
fn told(answer: &'static str) -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let backend = move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(b2kit::http::Response::new(answer.into())) }
    };
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(ApiVersion::V4, "a", Secret::new("t"), origin, origin);
    (
        Client::builder()
            .session(session)
            .backend(backend)
            .build()
            .unwrap(),
        count,
    )
}

#[test]
fn an_upload_url_elsewhere_gets_neither_token_nor_file() {
    for place in [
        "https://evil.test/upload",
        "http://pod-000.backblaze.com/upload",
        "https://backblaze.com.evil.test/",
    ] {
        let answer =
            format!(r#"{{"bucketId":"b","uploadUrl":"{place}","authorizationToken":"t"}}"#);
        let (b2, count) = told(answer.leak());
        let error = block_on(async {
            b2.call(UploadFile::new("b", FileName::new("f").unwrap(), "x"))
                .await
                .unwrap_err()
        });
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Untrusted, 0),
            "{place}"
        );
        assert_eq!(count.load(Ordering::Relaxed), 1, "{place}");
    }
}

#[test]
fn a_session_elsewhere_is_not_used() {
    let (_, count) = told("");
    let session = Session::new(
        ApiVersion::V4,
        "a",
        Secret::new("t"),
        "https://evil.test",
        "https://evil.test",
    );
    let counted = Arc::clone(&count);
    let backend = move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok(b2kit::http::Response::new("".into())) }
    };
    let b2 = Client::builder()
        .session(session)
        .backend(backend)
        .build()
        .unwrap();
    assert_eq!(
        block_on(b2.call(ListBuckets::new())).unwrap_err().kind(),
        ErrorKind::Untrusted
    );
    assert_eq!(
        block_on(b2.call(DownloadFileById::new("x")))
            .unwrap_err()
            .kind(),
        ErrorKind::Untrusted
    );
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn plain_http_is_for_loopback_unless_it_is_asked_for() {
    let build = |endpoint: &str, allow: bool| {
        let credentials = Credentials::new("id", "key").unwrap();
        let builder = Client::builder()
            .credentials(credentials)
            .endpoint(endpoint)
            .backend(|_: Request| async { Ok(b2kit::http::Response::new("".into())) });
        if allow {
            builder.allow_insecure_http().build()
        } else {
            builder.build()
        }
    };
    assert!(build("http://127.0.0.1:8080", false).is_ok());
    assert!(build("http://localhost", false).is_ok());
    assert_eq!(
        build("http://b2.example", false).unwrap_err().kind(),
        ErrorKind::Untrusted
    );
    assert!(build("http://b2.example", true).is_ok());
    assert_eq!(
        build("no origin", false).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}
