//! Event notification rules: what is accepted, and what is returned.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use raw_client::{RawClient, Response};
use serde_json::{Value, json};

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    (client, bucket)
}

fn rule(fields: &Value) -> Value {
    let mut rule = json!({"name": "the-rule", "eventTypes": ["b2:ObjectCreated:*"],
        "isEnabled": true, "objectNamePrefix": "",
        "targetConfiguration": {"targetType": "webhook", "url": "https://example.com/hook"}});
    raw_client::merge(&mut rule, fields);
    rule
}

fn target(fields: &Value) -> Value {
    let mut target = json!({"targetType": "webhook", "url": "https://example.com/hook"});
    raw_client::merge(&mut target, fields);
    rule(&json!({"targetConfiguration": target}))
}

fn set(client: &RawClient, bucket: &str, rules: &[Value]) -> Response {
    client.post(
        "b2_set_bucket_notification_rules",
        &json!({"bucketId": bucket, "eventNotificationRules": rules}),
    )
}

#[test]
fn rules_come_back_complete_and_sorted() {
    let (client, bucket) = with_bucket();
    let first = rule(
        &json!({"name": "b-rule", "eventTypes": ["b2:ObjectDeleted:Delete",
        "b2:HideMarkerCreated:Hide"], "isSuspended": true, "suspensionReason": "ignored",
        "maxEventsPerBatch": 7}),
    );
    let mut second = target(&json!({"customHeaders": [{"name": "X-My", "value": "v"}],
        "hmacSha256SigningSecret": "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H", "maxEventsPerBatch": 50}));
    second["name"] = "a-rule".into();
    let response = set(&client, &bucket, &[first, second]).ok();
    let expected = json!({"bucketId": bucket, "eventNotificationRules": [
        {"name": "a-rule", "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true,
            "isSuspended": false, "suspensionReason": "", "objectNamePrefix": "",
            "targetConfiguration": {"targetType": "webhook", "url": "https://example.com/hook",
                "customHeaders": [{"name": "X-My", "value": "v"}], "maxEventsPerBatch": 50,
                "hmacSha256SigningSecret": "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H"}},
        {"name": "b-rule", "eventTypes": ["b2:HideMarkerCreated:Hide", "b2:ObjectDeleted:Delete"],
            "isEnabled": true, "isSuspended": false, "suspensionReason": "",
            "objectNamePrefix": "",
            "targetConfiguration": {"targetType": "webhook", "url": "https://example.com/hook",
                "customHeaders": null, "maxEventsPerBatch": 7, "hmacSha256SigningSecret": null}},
    ]});
    assert_eq!(response, expected);
    let path = format!("b2_get_bucket_notification_rules?bucketId={bucket}");
    assert_eq!(client.get(&path).ok(), expected);
    let post = json!({"bucketId": bucket});
    assert_eq!(
        client.post("b2_get_bucket_notification_rules", &post).ok(),
        expected
    );
    assert_eq!(
        set(&client, &bucket, &[]).ok()["eventNotificationRules"],
        json!([])
    );
}

