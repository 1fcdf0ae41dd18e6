//! Incoming event notifications: only signed ones are parsed.

use b2kit::types::{EventType, FileName, Secret};
use b2kit::webhook::{MAX_BODY, Notification, WebhookError, verify};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

const SECRET: &str = "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H";
const BODY: &[u8] = br#"{"events":[]}"#;
const SIGNATURE: &str = "c8a2772124a93762fec96147690e81237c5af4fae95ede2255e2b73eb8c62218";

fn checked(body: &[u8], header: Option<&str>) -> Result<usize, WebhookError> {
    verify(body, header, &[Secret::new(SECRET)]).map(|notification| notification.events.len())
}

/// A request as B2 would send it.
fn signed(body: &[u8]) -> Result<Notification, WebhookError> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    verify(body, Some(&format!("v1={hex}")), &[Secret::new(SECRET)])
}

fn header() -> String {
    format!("v1={SIGNATURE}")
}

#[test]
fn a_valid_signature_is_accepted_alone_and_among_others() {
    let other = "0".repeat(64);
    for header in [
        header(),
        format!(" v1={SIGNATURE} "),
        format!("v1={other},v1={SIGNATURE}"),
        format!("v2=whatever, v1={SIGNATURE}, v1=broken"),
        [vec![format!("v1={other}"); 100], vec![header()]]
            .concat()
            .join(","),
    ] {
        assert_eq!(checked(BODY, Some(&header)), Ok(0), "{header}");
    }
}

#[test]
fn a_signature_that_is_missing_malformed_or_wrong_is_refused() {
    use WebhookError as E;
    for absent in [None, Some(""), Some(" \t")] {
        assert_eq!(
            checked(BODY, absent),
            Err(E::MissingSignature),
            "{absent:?}"
        );
    }
    let mut flipped = SIGNATURE.to_owned();
    flipped.replace_range(63.., "9");
    for (header, error) in [
        (SIGNATURE.to_owned(), E::MalformedSignature),
        ("v1=".to_owned(), E::MalformedSignature),
        (",,,".to_owned(), E::MalformedSignature),
        (format!("v2={SIGNATURE}"), E::MalformedSignature),
        (format!("V1={SIGNATURE}"), E::MalformedSignature),
        (format!("v1= {SIGNATURE}"), E::MalformedSignature),
        (
            format!("v1={}", SIGNATURE.to_uppercase()),
            E::MalformedSignature,
        ),
        (format!("v1={}", &SIGNATURE[1..]), E::MalformedSignature),
        (format!("v1={SIGNATURE}0"), E::MalformedSignature),
        (format!("v1={}é", &SIGNATURE[2..]), E::MalformedSignature),
        (format!("v1={}", "0".repeat(64)), E::WrongSignature),
        (format!("v1={flipped}"), E::WrongSignature),
    ] {
        assert_eq!(checked(BODY, Some(&header)), Err(error), "{header}");
    }
}

#[test]
fn a_header_with_a_thousand_signatures_is_refused_unread() {
    let thousand = vec![header(); 1_000].join(",");
    assert_eq!(
        checked(BODY, Some(&thousand)),
        Err(WebhookError::MalformedSignature)
    );
}

#[test]
fn a_header_of_eight_kibibytes_is_read() {
    let padded = |len: usize| " ".repeat(len - header().len()) + &header();
    assert_eq!(checked(BODY, Some(&padded(8 << 10))), Ok(0));
    assert_eq!(
        checked(BODY, Some(&padded((8 << 10) + 1))),
        Err(WebhookError::MalformedSignature)
    );
}

#[test]
fn only_the_exact_signed_bytes_are_accepted() {
    for body in [
        &br#"{"events":[ ]}"#[..],
        br#"{"eventz":[]}"#,
        b"",
        b"{\"events\":[]}\n",
    ] {
        assert_eq!(
            checked(body, Some(&header())),
            Err(WebhookError::WrongSignature)
        );
    }
}

#[test]
fn with_several_secrets_any_of_them_may_have_signed() {
    let (old, new) = (Secret::new(SECRET), Secret::new("x".repeat(32)));
    for secrets in [&[old.clone(), new.clone()], &[new.clone(), old]] {
        assert!(verify(BODY, Some(&header()), secrets).is_ok());
    }
    let error = verify(BODY, Some(&header()), &[new.clone(), new]).unwrap_err();
    assert_eq!(error, WebhookError::WrongSignature);
}

