//! Event notification rules.

use b2kit::api::{CreateBucket, GetBucketNotificationRules, SetBucketNotificationRules};
use b2kit::types::{
    BucketName, BucketType, EventNotificationRule, EventNotificationRules, EventType, Secret,
    TargetConfiguration, TargetType,
};
use futures::executor::block_on;
use serde_json::{Value, json};

use crate::{answered, client, document};

/// B2's sample, with a signature and a header.
fn rule() -> Value {
    json!({
        "eventTypes": ["b2:ObjectCreated:*", "b2:ObjectDeleted:Summoned"], "isEnabled": true,
        "isSuspended": false,
        "name": "my-rule", "objectNamePrefix": "images/", "suspensionReason": "",
        "targetConfiguration": {
            "targetType": "webhook", "url": "https://example.com/hook",
            "customHeaders": [{"name": "X-Token", "value": "canary-header"}],
            "hmacSha256SigningSecret": "canaryCanaryCanaryCanaryCanary12", "maxEventsPerBatch": 25,
        },
    })
}

fn get() -> GetBucketNotificationRules {
    GetBucketNotificationRules::new("b1")
}

fn decoded(rule: Value) -> EventNotificationRule {
    let answer = json!({"bucketId": "b1", "eventNotificationRules": [rule]});
    let rules = answered(&get(), answer);
    assert_eq!(rules.bucket_id.as_str(), "b1");
    rules.event_notification_rules.into_vec().remove(0)
}

#[test]
fn rules_round_trip_without_the_fields_that_only_b2_sets() {
    assert_eq!(document(&get()), json!({"bucketId": "b1"}));
    let answer = answered(
        &get(),
        json!({"bucketId": "b1", "eventNotificationRules": [rule()]}),
    );
    assert!(!format!("{answer:?}").to_lowercase().contains("canary"));
    let set = SetBucketNotificationRules::new("b1", answer.event_notification_rules);
    assert!(!format!("{set:?}").to_lowercase().contains("canary"));
    let mut expected = rule();
    let fields = expected.as_object_mut().unwrap();
    fields.remove("isSuspended");
    fields.remove("suspensionReason");
    assert_eq!(
        document(&set),
        json!({"bucketId": "b1", "eventNotificationRules": [expected]})
    );
    let none = SetBucketNotificationRules::new("b1", EventNotificationRules::default());
    assert_eq!(
        document(&none),
        json!({"bucketId": "b1", "eventNotificationRules": []})
    );
}

#[test]
fn a_built_rule_is_sent_unchanged() {
    let target = TargetConfiguration::webhook("https://example.com/hook")
        .hmac_sha256_signing_secret(Secret::new("canaryCanaryCanaryCanaryCanary12"))
        .custom_header("X-Token", Secret::new("canary-header"))
        .max_events_per_batch(25);
    let events = [
        EventType::ObjectCreatedAll,
        "b2:ObjectDeleted:Summoned".into(),
    ];
    let built = EventNotificationRule::new("my-rule", events, target).object_name_prefix("images/");
    let rules = |rule| {
        document(&SetBucketNotificationRules::new(
            "b1",
            EventNotificationRules::new([rule]).unwrap(),
        ))
    };
    assert_eq!(rules(built.clone()), rules(decoded(rule())));
    assert_eq!(
        rules(built.disabled())["eventNotificationRules"][0]["isEnabled"],
        json!(false)
    );
}

#[test]
fn the_batch_size_is_read_in_its_actual_and_its_documented_place() {
    let batch = |rule| decoded(rule).target_configuration.max_events_per_batch;
    assert_eq!(batch(rule()), 25);
    let mut outside = rule();
    outside["targetConfiguration"]
        .as_object_mut()
        .unwrap()
        .remove("maxEventsPerBatch");
    assert_eq!(batch(outside.clone()), 1);
    outside["maxEventsPerBatch"] = json!(7);
    assert_eq!(batch(outside), 7);
}

