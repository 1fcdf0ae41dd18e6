//! Events: which rules get which, and how webhooks are signed.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_emulator::Webhook;
use raw_client::{RawClient, sha1};
use serde_json::{Value, json};

fn with_rules(rules: &Value) -> (RawClient, String) {
    let client = RawClient::of(b2kit_emulator::Emulator::builder().absolute_minimum_part_size(1));
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    let body = json!({"bucketId": bucket, "eventNotificationRules": rules});
    client.post("b2_set_bucket_notification_rules", &body).ok();
    (client, bucket)
}

fn rule(name: &str, types: &[&str], max: u64) -> Value {
    json!({"name": name, "eventTypes": types, "isEnabled": true, "objectNamePrefix": "in/",
        "targetConfiguration": {"targetType": "webhook", "url": "https://example.com/hook",
            "customHeaders": [{"name": "X-My", "value": "v"}], "maxEventsPerBatch": max,
            "hmacSha256SigningSecret": "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H"}})
}

fn events(hook: &Webhook) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&hook.body).unwrap();
    body["events"].as_array().unwrap().clone()
}

#[test]
fn a_webhook_of_an_upload_has_every_documented_field() {
    let (client, bucket) = with_rules(&json!([rule("the-rule", &["b2:ObjectCreated:*"], 1)]));
    let file = client.upload(&bucket, "in/f", b"four");
    client.upload(&bucket, "out", b"x");
    let hooks = client.emulator.drain_webhooks();
    assert_eq!(hooks.len(), 1);
    let hook = &hooks[0];
    assert_eq!(
        (hook.rule.as_str(), hook.url.as_str()),
        ("the-rule", "https://example.com/hook")
    );
    let events = events(hook);
    let expected = json!({"accountId": client.emulator.account_id(), "bucketId": bucket,
        "bucketName": "the-bucket", "eventId": events[0]["eventId"],
        "eventTimestamp": 1_770_334_812_998_u64, "eventType": "b2:ObjectCreated:Upload",
        "eventVersion": 1, "matchedRuleName": "the-rule", "objectName": "in/f", "objectSize": 4,
        "objectVersionId": file["fileId"]});
    assert_eq!(events, [expected]);
    assert_eq!(hook.headers[0], ("X-My".to_owned(), "v".to_owned()));
    let (name, signature) = hook.headers.last().unwrap();
    assert_eq!(name, "X-Bz-Event-Notification-Signature");
    assert!(
        signature.starts_with("v1=") && signature.len() == 67,
        "{signature}"
    );
    assert!(client.emulator.drain_webhooks().is_empty(), "told once");
}

#[test]
fn every_kind_of_change_has_its_event_and_batches_have_their_size() {
    let all = [
        "b2:HideMarkerCreated:*",
        "b2:ObjectCreated:*",
        "b2:ObjectDeleted:*",
    ];
    let (client, bucket) = with_rules(&json!([rule("the-rule", &all, 4)]));
    let file = client.upload(&bucket, "in/f", b"x");
    let copy = json!({"sourceFileId": file["fileId"], "fileName": "in/c"});
    client.post("b2_copy_file", &copy).ok();
    let large = client.start(&bucket, "in/l");
    for number in 1..=2 {
        client.upload_part(&large, number, b"x").ok();
    }
    let finish = json!({"fileId": large, "partSha1Array": [sha1(b"x"), sha1(b"x")]});
    client.post("b2_finish_large_file", &finish).ok();
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "in/f"}),
        )
        .ok();
    let delete = json!({"fileName": "in/f", "fileId": file["fileId"]});
    client.post("b2_delete_file_version", &delete).ok();
    let hooks = client.emulator.drain_webhooks();
    let sizes: Vec<usize> = hooks.iter().map(|hook| events(hook).len()).collect();
    assert_eq!(sizes, [4, 1]);
    let told: Vec<Value> = hooks.iter().flat_map(events).collect();
    let types: Vec<&str> = told
        .iter()
        .map(|it| it["eventType"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "b2:ObjectCreated:Upload",
            "b2:ObjectCreated:Copy",
            "b2:ObjectCreated:MultipartUpload",
            "b2:HideMarkerCreated:Hide",
            "b2:ObjectDeleted:Delete",
        ]
    );
    assert_eq!(
        (&told[2]["objectSize"], &told[3]["objectSize"]),
        (&json!(2), &json!(0))
    );
}

#[test]
fn events_of_several_rules_are_in_batches_of_their_own() {
    let mut other = rule("other-rule", &["b2:ObjectCreated:*"], 2);
    other["objectNamePrefix"] = "out/".into();
    let (client, bucket) = with_rules(&json!([
        rule("the-rule", &["b2:ObjectCreated:*"], 3),
        other,
    ]));
    for at in 0..4 {
        client.upload(&bucket, &format!("in/{at}"), b"x");
        client.upload(&bucket, &format!("out/{at}"), b"x");
    }
    let hooks = client.emulator.drain_webhooks();
    let batches: Vec<(&str, usize)> = hooks
        .iter()
        .map(|hook| (hook.rule.as_str(), events(hook).len()))
        .collect();
    let expected = [
        ("the-rule", 3),
        ("other-rule", 2),
        ("other-rule", 2),
        ("the-rule", 1),
    ];
    assert_eq!(batches, expected);
}

#[test]
fn disabled_rules_send_nothing_and_secrets_are_not_printed() {
    let mut off = rule("the-rule", &["b2:ObjectCreated:*"], 1);
    off["isEnabled"] = false.into();
    let mut unsigned = rule("other-rule", &["b2:HideMarkerCreated:Hide"], 1);
    unsigned["targetConfiguration"]["hmacSha256SigningSecret"] = Value::Null;
    let (client, bucket) = with_rules(&json!([off, unsigned]));
    client.upload(&bucket, "in/f", b"x");
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "in/f"}),
        )
        .ok();
    let hooks = client.emulator.drain_webhooks();
    assert_eq!(hooks.len(), 1);
    let names: Vec<&str> = hooks[0]
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["X-My", "Content-Type"], "unsigned");
}
