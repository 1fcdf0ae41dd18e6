//! Replies that B2 would never send: each is a typed error or the right result, never a panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::{
    DeleteFileVersion, DownloadFileById, DownloadFileByName, FileNames, ListFileNames, UploadFile,
};
use b2kit::types::{BucketName, FileName, Secret, Sha1};
use b2kit::{
    ApiVersion, Client, Error, ErrorKind, HttpError, ManualTimer, Request, Response, ResponseBody,
    Session,
};
use b2kit::{Bytes, HttpErrorKind, Phase};
use futures::stream;

/// A client that gets the response made by `answer` for every request.
fn client_with_response(
    answer: impl Fn() -> Result<Response, HttpError> + Send + Sync + 'static,
) -> (Client, ManualTimer) {
    let timer = ManualTimer::new();
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(
        ApiVersion::V4,
        "a",
        Secret::new("4_canary_acct"),
        origin,
        origin,
    );
    let backend = move |_: Request| {
        let answer = answer();
        async { answer }
    };
    let client = Client::builder()
        .session(session)
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    (client, timer)
}

fn listing(status: u16, body: impl Into<Bytes>) -> Result<FileNames, Error> {
    let body = body.into();
    let (b2, timer) = client_with_response(move || {
        Ok(b2kit::http::Response::builder()
            .status(status)
            .body(body.clone().into())
            .unwrap())
    });
    timer.run(b2.call(ListFileNames::new("b")))
}

#[test]
fn a_reply_that_is_not_a_listing_is_a_protocol_error() {
    let deep = format!(r#"{{"files":[{}"#, "[".repeat(200_000));
    let many_keys = (0..10_000)
        .map(|n| format!(r#""k{n}":{n},"#))
        .collect::<String>();
    for body in [
        "",
        " \n",
        "<html><body>502</body></html>",
        "null",
        "[]",
        "7",
        r#"{"files":"#,
        r#"{"files":[{"action":"upload"}],"nextFileName":null}"#,
        r#"{"files":[],"nextFileName":7}"#,
        r#"{"files":[],"files":[],"nextFileName":null}"#,
        r#"{"files":[{"action":"upload","bucketId":"b","fileId":"f","fileName":"n",
        "uploadTimestamp":1e400}]}"#,
        r#"{"files":[{"action":"upload","bucketId":"b","fileId":"f","fileName":"n",
        "uploadTimestamp":1,"contentLength":-1}]}"#,
        "{\"files\":[{\"fileName\":\"\\ud800\"}]}",
        deep.as_str(),
    ] {
        let error = listing(200, body.to_owned()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{:.60}", body);
        assert!(error.to_string().len() < 300, "{error}");
    }
    assert_eq!(
        listing(200, b"{\"files\":[{\"fileName\":\"\xff\"}]}".to_vec())
            .unwrap_err()
            .kind(),
        ErrorKind::Protocol
    );
    assert!(
        listing(
            200,
            format!(r#"{{{many_keys}"files":[],"nextFileName":null}}"#)
        )
        .unwrap()
        .files
        .is_empty()
    );
}

#[test]
fn a_reply_over_the_size_limit_of_its_call_is_not_buffered() {
    let (b2, timer) = client_with_response(|| {
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 65_536])));
        Ok(b2kit::http::Response::new(ResponseBody::new(None, endless)))
    });
    let error = timer.run(b2.call(ListFileNames::new("b"))).unwrap_err();
    assert_eq!(error.http_error().unwrap().kind(), HttpErrorKind::TooLarge);
}

#[test]
fn an_error_body_is_read_only_up_to_the_size_limit_of_errors() {
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let (b2, timer) = client_with_response(move || {
        let counted = Arc::clone(&counted);
        let chunks = (0..1_000).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from_static(&[b' '; 65_536]))
        });
        let body = ResponseBody::new(None, stream::iter(chunks));
        Ok(b2kit::http::Response::builder()
            .status(400)
            .body(body)
            .unwrap())
    });
    let error = timer.run(b2.call(ListFileNames::new("b"))).unwrap_err();
    assert_eq!(error.status(), Some(400));
    let read = read.load(Ordering::Relaxed);
    // There are three attempts.
    assert!(read <= 3 * 4, "{read} chunks of 64 KiB");
}

#[test]
fn an_error_without_b2s_json_is_not_attributed_to_b2_regardless_of_its_status() {
    for (status, kind) in [
        (301, ErrorKind::Protocol),
        (302, ErrorKind::Protocol),
        (204, ErrorKind::Protocol),
        (400, ErrorKind::Protocol),
        (401, ErrorKind::Protocol),
        (403, ErrorKind::Protocol),
        (404, ErrorKind::Protocol),
        (405, ErrorKind::Protocol),
        (409, ErrorKind::Protocol),
        (429, ErrorKind::TooManyRequests),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (504, ErrorKind::Unavailable),
        (599, ErrorKind::Unavailable),
    ] {
        for body in ["", "<html>", r#"{"status":200}"#] {
            let error = listing(status, body).unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
            assert_eq!(error.status(), Some(status));
            assert!(error.b2().is_none(), "{error:?}");
        }
    }
}

