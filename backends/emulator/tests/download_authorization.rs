//! `b2_get_download_authorization`, and downloads with it.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use std::time::Duration;

use b2kit_core::{Body, http};
use b2kit_emulator::{Emulator, UndocumentedBehavior};
use raw_client::{RawClient, Response};
use serde_json::{Value, json};

fn with_files() -> (RawClient, String) {
    with_files_of(RawClient::new())
}

fn with_files_of(client: RawClient) -> (RawClient, String) {
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    client.upload(&bucket, "photos/cat.jpg", b"cat");
    client.upload(&bucket, "letters/mum.txt", b"dear");
    (client, bucket)
}

fn authorize(client: &RawClient, bucket: &str, fields: &Value) -> Response {
    let mut body = json!({"bucketId": bucket, "fileNamePrefix": "photos/",
        "validDurationInSeconds": 60});
    raw_client::merge(&mut body, fields);
    client.post("b2_get_download_authorization", &body)
}

fn token(client: &RawClient, bucket: &str, fields: &Value) -> String {
    let response = authorize(client, bucket, fields).ok();
    response["authorizationToken"].as_str().unwrap().to_owned()
}

/// A download by name with this token as a header; `path` may have a query.
fn get(client: &RawClient, path: &str, token: Option<&str>) -> Response {
    let mut request = http::Request::get(format!("{}/file/{path}", client.emulator.url()));
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    client.send(request.body(Body::empty()).unwrap())
}

#[test]
fn a_download_authorization_has_the_documented_json() {
    let (client, bucket) = with_files();
    let response = authorize(&client, &bucket, &json!({})).ok();
    let token = response["authorizationToken"].as_str().unwrap();
    let expected = json!({"authorizationToken": token, "bucketId": bucket,
        "fileNamePrefix": "photos/"});
    assert_eq!(response, expected);
    assert!(token.starts_with("3_20260205234012_"), "{token}");
    assert!(token.contains("_004_20260205234112_"), "{token}");
    assert!(token.ends_with("_dnld"));
    let shape = "3_20260205234012_112233445566778899001122_\
                 1122334455667788990011223344556677889900_004_20260205234112_0025_dnld";
    assert_eq!(token.len(), shape.len());
}

#[test]
fn a_download_authorization_works_for_its_prefix_until_it_expires() {
    let (client, bucket) = with_files();
    let token = token(&client, &bucket, &json!({}));
    assert_eq!(
        get(&client, "the-bucket/photos/cat.jpg", Some(&token)).body,
        "cat"
    );
    let path = format!("the-bucket/photos/cat.jpg?Authorization={token}");
    assert_eq!(get(&client, &path, None).body, "cat");
    let outside = get(&client, "the-bucket/letters/mum.txt", Some(&token));
    outside.has_code(401, "unauthorized");
    let other = client.create_bucket("another", "allPrivate");
    client.upload(&other, "photos/cat.jpg", b"dog");
    get(&client, "another/photos/cat.jpg", Some(&token)).has_code(401, "unauthorized");
    let mut forged = token.clone();
    forged.replace_range(50..51, if &token[50..51] == "0" { "1" } else { "0" });
    get(&client, "the-bucket/photos/cat.jpg", Some(&forged)).has_code(401, "bad_auth_token");
    client.clock.advance(Duration::from_secs(60));
    get(&client, "the-bucket/photos/cat.jpg", Some(&token)).has_code(401, "expired_auth_token");
}

#[test]
fn a_download_authorization_works_only_for_downloads_by_name() {
    let (client, bucket) = with_files();
    let file = client.upload(&bucket, "photos/dog.jpg", b"dog");
    let mut holder = client.as_key(&json!({"applicationKeyId": client.emulator.key_id(),
        "applicationKey": client.emulator.key()}));
    holder.token = token(&client, &bucket, &json!({"fileNamePrefix": ""}));
    let id = file["fileId"].as_str().unwrap();
    holder
        .get(&format!("b2_download_file_by_id?fileId={id}"))
        .has_code(401, "bad_auth_token");
    holder
        .get(&format!("b2_get_file_info?fileId={id}"))
        .has_code(401, "bad_auth_token");
    assert_eq!(
        holder.download("the-bucket/photos/dog.jpg", &[]).body,
        "dog"
    );
}

