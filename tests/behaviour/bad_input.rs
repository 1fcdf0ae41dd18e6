//! Input that B2 would refuse, or that would be changed on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::{GetUploadUrl, StartLargeFile, UploadFile};
use b2kit::types::{
    ContentType, CustomerKey, EncryptionSetting, FileInfo, FileInfoLimit, FileName, PartNumber,
    Secret,
};
use b2kit::{ApiVersion, Client, Credentials, ErrorKind, Request, Session};
use futures::executor::block_on;

#[test]
fn a_truncated_key_is_reported_without_showing_it() {
    for (id, key, reason) in [
        ("", "K002secret", "application key id is empty"),
        ("002id", "", "application key is empty"),
        (
            "002id\n",
            "K002secret",
            "application key id has whitespace or an invalid character at position 6",
        ),
        (
            "002id",
            "K002 secret",
            "application key has whitespace or an invalid character at position 5",
        ),
        (
            "002id",
            "K002secret\u{200b}",
            "application key has whitespace or an invalid character at position 11",
        ),
        ("002:id", "K002secret", "contains a ':'"),
    ] {
        let error = Credentials::new(id, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let message = format!("{error} {error:?}");
        assert!(message.contains(reason), "{message}");
        assert!(
            !message.contains("secret") && !message.contains("002id"),
            "{message}"
        );
    }
}

#[test]
fn a_client_without_a_key_or_with_a_bad_name_is_not_built() {
    assert!(
        Client::builder()
            .build()
            .unwrap_err()
            .to_string()
            .contains("neither credentials nor a session")
    );
    for bad in ["evil\r\nx: y", "bell\u{7}", "ü"] {
        let builder = Client::builder()
            .credentials(Credentials::new("id", "key").unwrap())
            .user_agent(bad);
        assert_eq!(
            builder.build().unwrap_err().kind(),
            ErrorKind::Invalid,
            "{bad:?}"
        );
    }
}

#[test]
fn a_value_that_breaks_b2s_rules_is_refused_before_anything_is_sent() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let backend = move |_: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(b2kit::http::Response::new("".into())) }
    };
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(ApiVersion::V4, "a", Secret::new("t"), origin, origin);
    let b2 = Client::builder()
        .session(session)
        .backend(backend)
        .build()
        .unwrap();
    let name = || FileName::new("n".repeat(24)).unwrap();
    let info = |len: usize| FileInfo::new().with("k", "v".repeat(len)).unwrap();
    let key = EncryptionSetting::SseC(CustomerKey::new([1; 32]));
    let errors = [
        block_on(b2.call(UploadFile::new("b", name(), "x").file_info(info(2_024)))).unwrap_err(),
        block_on(
            b2.call(
                UploadFile::new("b", name(), "x")
                    .file_info(info(6_976))
                    .file_info_limit(FileInfoLimit::Unencrypted),
            ),
        )
        .unwrap_err(),
        block_on(
            b2.call(
                UploadFile::new("b", name(), "x")
                    .file_info(info(2_024))
                    .file_info_limit(FileInfoLimit::Unencrypted)
                    .server_side_encryption(key),
            ),
        )
        .unwrap_err(),
        block_on(b2.call(StartLargeFile::new("b", name()).file_info(info(2_024)))).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Invalid, 0));
        assert!(error.to_string().contains("1 more than the"), "{error}");
    }
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    assert!(
        PartNumber::new(0).is_err()
            && PartNumber::new(10_001).is_err()
            && PartNumber::new(10_000).is_ok()
    );
    assert!(ContentType::new("text/plain\r\nx-evil: 1").is_err());
}

#[test]
fn a_token_that_is_not_a_valid_header_value_is_refused() {
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(
        ApiVersion::V4,
        "a",
        Secret::new("t\r\nx-evil: 1"),
        origin,
        origin,
    );
    let backend = |_: Request| async { panic!("nothing may be sent") };
    let b2 = Client::builder()
        .session(session)
        .backend(backend)
        .build()
        .unwrap();
    let error = block_on(b2.call(GetUploadUrl::new("b"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!format!("{error:?}").contains("x-evil"));
}