#[test]
fn a_bare_rule_and_one_for_an_unknown_target_decode() {
    let mut bare = rule();
    bare["targetConfiguration"]["customHeaders"] = Value::Null;
    bare["targetConfiguration"]["hmacSha256SigningSecret"] = Value::Null;
    bare["isSuspended"] = json!(true);
    bare["suspensionReason"] = json!("the target answers 500");
    bare["new"] = json!({"a": [1]});
    let bare = decoded(bare);
    assert!(bare.is_suspended && bare.suspension_reason.ends_with("500"));
    assert!(bare.target_configuration.custom_headers.is_empty());
    assert!(
        bare.target_configuration
            .hmac_sha256_signing_secret
            .is_none()
    );
    assert_eq!(bare.event_types[1].as_str(), "b2:ObjectDeleted:Summoned");

    let mut unknown = rule();
    unknown["targetConfiguration"] = json!({"targetType": "pigeon", "loft": 7});
    let unknown = decoded(unknown);
    assert_eq!(
        unknown.target_configuration.target_type,
        TargetType::from("pigeon")
    );
}

#[test]
fn every_documented_event_type_has_a_variant() {
    for (kind, members) in [
        (
            "ObjectCreated",
            &[
                "*",
                "Upload",
                "MultipartUpload",
                "Copy",
                "Replica",
                "MultipartReplica",
            ][..],
        ),
        ("ObjectDeleted", &["*", "Delete", "LifecycleRule"]),
        ("HideMarkerCreated", &["*", "Hide", "LifecycleRule"]),
        ("MultipartUploadCreated", &["*", "LiveRead"]),
    ] {
        for member in members {
            let word = format!("b2:{kind}:{member}");
            let event = EventType::from(&*word);
            assert!(EventType::KNOWN.contains(&event), "{word}");
            assert_eq!(event.as_str(), word);
        }
    }
    assert_eq!(EventType::KNOWN.len(), 15);
}

#[test]
fn rules_are_kept_by_name_until_others_replace_them() {
    let (b2, _, _) = client();
    block_on(async {
        let create = CreateBucket::new(
            BucketName::new("my-bucket").unwrap(),
            BucketType::AllPrivate,
        );
        let bucket = b2.call(create).await.unwrap();
        let get = || GetBucketNotificationRules::new(&bucket.bucket_id);
        let rule = |name, event| {
            let target = TargetConfiguration::webhook("https://example.com/hook")
                .hmac_sha256_signing_secret(Secret::new("canaryCanaryCanaryCanaryCanary12"))
                .custom_header("X-Token", Secret::new("canary"))
                .max_events_per_batch(25);
            EventNotificationRule::new(name, [event], target).object_name_prefix("images/")
        };
        assert!(
            b2.call(get())
                .await
                .unwrap()
                .event_notification_rules
                .is_empty()
        );
        let rules = EventNotificationRules::new([
            rule("rule-2", EventType::ObjectDeletedAll),
            rule("rule-1", EventType::ObjectCreatedCopy),
        ]);
        let set = SetBucketNotificationRules::new(&bucket.bucket_id, rules.unwrap());
        b2.call(set).await.unwrap();
        let kept = b2.call(get()).await.unwrap().event_notification_rules;
        let [one, two] = &kept[..] else {
            panic!("two rules, not {kept:?}")
        };
        assert_eq!((&*one.name, &*two.name), ("rule-1", "rule-2"));
        assert_eq!(one.event_types, [EventType::ObjectCreatedCopy]);
        assert_eq!(
            (one.is_enabled, &*one.object_name_prefix),
            (true, "images/")
        );
        let target = &one.target_configuration;
        assert_eq!(
            (&target.target_type, &*target.url),
            (&TargetType::Webhook, "https://example.com/hook")
        );
        let secret = target.hmac_sha256_signing_secret.as_ref().unwrap();
        assert_eq!(secret.expose(), "canaryCanaryCanaryCanaryCanary12");
        assert_eq!(target.custom_headers[0].value.expose(), "canary");
        assert_eq!(target.max_events_per_batch, 25);

        let none =
            SetBucketNotificationRules::new(&bucket.bucket_id, EventNotificationRules::default());
        assert!(
            b2.call(none)
                .await
                .unwrap()
                .event_notification_rules
                .is_empty()
        );
        assert!(
            b2.call(get())
                .await
                .unwrap()
                .event_notification_rules
                .is_empty()
        );
    });
}
