//! Download authorizations, and links made from them.

use b2kit::api::{CreateBucket, DownloadAuthorization, GetDownloadAuthorization, UploadFile};
use b2kit::backend::emulator::Emulator;
use b2kit::http::HeaderMap;
use b2kit::types::{BucketName, BucketType, DownloadDuration, FileName, percent_decode};
use b2kit::{ApiVersion, Body, ErrorKind, HttpClient as _, Request};
use futures::TryStreamExt as _;
use futures::executor::block_on;
use serde_json::json;

use crate::{answered, assert_not_taken, client, document, refused, session};

fn request_for_prefix(prefix: &str) -> GetDownloadAuthorization {
    GetDownloadAuthorization::new("b1", prefix, DownloadDuration::from_secs(3_600).unwrap())
}

fn authorization_for(call: &GetDownloadAuthorization, prefix: &str) -> DownloadAuthorization {
    let answer =
        json!({"authorizationToken": "3_canary+/=", "bucketId": "b1", "fileNamePrefix": prefix});
    answered(call, answer)
}

fn link(
    authorization: &DownloadAuthorization,
    name: &str,
) -> Result<(String, String), b2kit::Error> {
    let bucket = BucketName::new("my-bucket").unwrap();
    let file = FileName::new(name).unwrap();
    let link = authorization.link(&session(ApiVersion::V4), &bucket, &file)?;
    assert!(!format!("{link:?}").contains("canary"));
    assert!(!link.url().contains("canary"));
    assert_eq!(link.authorization_token().expose(), "3_canary+/=");
    Ok((
        link.url().to_owned(),
        link.url_with_token().expose().to_owned(),
    ))
}

#[test]
fn a_download_authorization_is_requested_with_all_its_headers() {
    assert_eq!(
        document(&request_for_prefix("")),
        json!({"bucketId": "b1", "fileNamePrefix": "", "validDurationInSeconds": 3_600})
    );
    let all = request_for_prefix("albums/ü")
        .b2_content_disposition("attachment; filename=\"a b\"")
        .b2_content_language("de")
        .b2_expires("Thu, 01 Dec 1994 16:00:00 GMT")
        .b2_cache_control("no-store")
        .b2_content_encoding("gzip")
        .b2_content_type("text/plain");
    assert_eq!(
        document(&all),
        json!({
            "bucketId": "b1", "fileNamePrefix": "albums/ü", "validDurationInSeconds": 3_600,
            "b2ContentDisposition": "attachment; filename=\"a b\"", "b2ContentLanguage": "de",
            "b2Expires": "Thu, 01 Dec 1994 16:00:00 GMT", "b2CacheControl": "no-store",
            "b2ContentEncoding": "gzip", "b2ContentType": "text/plain",
        })
    );
    let message = refused(
        ApiVersion::V4,
        &request_for_prefix("").b2_content_disposition("a\r\nx-evil: 1"),
    );
    assert!(
        message.contains("b2ContentDisposition contains the control character"),
        "{message}"
    );
}

#[test]
fn a_link_has_the_token_only_on_request_and_is_fully_encoded() {
    let authorization = authorization_for(&request_for_prefix("albums/"), "albums/");
    assert!(!format!("{authorization:?}").contains("canary"));
    let (plain, whole) = link(&authorization, "albums/a+b ?#&ü.txt").unwrap();
    assert_eq!(
        plain,
        "https://f004.backblazeb2.com/file/my-bucket/albums/a%2Bb%20%3F%23%26%C3%BC.txt"
    );
    assert_eq!(whole, format!("{plain}?Authorization=3_canary%2B/%3D"));
}

#[test]
fn a_link_repeats_exactly_the_headers_that_were_authorized() {
    let disposition = "attachment; filename=\"x & y=z.txt\"";
    let call = request_for_prefix("")
        .b2_content_disposition(disposition)
        .b2_cache_control("max-age=0");
    let (plain, whole) = link(&authorization_for(&call, ""), "f").unwrap();
    let (path, query) = plain.split_once('?').unwrap();
    assert_eq!(path, "https://f004.backblazeb2.com/file/my-bucket/f");
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name, percent_decode(value).unwrap().into_owned()))
        .collect();
    let expected = [
        ("b2CacheControl", "max-age=0".to_owned()),
        ("b2ContentDisposition", disposition.to_owned()),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(whole, format!("{plain}&Authorization=3_canary%2B/%3D"));
}