#[test]
fn error_json_whose_status_differs_from_the_responses_is_not_attributed_to_b2() {
    let error = listing(
        503,
        r#"{"status":400,"code":"bad_request","message":"Timed out while iterating"}"#,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.non_b2_response().unwrap().status, 503);
}

/// An HTML page of a CDN must not be reported as B2's response.
#[test]
fn a_foreign_error_names_its_sender_and_shows_no_secret() {
    let page = format!(
        "<html>\u{1b}[31m<p>4_canary_acct</p><p>{}</p>{}",
        "NF9jYW5hcnlfYWNjdA==",
        "x".repeat(60_000)
    );
    let (b2, timer) = client_with_response(move || {
        let response = b2kit::http::Response::builder()
            .status(403)
            .header("server", "cloudflare")
            .header("content-type", "text/html; charset=utf-8")
            .header("x-other", "not told");
        Ok(response.body(page.clone().into()).unwrap())
    });
    let error = timer.run(b2.call(ListFileNames::new("b"))).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 3));
    let response = error.non_b2_response().unwrap();
    assert_eq!(response.status, 403);
    assert_eq!(response.server.as_deref(), Some("cloudflare"));
    assert_eq!(
        response.content_type.as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(response.body_start.len(), 200);
    let message = error.to_string();
    let start = "b2_list_file_names: an intermediary, not B2, answered 403, \
                 server \"cloudflare\", content type \"text/html; charset=utf-8\", body \
                 \"<html>\\u{1b}[31m<p>[redacted]</p><p>[redacted]==</p>xxx";
    assert!(
        message.starts_with(start) && message.len() < 500,
        "{message}"
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[test]
fn an_exceeded_cap_is_its_own_kind_of_error() {
    for code in [
        "cap_exceeded",
        "storage_cap_exceeded",
        "transaction_cap_exceeded",
        "download_cap_exceeded",
    ] {
        let error = listing(
            403,
            format!(r#"{{"code":"{code}","message":"","status":403}}"#),
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CapExceeded);
    }
}

#[test]
fn control_characters_in_a_message_are_shown_escaped() {
    let error = listing(400, r#"{"code":"bad_request","message":"a\u001b[31m\nb"}"#).unwrap_err();
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

#[test]
fn a_lost_response_error_says_whether_the_call_may_have_taken_effect() {
    for (phase, effect) in [
        (Phase::NotSent, false),
        (Phase::MaybeReceived, true),
        (Phase::ResponseBegun, true),
    ] {
        let (b2, timer) =
            client_with_response(move || Err(HttpError::new(HttpErrorKind::Reset, phase)));
        let error = timer
            .run(b2.call(DeleteFileVersion::new("n", "f")))
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.may_have_taken_effect()),
            (ErrorKind::Http, effect)
        );
        assert_eq!(error.http_error().unwrap().phase(), phase);
    }
}

#[test]
fn an_upload_whose_reply_has_another_name_length_or_sha1_is_an_integrity_error() {
    let answer = |sha1: &str, name: &str, len: u64| {
        format!(
            r#"{{"action":"upload","bucketId":"b","contentLength":{len},"contentSha1":"{sha1}",
            "fileId":"f",
            "fileName":"{name}","uploadTimestamp":1,"uploadUrl":"https://pod.backblaze.com/u",
            "authorizationToken":"t"}}"#
        )
    };
    let good = Sha1::of(b"hello").to_string();
    let other = Sha1::of(b"hallo").to_string();
    for (answer, kind) in [
        (answer(&good, "n", 5), None),
        (answer(&other, "n", 5), Some(ErrorKind::Integrity)),
        (answer("none", "n", 5), Some(ErrorKind::Integrity)),
        (answer(&good, "m", 5), Some(ErrorKind::Integrity)),
        (answer(&good, "n", 6), Some(ErrorKind::Integrity)),
    ] {
        let (b2, timer) =
            client_with_response(move || Ok(b2kit::http::Response::new(answer.clone().into())));
        let stored = timer.run(async {
            let call = UploadFile::new("b", FileName::new("n").unwrap(), "hello");
            b2.call(call.content_sha1(Sha1::of(b"hello"))).await
        });
        assert_eq!(stored.map_err(|error| error.kind()).err(), kind);
    }
}

#[test]
fn a_download_with_wrong_bytes_is_an_integrity_error() {
    let file = |id: &'static str, name: &'static str, sha1: String, body: &'static str| {
        client_with_response(move || {
            let response = b2kit::http::Response::builder()
                .header("content-length", "5")
                .header("x-bz-file-id", id)
                .header("x-bz-file-name", name)
                .header("x-bz-content-sha1", &sha1);
            Ok(response
                .body(ResponseBody::new(
                    None,
                    stream::iter([Ok(Bytes::from(body))]),
                ))
                .unwrap())
        })
    };
    let hello = || Sha1::of(b"hello").to_string();
    let by_name = || {
        DownloadFileByName::new(
            BucketName::new("bucket").unwrap(),
            FileName::new("a/../b").unwrap(),
        )
    };

    let (b2, timer) = file("4_z1", "b", hello(), "hello");
    assert_eq!(
        timer.run(b2.call(by_name())).unwrap_err().kind(),
        ErrorKind::Integrity,
        "a tidied path"
    );
    assert_eq!(
        timer
            .run(b2.call(DownloadFileById::new("4_z2")))
            .unwrap_err()
            .kind(),
        ErrorKind::Integrity
    );

    for (body, sha1, ends) in [
        ("hello", hello(), None),
        ("hallo", hello(), Some(ErrorKind::Integrity)),
        ("hell", hello(), Some(ErrorKind::Http)),
        ("hello!", hello(), Some(ErrorKind::Http)),
        ("hallo", "none".to_owned(), None),
        ("hallo", "not hex".to_owned(), None),
        ("hello", hello().to_uppercase(), None),
        (
            "hallo",
            format!("unverified:{}", hello()),
            Some(ErrorKind::Integrity),
        ),
    ] {
        let (b2, timer) = file("4_z1", "a/../b", sha1, body);
        let download = timer.run(b2.call(by_name())).unwrap();
        let read = timer.run(download.body.collect(100));
        assert_eq!(read.map_err(|error| error.kind()).err(), ends, "{body}");
    }
}

