//! What nobody may see: keys and tokens, in anything that prints.

use std::error::Error as StdError;

use b2kit::api::{
    AuthorizeAccount, Call, CopyPart, DownloadFileById, GetUploadPartUrl, GetUploadUrl,
    ListBuckets, Reply, StartLargeFile, Target, UploadFile, UploadPart,
};
use b2kit::types::{CustomerKey, EncryptionSetting, FileName, PartNumber, Secret};
use b2kit::{ApiVersion, Client, Credentials, Error, ManualTimer, Request, Response, Session};

const CANARY: &str = "canary7f3a";
const ORIGIN: &str = "https://api002.backblazeb2.com";

/// A secret that has the canary in it, also where it is written in base64 or hexadecimal digits.
fn secret() -> String {
    format!("{CANARY}{CANARY}{CANARY}")
}

fn key() -> CustomerKey {
    CustomerKey::new(*b"canary7f3acanary7f3acanary7f3a!!")
}

fn assert_hidden(shown: &str) {
    let lower = shown.to_ascii_lowercase();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    // The three ways in which base64 may cut the canary, without the ends that depend on what stands around it.
    let base64 = ["Y2FuYXJ5N2Yz", "hbmFyeTdmM2", "5hcnk3ZjNh"];
    assert!(!lower.contains(CANARY) && !lower.contains(&hex), "{shown}");
    assert!(!base64.iter().any(|piece| shown.contains(piece)), "{shown}");
}

fn chain(error: &Error) -> String {
    let mut told = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        told.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    told
}

fn reply(text: String) -> Reply {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    Reply::whole(head, text.into())
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let credentials = Credentials::new("id", secret()).unwrap();
    let session = Session::new(ApiVersion::V4, "a", Secret::new(secret()), ORIGIN, ORIGIN);
    let place = format!(
        r#""authorizationToken":"{0}","uploadUrl":"https://pod.backblaze.com/{0}""#,
        secret()
    );
    let url = GetUploadUrl::new("b")
        .read(reply(format!(r#"{{"bucketId":"b",{place}}}"#)))
        .unwrap();
    let part_url = GetUploadPartUrl::new("f")
        .read(reply(format!(r#"{{"fileId":"f",{place}}}"#)))
        .unwrap();
    let name = || FileName::new("n").unwrap();
    let upload =
        UploadFile::new("b", name(), "x").server_side_encryption(EncryptionSetting::SseC(key()));
    let part = UploadPart::new("f", PartNumber::FIRST, "x").customer_key(key());
    let builder = Client::builder()
        .credentials(credentials.clone())
        .session(session.clone());
    assert_hidden(&format!(
        "{credentials:?} {session:?} {url:?} {part_url:?} {:?}",
        key()
    ));
    assert_hidden(&format!(
        "{builder:?} {:?}",
        AuthorizeAccount::new(credentials.clone())
    ));
    let client = builder
        .backend(|_: Request| async { panic!("nothing is sent") })
        .build()
        .unwrap();
    assert_hidden(&format!("{client:?}"));

    let target = Target::session(&session);
    assert_hidden(&format!("{target:?}"));
    let upload_url = format!("https://pod.backblaze.com/{}", secret());
    let token = Secret::new(secret());
    let place = Target::upload(&session, &upload_url, &token);
    assert_hidden(&format!("{place:?}"));
    let realm = Target::realm(ORIGIN, ApiVersion::V4);
    let copy = CopyPart::new("s", "f", PartNumber::FIRST).source_customer_key(key());
    let start =
        StartLargeFile::new("b", name()).server_side_encryption(EncryptionSetting::SseC(key()));
    assert_hidden(&format!("{copy:?} {start:?}"));
    for request in [
        AuthorizeAccount::new(credentials).request(&realm).unwrap(),
        ListBuckets::new().request(&target).unwrap(),
        copy.request(&target).unwrap(),
        start.request(&target).unwrap(),
        DownloadFileById::new("f")
            .customer_key(key())
            .request(&target)
            .unwrap(),
        part.request(&place).unwrap(),
        upload.request(&place).unwrap(),
    ] {
        let (head, body) = request.into_parts();
        assert_hidden(&format!("{:?} {body:?}", head.headers));
        if !head.uri.path().contains(CANARY) {
            assert_hidden(&format!("{head:?}"));
        }
    }
}

#[test]
fn no_error_shows_a_token_that_the_server_repeats() {
    let timer = ManualTimer::new();
    let session = Session::new(ApiVersion::V4, "a", Secret::new(secret()), ORIGIN, ORIGIN);
    for answer in [
        format!(
            r#"{{"status":400,"code":"auth_token_limit","message":"more than one upload using auth token {}"}}"#,
            secret()
        ),
        format!(r#"{{"status":400,"code":"{}","message":""}}"#, secret()),
        secret(),
    ] {
        for status in [200, 400, 401, 500] {
            let text = answer.clone();
            let backend = move |_: Request| {
                let response: Response = b2kit::http::Response::builder()
                    .status(status)
                    .body(text.clone().into())
                    .unwrap();
                async { Ok(response) }
            };
            let builder = Client::builder()
                .session(session.clone())
                .timer(timer.clone());
            let b2 = builder.backend(backend).build().unwrap();
            let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
            assert_hidden(&chain(&error));
        }
    }
}

#[test]
fn a_document_that_is_wrong_where_a_token_stands_does_not_show_it() {
    let document = format!(
        r#"{{"bucketId":7,"uploadUrl":"u","authorizationToken":"{}"}}"#,
        secret()
    );
    assert_hidden(&chain(
        &GetUploadUrl::new("b").read(reply(document)).unwrap_err(),
    ));
    let document = format!(r#"{{"files":"{}"}}"#, secret());
    let list = b2kit::api::ListFileNames::new("b");
    assert_hidden(&chain(&list.read(reply(document)).unwrap_err()));
}