#[test]
fn every_signature_is_refused_without_a_secret() {
    // HMAC-SHA256 of the body with an empty key, which anyone can compute.
    let forged = "v1=1d4bb05748163f0d436bb86d78f5cf6acf5e88beeef39d675fcded7e525785c3";
    for secrets in [
        &[][..],
        &[Secret::new("")],
        &[Secret::new(SECRET), Secret::new("")],
    ] {
        for header in [header(), forged.to_owned()] {
            assert_eq!(
                verify(BODY, Some(&header), secrets),
                Err(WebhookError::NoSecret)
            );
        }
    }
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_hashed() {
    let long = vec![b' '; MAX_BODY + 1];
    assert_eq!(checked(&long, None), Err(WebhookError::TooLarge));
    assert_eq!(signed(&long), Err(WebhookError::TooLarge));
    assert_eq!(
        checked(&long[1..], Some(&header())),
        Err(WebhookError::WrongSignature)
    );
}

fn event() -> Value {
    json!({
        "accountId": "e85c6a500333", "bucketId": "aea8c5bc362ae55070130333",
        "bucketName": "mySampleBucket",
        "eventId": "dbe4ff1c9b0d4cd8", "eventTimestamp": 1_684_793_309_123_i64,
        "eventType": "b2:ObjectCreated:Upload",
        "eventVersion": 1, "matchedRuleName": "mySampleRule1", "objectName": "objectName.txt",
        "objectSize": 10_495_842, "objectVersionId": "4_zaea8c5bc362ae55070130333_f117",
        "new": {"a": 1},
    })
}

#[test]
fn events_decode_with_all_fields_and_unknown_types() {
    let mut test = event();
    test["eventType"] = json!("b2:TestEvent");
    let fields = test.as_object_mut().unwrap();
    fields.remove("objectName");
    fields["objectSize"] = Value::Null;
    fields["objectVersionId"] = Value::Null;
    let mut unknown = event();
    unknown["eventType"] = json!("b2:ObjectDreamt:Of");
    let body = json!({"events": [event(), test, unknown], "new": 1}).to_string();
    let [upload, test, unknown] = &signed(body.as_bytes()).unwrap().events[..] else {
        panic!("three events")
    };
    assert_eq!(upload.account_id.as_str(), "e85c6a500333");
    assert_eq!(upload.bucket_id.as_str(), "aea8c5bc362ae55070130333");
    assert_eq!(
        (upload.bucket_name.as_str(), &*upload.event_id),
        ("mySampleBucket", "dbe4ff1c9b0d4cd8")
    );
    assert_eq!(upload.event_timestamp.as_millis(), 1_684_793_309_123);
    assert_eq!(
        (&upload.event_type, upload.event_version),
        (&EventType::ObjectCreatedUpload, 1)
    );
    assert_eq!(&*upload.matched_rule_name, "mySampleRule1");
    assert_eq!(
        (
            upload.object_name.as_ref().map(FileName::as_str),
            upload.object_size
        ),
        (Some("objectName.txt"), Some(10_495_842))
    );
    assert!(
        upload
            .object_version_id
            .as_ref()
            .unwrap()
            .as_str()
            .starts_with("4_z")
    );
    assert_eq!(test.event_type, EventType::TestEvent);
    assert_eq!(
        (&test.object_name, test.object_size, &test.object_version_id),
        (&None, None, &None)
    );
    assert_eq!(unknown.event_type.as_str(), "b2:ObjectDreamt:Of");
}

#[test]
fn an_invalid_notification_is_an_error_with_its_path_and_without_its_values() {
    let mut wrong = event();
    wrong["eventTimestamp"] = json!("canary");
    let wrong = json!({"events": [event(), wrong]}).to_string();
    for (body, location) in [
        ("", "."),
        ("canary", "."),
        (r#"{"events":{"canary":1}}"#, "events"),
        (r#"{"events":[]} canary"#, "more text"),
        (&*wrong, "events[1].eventTimestamp"),
        (&*"[".repeat(100_000), "[0][0]"),
        (&*format!("{{\"{}\":tru}}", "\\n".repeat(10_000)), "\\n\\n"),
    ] {
        let error = signed(body.as_bytes()).unwrap_err();
        assert!(
            matches!(error, WebhookError::NotANotification(_)),
            "{error:?}"
        );
        let message = error.to_string();
        assert!(
            message.contains(location) && !message.contains("canary") && message.len() < 200,
            "{message}"
        );
    }
}

#[test]
fn each_refusal_maps_to_a_response_status() {
    use WebhookError as E;
    for (error, status) in [
        (E::NoSecret, 500),
        (E::TooLarge, 413),
        (E::MissingSignature, 401),
        (E::MalformedSignature, 401),
        (E::WrongSignature, 401),
        (E::NotANotification(String::new()), 400),
    ] {
        assert_eq!(error.status(), status, "{error}");
    }
}
