//! Keys and tokens go only to hosts of the endpoint, regardless of what a reply says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::UploadFile;
use b2kit::types::{FileName, Secret};
use b2kit::{ApiVersion, Client, Credentials, ErrorKind, Request, Session};
use futures::executor::block_on;

/// A client that gets `answer` for every request, and the number of its requests.
fn client_with_response(answer: &'static str) -> (Client, Arc<AtomicUsize>) {
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
fn an_upload_url_on_a_foreign_host_gets_neither_token_nor_file() {
    for url in [
        "https://evil.test/upload",
        "http://pod-000.backblaze.com/upload",
        "https://backblaze.com.evil.test/",
    ] {
        let answer = format!(r#"{{"bucketId":"b","uploadUrl":"{url}","authorizationToken":"t"}}"#);
        let (b2, count) = client_with_response(answer.leak());
        let error = block_on(async {
            b2.call(UploadFile::new("b", FileName::new("f").unwrap(), "x"))
                .await
                .unwrap_err()
        });
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Untrusted, 0),
            "{url}"
        );
        assert_eq!(count.load(Ordering::Relaxed), 1, "{url}");
    }
}

#[test]
fn a_session_with_foreign_hosts_is_refused() {
    let session = Session::new(
        ApiVersion::V4,
        "a",
        Secret::new("t"),
        "https://evil.test",
        "https://evil.test",
    );
    let builder = Client::builder().session(session);
    let error = builder
        .backend(|_: Request| async { panic!("nothing is sent") })
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

/// Download links are made from the session, without a request that could be refused.
#[test]
fn an_authorization_with_foreign_hosts_makes_no_session() {
    const HOME: &str = "https://api004.backblazeb2.com";
    const DOWNLOADS: &str = "https://f004.backblazeb2.com";
    for (from, to) in [
        (HOME, "https://evil.test"),
        (DOWNLOADS, "https://evil.test"),
        (DOWNLOADS, "http://f004.backblazeb2.com"),
        (DOWNLOADS, "no host"),
    ] {
        let answer = serde_json::json!({
            "accountId": "a", "authorizationToken": "t", "applicationKeyExpirationTimestamp": null,
            "apiInfo": {"storageApi": {
                "absoluteMinimumPartSize": 5_000_000, "recommendedPartSize": 100_000_000,
                "allowed": {"buckets": null, "capabilities": ["listBuckets"], "namePrefix": null},
                "apiUrl": HOME, "downloadUrl": DOWNLOADS, "s3ApiUrl": HOME,
            }},
        });
        let answer = answer.to_string().replace(from, to);
        let b2 = Client::builder()
            .credentials(Credentials::new("id", "key").unwrap())
            .backend(move |_: Request| {
                let answer = answer.clone();
                async move { Ok(b2kit::http::Response::new(answer.into())) }
            })
            .build()
            .unwrap();
        let error = block_on(b2.session()).unwrap_err();
        assert_eq!(
            (error.kind(), error.call()),
            (ErrorKind::Untrusted, Some("b2_authorize_account")),
            "{to}"
        );
    }
}

#[test]
fn plain_http_is_refused_except_on_loopback_or_when_allowed() {
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