#[test]
fn every_link_leads_to_its_own_file() {
    let all = authorization_for(&request_for_prefix(""), "");
    for name in ["a/../b", "./b", "..", "a/.", "a/b/.."] {
        let error = link(&all, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("a different file"), "{error}");
    }
    for name in ["a//b", ".hidden", "a/...", "/a", "a/"] {
        assert!(link(&all, name).is_ok(), "{name}");
    }
    let albums = authorization_for(&request_for_prefix("albums/"), "albums/");
    let error = link(&albums, "letters/1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("\"albums/\""), "{error}");
}

#[test]
fn a_download_authorization_for_another_prefix_is_an_integrity_error() {
    for (bucket, prefix) in [("b2", "albums/"), ("b1", "")] {
        let answer =
            json!({"authorizationToken": "t", "bucketId": bucket, "fileNamePrefix": prefix});
        assert_not_taken(&request_for_prefix("albums/"), answer);
    }
}

/// Requests a link without other credentials.
pub(crate) async fn fetch(
    emulator: &Emulator,
    url: &str,
    token: Option<&str>,
) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = url.parse().unwrap();
    if let Some(token) = token {
        let headers = request.headers_mut();
        headers.insert("authorization", token.parse().unwrap());
    }
    let response = emulator.send(request).await.unwrap();
    let (head, body) = response.into_parts();
    let chunks: Vec<_> = body.try_collect().await.unwrap();
    (head.status.as_u16(), head.headers, chunks.concat())
}

#[test]
fn a_link_opens_only_files_under_its_prefix() {
    let (b2, emulator, _) = client();
    block_on(async {
        let bucket_name = BucketName::new("my-bucket").unwrap();
        let create = CreateBucket::new(bucket_name.clone(), BucketType::AllPrivate);
        let bucket = b2.call(create).await.unwrap();
        let shared = FileName::new("albums/a+b ?#&ü.txt").unwrap();
        let other = FileName::new("letters/1").unwrap();
        for name in [&shared, &other] {
            let upload = UploadFile::new(&bucket.bucket_id, name.clone(), "hello");
            b2.call(upload).await.unwrap();
        }
        let hour = DownloadDuration::from_secs(3_600).unwrap();
        let call = || GetDownloadAuthorization::new(&bucket.bucket_id, "albums/", hour);
        let session = b2.session().await.unwrap();
        let authorization = b2.call(call()).await.unwrap();
        let link = authorization.link(&session, &bucket_name, &shared).unwrap();
        let with_token = link.url_with_token();
        let (status, _, body) = fetch(&emulator, with_token.expose(), None).await;
        assert_eq!((status, &*body), (200, &b"hello"[..]));
        let token = link.authorization_token().expose();
        assert_eq!(fetch(&emulator, link.url(), Some(token)).await.0, 200);
        assert_eq!(fetch(&emulator, link.url(), None).await.0, 401);
        let letters = format!("{}/file/my-bucket/letters/1", session.download_url());
        assert_eq!(fetch(&emulator, &letters, Some(token)).await.0, 401);

        let disposition = "attachment; filename=\"x & y=z+.txt\"";
        let fixed = b2
            .call(call().b2_content_disposition(disposition))
            .await
            .unwrap();
        let link = fixed.link(&session, &bucket_name, &shared).unwrap();
        let (status, headers, _) = fetch(&emulator, link.url_with_token().expose(), None).await;
        assert_eq!(
            (status, headers["content-disposition"].to_str().unwrap()),
            (200, disposition)
        );
        let (bare, _) = link.url().split_once('?').unwrap();
        let token = link.authorization_token().expose();
        assert_ne!(
            fetch(&emulator, bare, Some(token)).await.0,
            200,
            "it has to call for the header"
        );
    });
}
