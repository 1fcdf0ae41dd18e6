//! `b2_get_download_authorization`, and downloads with it.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use std::time::Duration;

use b2kit_core::{Body, http};
use b2kit_emulator::{Emulator, UndocumentedBehavior};
use serde_json::{Value, json};
use wire::{Answer, Wire};

fn with_files() -> (Wire, String) {
    with_files_of(Wire::new())
}

fn with_files_of(wire: Wire) -> (Wire, String) {
    let bucket = wire.create_bucket("the-bucket", "allPrivate");
    wire.upload(&bucket, "photos/cat.jpg", b"cat");
    wire.upload(&bucket, "letters/mum.txt", b"dear");
    (wire, bucket)
}

fn authorize(wire: &Wire, bucket: &str, fields: &Value) -> Answer {
    let mut body = json!({"bucketId": bucket, "fileNamePrefix": "photos/",
        "validDurationInSeconds": 60});
    wire::merge(&mut body, fields);
    wire.post("b2_get_download_authorization", &body)
}

fn token(wire: &Wire, bucket: &str, fields: &Value) -> String {
    let answer = authorize(wire, bucket, fields).ok();
    answer["authorizationToken"].as_str().unwrap().to_owned()
}

/// A download by name with this token as a header; `path` may have a query.
fn get(wire: &Wire, path: &str, token: Option<&str>) -> Answer {
    let mut request = http::Request::get(format!("{}/file/{path}", wire.emulator.url()));
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    wire.send(request.body(Body::empty()).unwrap())
}

#[test]
fn a_download_authorization_has_the_documented_json() {
    let (wire, bucket) = with_files();
    let answer = authorize(&wire, &bucket, &json!({})).ok();
    let token = answer["authorizationToken"].as_str().unwrap();
    let expected = json!({"authorizationToken": token, "bucketId": bucket,
        "fileNamePrefix": "photos/"});
    assert_eq!(answer, expected);
    assert!(token.starts_with("3_20260205234012_"), "{token}");
    assert!(token.contains("_004_20260205234112_"), "{token}");
    assert!(token.ends_with("_dnld"));
    let shape = "3_20260205234012_112233445566778899001122_\
                 1122334455667788990011223344556677889900_004_20260205234112_0025_dnld";
    assert_eq!(token.len(), shape.len());
}

#[test]
fn a_download_authorization_works_for_its_prefix_until_it_expires() {
    let (wire, bucket) = with_files();
    let token = token(&wire, &bucket, &json!({}));
    assert_eq!(
        get(&wire, "the-bucket/photos/cat.jpg", Some(&token)).body,
        "cat"
    );
    let path = format!("the-bucket/photos/cat.jpg?Authorization={token}");
    assert_eq!(get(&wire, &path, None).body, "cat");
    let outside = get(&wire, "the-bucket/letters/mum.txt", Some(&token));
    outside.has_code(401, "unauthorized");
    let other = wire.create_bucket("another", "allPrivate");
    wire.upload(&other, "photos/cat.jpg", b"dog");
    get(&wire, "another/photos/cat.jpg", Some(&token)).has_code(401, "unauthorized");
    let mut forged = token.clone();
    forged.replace_range(50..51, if &token[50..51] == "0" { "1" } else { "0" });
    get(&wire, "the-bucket/photos/cat.jpg", Some(&forged)).has_code(401, "bad_auth_token");
    wire.clock.advance(Duration::from_secs(60));
    get(&wire, "the-bucket/photos/cat.jpg", Some(&token)).has_code(401, "expired_auth_token");
}

#[test]
fn a_download_authorization_works_only_for_downloads_by_name() {
    let (wire, bucket) = with_files();
    let file = wire.upload(&bucket, "photos/dog.jpg", b"dog");
    let mut holder = wire.as_key(&json!({"applicationKeyId": wire.emulator.key_id(),
        "applicationKey": wire.emulator.key()}));
    holder.token = token(&wire, &bucket, &json!({"fileNamePrefix": ""}));
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
    let (wire, bucket) = with_files();
    let fixed = json!({"b2ContentDisposition": "attachment; filename=\"a b\""});
    let token = token(&wire, &bucket, &fixed);
    let ask = |query: &str| {
        get(
            &wire,
            &format!("the-bucket/photos/cat.jpg{query}"),
            Some(&token),
        )
    };
    let right = "?b2ContentDisposition=attachment;+filename=%22a+b%22";
    let answer = ask(right);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"a b\""
    );
    ask("").has_code(401, "unauthorized");
    ask("?b2ContentDisposition=inline").has_code(401, "unauthorized");
    ask(&format!("{right}&b2ContentLanguage=de")).has_code(401, "unauthorized");
}

#[test]
fn a_switch_decides_whether_other_overrides_are_refused() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.download_authorizations_refuse_other_overrides = false;
    let (wire, bucket) = with_files_of(Wire::of(Emulator::builder().undocumented(behavior)));
    let token = token(&wire, &bucket, &json!({}));
    let path = "the-bucket/photos/cat.jpg?b2ContentLanguage=de";
    assert_eq!(
        get(&wire, path, Some(&token)).header("content-language"),
        "de"
    );
}

#[test]
fn requests_for_an_invalid_download_authorization_are_refused() {
    let (wire, bucket) = with_files();
    for (fields, status, code) in [
        (json!({"bucketId": null}), 400, "bad_request"),
        (json!({"bucketId": "x"}), 400, "bad_bucket_id"),
        (json!({"fileNamePrefix": null}), 400, "bad_request"),
        (json!({"validDurationInSeconds": null}), 400, "bad_request"),
        (json!({"validDurationInSeconds": 0}), 400, "out_of_range"),
        (
            json!({"validDurationInSeconds": 604_801}),
            400,
            "out_of_range",
        ),
        (json!({"b2Expires": "a\nb"}), 400, "bad_request"),
    ] {
        authorize(&wire, &bucket, &fields).has_code(status, code);
    }
    authorize(&wire, &bucket, &json!({"validDurationInSeconds": 604_800})).ok();
}

#[test]
fn a_key_with_share_files_can_only_share_what_it_can_access() {
    let (wire, bucket) = with_files();
    let restricted = json!({"bucketIds": [bucket], "namePrefix": "photos/"});
    let sharer = wire.with_key(&["shareFiles"], &restricted);
    let token = token(&sharer, &bucket, &json!({}));
    assert_eq!(
        get(&wire, "the-bucket/photos/cat.jpg", Some(&token)).status,
        200
    );
    authorize(&sharer, &bucket, &json!({"fileNamePrefix": "photo"})).has_code(401, "unauthorized");
    let other = wire.create_bucket("another", "allPrivate");
    authorize(&sharer, &other, &json!({})).has_code(401, "unauthorized");
    let reader = wire.with_key(&["readFiles"], &json!({}));
    authorize(&reader, &bucket, &json!({})).has_code(401, "unauthorized");
    let keys = wire
        .post(
            "b2_list_keys",
            &json!({"accountId": wire.emulator.account_id()}),
        )
        .ok();
    wire.post(
        "b2_delete_key",
        &json!({"applicationKeyId": keys["keys"][0]["applicationKeyId"]}),
    )
    .ok();
    get(&wire, "the-bucket/photos/cat.jpg", Some(&token)).has_code(401, "bad_auth_token");
}
