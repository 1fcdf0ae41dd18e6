//! Authorization, application keys and account tokens.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;
#[path = "authorization/restrictions.rs"]
mod restrictions;

use std::time::Duration;

use b2kit_core::{Body, http};
use b2kit_emulator::{Emulator, UndocumentedBehavior};
use raw_client::{RawClient, upload_request};
use serde_json::{Value, json};

fn key(client: &RawClient, fields: &Value) -> Value {
    let mut body = json!({
        "accountId": client.emulator.account_id(),
        "keyName": "test-key",
        "capabilities": ["listBuckets", "listFiles", "readFiles", "writeFiles", "deleteFiles"],
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    client.post("b2_create_key", &body).ok()
}

#[test]
fn the_three_versions_of_authorize_have_their_documented_fields() {
    let client = RawClient::new();
    let (id, secret) = (client.emulator.key_id(), client.emulator.key());
    let fields =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let v2 = RawClient::new().in_version("v2").authorize(id, secret).ok();
    assert_eq!(
        fields(&v2),
        [
            "absoluteMinimumPartSize",
            "accountId",
            "allowed",
            "apiUrl",
            "authorizationToken",
            "downloadUrl",
            "recommendedPartSize",
            "s3ApiUrl"
        ]
    );
    assert_eq!(
        fields(&v2["allowed"]),
        ["bucketId", "bucketName", "capabilities", "namePrefix"]
    );
    let top = [
        "accountId",
        "apiInfo",
        "applicationKeyExpirationTimestamp",
        "authorizationToken",
    ];
    let v3 = RawClient::new().in_version("v3").authorize(id, secret).ok();
    assert_eq!(fields(&v3), top);
    assert_eq!(
        fields(&v3["apiInfo"]["storageApi"]),
        [
            "absoluteMinimumPartSize",
            "apiUrl",
            "bucketId",
            "bucketName",
            "capabilities",
            "downloadUrl",
            "infoType",
            "namePrefix",
            "recommendedPartSize",
            "s3ApiUrl"
        ]
    );
    let v4 = RawClient::new().authorize(id, secret).ok();
    assert_eq!(fields(&v4), top);
    let storage = &v4["apiInfo"]["storageApi"];
    assert_eq!(
        fields(storage),
        [
            "absoluteMinimumPartSize",
            "allowed",
            "apiUrl",
            "downloadUrl",
            "recommendedPartSize",
            "s3ApiUrl"
        ]
    );
    assert_eq!(storage["absoluteMinimumPartSize"], 5_000_000);
    assert_eq!(storage["recommendedPartSize"], 100_000_000);
    assert_eq!(storage["apiUrl"], client.emulator.url());
    let allowed = &storage["allowed"];
    assert_eq!(allowed["buckets"], Value::Null);
    assert_eq!(allowed["capabilities"].as_array().unwrap().len(), 30);
}

#[test]
fn authorizing_accepts_post_and_only_the_right_key() {
    let client = RawClient::new();
    let post = http::Request::post(client.url("b2_authorize_account"))
        .header("authorization", "Basic bm90OnRoaXM=")
        .body(Body::from("{}"))
        .unwrap();
    let wrong = client.send(post);
    wrong.is_error(401, "bad_auth_token", "");
    assert_eq!(
        wrong.header("www-authenticate"),
        "BASIC realm=\"authorize_account\""
    );
    client
        .authorize(client.emulator.key_id(), "nearly")
        .has_code(401, "unauthorized");
    let bare = http::Request::get(client.url("b2_authorize_account"))
        .body(Body::empty())
        .unwrap();
    client.send(bare).has_code(401, "bad_auth_token");
    let mut behavior = UndocumentedBehavior::default();
    behavior.wrong_key_is_bad_auth_token = true;
    let old = RawClient::of(Emulator::builder().undocumented(behavior));
    old.authorize(old.emulator.key_id(), "nearly")
        .is_error(401, "bad_auth_token", "");
}

#[test]
fn the_account_id_is_another_id_of_the_master_key() {
    let client = RawClient::new();
    let (account, key) = (client.emulator.account_id(), client.emulator.key());
    assert_eq!(client.authorize(account, key).ok()["accountId"], account);
    let wrong = client.authorize(account, "nearly");
    wrong.has_code(401, "unauthorized");
}

#[test]
fn the_key_and_seed_of_the_builder_are_used() {
    let build = |seed| RawClient::of(Emulator::builder().key("my-key", "my-secret").seed(seed));
    assert_eq!(build(1).authorize("my-key", "my-secret").status, 200);
    assert_eq!(build(1).token, build(1).token);
    assert_ne!(build(1).token, build(2).token);
    // its id may be one that the emulator would give to the next key
    let next = key(&RawClient::new(), &json!({}))["applicationKeyId"].clone();
    let client = RawClient::of(Emulator::builder().key(next.as_str().unwrap(), "my-secret"));
    assert_ne!(key(&client, &json!({}))["applicationKeyId"], next);
    client.authorize(next.as_str().unwrap(), "my-secret").ok();
}

#[test]
fn responses_have_the_format_of_b2() {
    let client = RawClient::new();
    let response = client.post(
        "b2_list_buckets",
        &json!({"accountId": client.emulator.account_id()}),
    );
    assert_eq!(response.body, "{\n  \"buckets\": []\n}\n");
    assert_eq!(
        response.header("content-type"),
        "application/json;charset=UTF-8"
    );
    assert_eq!(
        response.header("cache-control"),
        "max-age=0, no-cache, no-store"
    );
    assert_eq!(response.header("content-length"), "20");
    assert_eq!(response.header("date"), "Thu, 05 Feb 2026 23:40:12 GMT");
    assert_eq!(response.header("connection"), "");
    let error = client.post("b2_cancel_large_file", &json!({"fileId": "bad-id"}));
    assert_eq!(
        error.body,
        "{\n  \"code\": \"bad_request\",\n  \"message\": \"Invalid fileId: bad-id\",\n  \
         \"status\": 400\n}"
    );
    assert_eq!(
        error.header("content-type"),
        "application/json;charset=utf-8"
    );
    assert_eq!(error.header("connection"), "close");
    assert_eq!(error.header("content-length"), "83");
}

#[test]
fn missing_unknown_and_expired_tokens_have_their_own_errors() {
    let mut client = RawClient::new();
    let body = json!({"accountId": client.emulator.account_id()});
    let bare = http::Request::post(client.url("b2_list_buckets"))
        .body(Body::from(body.to_string()))
        .unwrap();
    client.send(bare).has_code(401, "bad_auth_token");
    client.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(client.post("b2_list_buckets", &body).status, 200);
    client.clock.advance(Duration::from_secs(1));
    client
        .post("b2_list_buckets", &body)
        .has_code(401, "expired_auth_token");
    let good = client.token.clone();
    for bad in [
        "",
        "x",
        "4_00",
        "ü",
        &good[..good.len() - 1],
        &good.replace("_acct_", "_upld_"),
    ] {
        bad.clone_into(&mut client.token);
        client
            .post("b2_list_buckets", &body)
            .has_code(401, "bad_auth_token");
    }
    let last = if good.ends_with("A=") { "B=" } else { "A=" };
    client.token = format!("{}{last}", &good[..good.len() - 2]);
    client
        .post("b2_list_buckets", &body)
        .has_code(401, "bad_auth_token");
}

#[test]
fn all_account_tokens_can_be_expired() {
    let client = RawClient::new();
    let body = json!({"accountId": client.emulator.account_id()});
    client.emulator.expire_account_tokens();
    client
        .post("b2_list_buckets", &body)
        .has_code(401, "expired_auth_token");
    let again = client
        .authorize(client.emulator.key_id(), client.emulator.key())
        .ok();
    let client = RawClient {
        token: again["authorizationToken"].as_str().unwrap().to_owned(),
        ..client
    };
    assert_eq!(client.post("b2_list_buckets", &body).status, 200);
    let snapshot = client.emulator.snapshot();
    assert_eq!(
        snapshot.calls_of("b2_list_buckets"),
        2,
        "refused calls count"
    );
    assert_eq!(snapshot.calls_of("b2_authorize_account"), 2);
    assert_eq!(snapshot.calls_of("b2_hide_file"), 0);
}

#[test]
fn another_account_and_an_unknown_call_are_refused() {
    let client = RawClient::new();
    client
        .post("b2_list_buckets", &json!({"accountId": "ffffffffffff"}))
        .has_code(401, "unauthorized");
    for path in ["b2_frobnicate", "b2_list_buckets/x", ""] {
        client.get(path).has_code(404, "not_found");
    }
    let old = RawClient::new().in_version("v9");
    old.get("b2_list_buckets").has_code(404, "not_found");
    let put = http::Request::put(client.url("b2_list_buckets"))
        .body(Body::empty())
        .unwrap();
    client.send(put).has_code(405, "method_not_allowed");
}

#[test]
fn bodies_that_are_not_json_or_too_large_are_refused() {
    let client = RawClient::new();
    let post = |body: Vec<u8>| {
        client.send(
            http::Request::post(client.url("b2_list_buckets"))
                .header("authorization", &client.token)
                .body(Body::from(body))
                .unwrap(),
        )
    };
    post(b"{".to_vec()).has_code(400, "bad_json");
    post(b"[]".to_vec()).has_code(400, "bad_json");
    post(vec![b' '; 1024 * 1024 + 1]).has_code(400, "bad_request");
    post(Vec::new()).has_code(400, "bad_request");
}

#[test]
fn a_key_is_created_listed_and_deleted_with_its_tokens() {
    let client = RawClient::new();
    let created = key(
        &client,
        &json!({"namePrefix": "p/", "validDurationInSeconds": 60}),
    );
    assert_eq!(created["applicationKeyId"].as_str().unwrap().len(), 25);
    assert_eq!(created["applicationKey"].as_str().unwrap().len(), 31);
    assert_eq!(
        created["expirationTimestamp"],
        1_770_334_812_998_u64 + 60_000
    );
    assert_eq!(created["bucketIds"], Value::Null);
    assert_eq!(created["options"], json!(["s3"]));
    let account = json!({"accountId": client.emulator.account_id()});
    let mut shown = created.clone();
    shown.as_object_mut().unwrap().remove("applicationKey");
    let listed = client.post("b2_list_keys", &account).ok();
    assert_eq!(
        listed,
        json!({"keys": [shown], "nextApplicationKeyId": null})
    );
    let holder = client.as_key(&created);
    let id = json!({"applicationKeyId": created["applicationKeyId"]});
    assert_eq!(client.post("b2_delete_key", &id).ok(), shown);
    holder
        .post("b2_list_buckets", &account)
        .has_code(401, "bad_auth_token");
    client
        .post("b2_delete_key", &id)
        .has_code(400, "bad_request");
}

#[test]
fn keys_page_by_id() {
    let client = RawClient::new();
    let ids: Vec<Value> = (0..3)
        .map(|_| key(&client, &json!({}))["applicationKeyId"].clone())
        .collect();
    let mut start = Value::Null;
    let mut seen = Vec::new();
    loop {
        let page = client
            .post(
                "b2_list_keys",
                &json!({"accountId": client.emulator.account_id(), "maxKeyCount": 1,
                    "startApplicationKeyId": start}),
            )
            .ok();
        let keys = page["keys"].as_array().unwrap();
        seen.extend(keys.iter().map(|key| key["applicationKeyId"].clone()));
        start = page["nextApplicationKeyId"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(seen, ids);
}

#[test]
fn a_key_whose_expiry_is_beyond_the_last_moment_is_created() {
    let client = RawClient::new();
    client.clock.set(u64::MAX - 30_000);
    let account = client.emulator.account_id();
    let document = json!({"accountId": account, "keyName": "k", "capabilities": ["listKeys"],
        "validDurationInSeconds": 60});
    let client = client.as_key(&json!({
        "applicationKeyId": client.emulator.key_id(), "applicationKey": client.emulator.key(),
    }));
    let key = client.post("b2_create_key", &document).ok();
    assert_eq!(key["expirationTimestamp"], json!(u64::MAX));
}

#[test]
fn an_expiring_key_ends_its_tokens_and_then_itself() {
    let client = RawClient::new();
    let short = key(&client, &json!({"validDurationInSeconds": 60}));
    let holder = client.as_key(&short);
    client.clock.advance(Duration::from_secs(60));
    let account = json!({"accountId": client.emulator.account_id()});
    holder
        .post("b2_list_buckets", &account)
        .has_code(401, "expired_auth_token");
    client
        .authorize(
            short["applicationKeyId"].as_str().unwrap(),
            short["applicationKey"].as_str().unwrap(),
        )
        .has_code(401, "unauthorized");
    let master = client.as_key(&json!({
        "applicationKeyId": client.emulator.key_id(), "applicationKey": client.emulator.key(),
    }));
    assert_eq!(
        master.post("b2_list_keys", &account).ok()["keys"],
        json!([])
    );
}

#[test]
fn invalid_keys_are_refused() {
    let client = RawClient::new();
    let account = client.emulator.account_id();
    let bucket = client.create_bucket("bucket-1", "allPrivate");
    for (fields, code) in [
        (json!({"capabilities": []}), "bad_request"),
        (json!({"capabilities": ["fly"]}), "bad_request"),
        (json!({"capabilities": null}), "bad_request"),
        (json!({"keyName": "under_score"}), "bad_request"),
        (json!({"validDurationInSeconds": 0}), "bad_request"),
        (json!({"validDurationInSeconds": 86_400_000}), "bad_request"),
        (json!({"bucketIds": ["00"]}), "bad_bucket_id"),
        (
            json!({"bucketIds": [bucket], "capabilities": ["listKeys"]}),
            "bad_request",
        ),
    ] {
        let mut body = json!({"accountId": account, "keyName": "k", "capabilities": ["readFiles"]});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        client.post("b2_create_key", &body).has_code(400, code);
    }
}