#[test]
fn a_download_must_repeat_the_overrides_of_its_authorization() {
    let (client, bucket) = with_files();
    let fixed = json!({"b2ContentDisposition": "attachment; filename=\"a b\""});
    let token = token(&client, &bucket, &fixed);
    let send = |query: &str| {
        get(
            &client,
            &format!("the-bucket/photos/cat.jpg{query}"),
            Some(&token),
        )
    };
    let right = "?b2ContentDisposition=attachment;+filename=%22a+b%22";
    let response = send(right);
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-disposition"),
        "attachment; filename=\"a b\""
    );
    send("").has_code(401, "unauthorized");
    send("?b2ContentDisposition=inline").has_code(401, "unauthorized");
    send(&format!("{right}&b2ContentLanguage=de")).has_code(401, "unauthorized");
}

#[test]
fn a_switch_decides_whether_other_overrides_are_refused() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.download_authorizations_refuse_other_overrides = false;
    let (client, bucket) = with_files_of(RawClient::of(Emulator::builder().undocumented(behavior)));
    let token = token(&client, &bucket, &json!({}));
    let path = "the-bucket/photos/cat.jpg?b2ContentLanguage=de";
    assert_eq!(
        get(&client, path, Some(&token)).header("content-language"),
        "de"
    );
}

#[test]
fn requests_for_an_invalid_download_authorization_are_refused() {
    let (client, bucket) = with_files();
    for (fields, status, code) in [
        (json!({"bucketId": null}), 400, "bad_request"),
        (json!({"bucketId": "x"}), 400, "bad_bucket_id"),
        (json!({"fileNamePrefix": null}), 400, "bad_request"),
        (json!({"validDurationInSeconds": null}), 400, "bad_request"),
        (json!({"validDurationInSeconds": 0}), 400, "bad_request"),
        (
            json!({"validDurationInSeconds": 604_801}),
            400,
            "bad_request",
        ),
        (json!({"b2Expires": "a\nb"}), 400, "bad_request"),
    ] {
        authorize(&client, &bucket, &fields).has_code(status, code);
    }
    authorize(
        &client,
        &bucket,
        &json!({"validDurationInSeconds": 604_800}),
    )
    .ok();
}

#[test]
fn a_key_with_share_files_can_only_share_what_it_can_access() {
    let (client, bucket) = with_files();
    let restricted = json!({"bucketIds": [bucket], "namePrefix": "photos/"});
    let sharer = client.with_key(&["shareFiles"], &restricted);
    let token = token(&sharer, &bucket, &json!({}));
    assert_eq!(
        get(&client, "the-bucket/photos/cat.jpg", Some(&token)).status,
        200
    );
    authorize(&sharer, &bucket, &json!({"fileNamePrefix": "photo"})).has_code(401, "unauthorized");
    let other = client.create_bucket("another", "allPrivate");
    authorize(&sharer, &other, &json!({})).has_code(401, "unauthorized");
    let reader = client.with_key(&["readFiles"], &json!({}));
    authorize(&reader, &bucket, &json!({})).has_code(401, "unauthorized");
    let keys = client
        .post(
            "b2_list_keys",
            &json!({"accountId": client.emulator.account_id()}),
        )
        .ok();
    client
        .post(
            "b2_delete_key",
            &json!({"applicationKeyId": keys["keys"][0]["applicationKeyId"]}),
        )
        .ok();
    get(&client, "the-bucket/photos/cat.jpg", Some(&token)).has_code(401, "bad_auth_token");
}