#[test]
fn a_file_over_the_callers_memory_limit_is_refused() {
    let (b2, timer) = client_with_response(|| {
        let response = b2kit::http::Response::builder()
            .header("content-length", "5")
            .header("x-bz-file-id", "f")
            .header("x-bz-file-name", "n");
        Ok(response.body("hello".into()).unwrap())
    });
    let download = timer.run(b2.call(DownloadFileById::new("f"))).unwrap();
    assert_eq!(
        timer.run(download.body.collect(4)).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn a_silent_download_ends_at_the_callers_deadline_and_the_error_names_the_file() {
    let timer = ManualTimer::new();
    let backend = |_: Request| async {
        let response = b2kit::http::Response::builder()
            .header("content-length", "5")
            .header("x-bz-file-id", "f")
            .header("x-bz-file-name", "cat.jpg");
        let body = stream::iter([Ok(Bytes::from("he"))]);
        let body = futures::StreamExt::chain(body, stream::pending());
        Ok(response.body(ResponseBody::new(None, body)).unwrap())
    };
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(ApiVersion::V4, "a", Secret::new("t"), origin, origin);
    let builder = Client::builder()
        .session(session)
        .backend(backend)
        .timer(timer.clone());
    let b2 = builder
        .stall_timeout(std::time::Duration::from_secs(3))
        .build()
        .unwrap();
    let began = b2kit::Timer::now(&timer);
    let download = timer.run(b2.call(DownloadFileById::new("f"))).unwrap();
    let error = timer.run(download.body.collect(100)).unwrap_err();
    assert_eq!(
        b2kit::Timer::now(&timer) - began,
        std::time::Duration::from_secs(3)
    );
    assert_eq!(error.call(), Some("b2_download_file_by_id"));
    let message = format!("{error:#}");
    assert!(
        message.starts_with("b2_download_file_by_id: \"cat.jpg\": no progress for too long"),
        "{message}"
    );
    assert!(
        message.ends_with("the server stopped sending the response"),
        "{message}"
    );
}

#[test]
fn a_lost_finish_is_not_reconciled_with_a_row_that_is_not_a_file() {
    for action in ["hide", "folder"] {
        let (_, emulator, timer) = crate::client();
        let b2 = crate::wired(&emulator, &timer, move |request| {
            let lost = || HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived);
            let marker = serde_json::json!({
                "accountId": "a", "action": action, "bucketId": "b", "contentLength": 0,
                "contentSha1": null,
                "contentType": null, "fileId": "4_z1", "fileInfo": {}, "fileName": "f",
                "uploadTimestamp": 1,
            });
            match crate::call_of(request) {
                "b2_finish_large_file" => Some(Err(lost())),
                "b2_get_file_info" => Some(Ok(crate::http_answer(200, &marker))),
                _ => None,
            }
        });
        let finish = b2kit::api::FinishLargeFile::new("4_z1", [Sha1::of(b"x")]);
        let error = timer.run(b2.build().unwrap().call(finish)).unwrap_err();
        assert!(error.may_have_taken_effect(), "{error:?}");
    }
}