#[test]
fn rules_that_contradict_the_documents_are_refused() {
    let (client, bucket) = with_bucket();
    let content_type = json!({"customHeaders": [{"name": "Content-Type", "value": "x/y"}]});
    set(&client, &bucket, &[target(&content_type)]).ok();
    let kept = set(&client, &bucket, &[rule(&json!({}))]).ok();
    let types = |types: Value| rule(&json!({"eventTypes": types}));
    let headers = |count: usize, value: &str| {
        let headers = (0..count).map(|at| json!({"name": format!("h{at}"), "value": value}));
        target(&json!({"customHeaders": headers.collect::<Vec<_>>()}))
    };
    for (rule, code) in [
        (types(json!([])), "event_types_empty"),
        (types(json!(null)), "event_types_empty"),
        (types(json!(["b2:ObjectRead:*"])), "event_type_invalid"),
        (types(json!(["b2:*"])), "event_type_invalid"),
        (types(json!(["b2:TestEvent"])), "event_type_invalid"),
        (
            types(json!(["b2:ObjectCreated:*", "b2:ObjectCreated:Upload"])),
            "event_type_overlap",
        ),
        (
            types(json!(["b2:ObjectCreated:Copy", "b2:ObjectCreated:Copy"])),
            "event_type_overlap",
        ),
        (rule(&json!({"name": "short"})), "bad_request"),
        (rule(&json!({"name": "b2-rule"})), "bad_request"),
        (rule(&json!({"name": "x".repeat(64)})), "bad_request"),
        (rule(&json!({"isEnabled": null})), "bad_request"),
        (rule(&json!({"objectNamePrefix": null})), "bad_request"),
        (rule(&json!({"targetConfiguration": null})), "bad_request"),
        (target(&json!({"targetType": "queue"})), "bad_request"),
        (target(&json!({"url": "http://example.com"})), "bad_request"),
        (target(&json!({"url": "https://"})), "bad_request"),
        (
            target(&json!({"hmacSha256SigningSecret": "short"})),
            "bad_request",
        ),
        (target(&json!({"maxEventsPerBatch": 51})), "bad_request"),
        (target(&json!({"maxEventsPerBatch": 0})), "bad_request"),
        (
            target(&json!({"customHeaders": [{"name": "X-Bz-A", "value": ""}]})),
            "bad_request",
        ),
        (
            target(&json!({"customHeaders": [{"name": "a b", "value": ""}]})),
            "bad_request",
        ),
        (headers(11, "v"), "bad_request"),
        (headers(2, &"v".repeat(1023)), "bad_request"),
    ] {
        let response = set(&client, &bucket, std::slice::from_ref(&rule));
        assert_eq!(response.json()["code"], code, "{rule}");
        assert_eq!(response.status, 400);
    }
    let mut without = rule(&json!({}));
    without.as_object_mut().unwrap().remove("objectNamePrefix");
    set(&client, &bucket, &[without]).is_error(
        400,
        "bad_request",
        "required field objectNamePrefix is missing",
    );
    let get = format!("b2_get_bucket_notification_rules?bucketId={bucket}");
    assert_eq!(client.get(&get).ok(), kept);
    let many: Vec<Value> = (0..26)
        .map(|at| {
            rule(&json!({"name": format!("rule-{at:02}"), "objectNamePrefix": format!("{at:02}")}))
        })
        .collect();
    set(&client, &bucket, &many).has_code(400, "bad_request");
    set(&client, &bucket, &many[..25]).ok();
}

#[test]
fn rules_with_overlapping_events_and_names_are_refused() {
    let (client, bucket) = with_bucket();
    let pair = |prefix: &str, event: &str| {
        let one = rule(&json!({"name": "rule-1", "objectNamePrefix": "images/"}));
        let two =
            rule(&json!({"name": "rule-2", "objectNamePrefix": prefix, "eventTypes": [event]}));
        set(&client, &bucket, &[one, two])
    };
    pair("images/pets/", "b2:ObjectCreated:Upload").has_code(400, "bad_request");
    pair("", "b2:ObjectCreated:*").has_code(400, "bad_request");
    pair("images/pets/", "b2:ObjectDeleted:*").ok();
    pair("letters/", "b2:ObjectCreated:*").ok();
    let same = rule(&json!({}));
    set(&client, &bucket, &[same.clone(), same]).has_code(400, "bad_request");
}

#[test]
fn notification_rules_need_a_capability_to_read_and_another_to_write() {
    let (client, bucket) = with_bucket();
    let restricted = json!({"bucketIds": [bucket]});
    let reader = client.with_key(&["readBucketNotifications"], &restricted);
    let writer = client.with_key(&["writeBucketNotifications"], &restricted);
    let get = json!({"bucketId": bucket});
    reader.post("b2_get_bucket_notification_rules", &get).ok();
    writer
        .post("b2_get_bucket_notification_rules", &get)
        .has_code(401, "unauthorized");
    set(&writer, &bucket, &[]).ok();
    set(&reader, &bucket, &[]).has_code(401, "unauthorized");
    let other = client.create_bucket("another", "allPrivate");
    set(&writer, &other, &[]).has_code(401, "unauthorized");
    set(&client, "nobody", &[]).has_code(400, "bad_bucket_id");
}
