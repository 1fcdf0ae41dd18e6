//! The view of webhooks.

use std::thread;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::{HOSTILE, HOSTILE_NAME, Scene};

fn rule(name: &str, prefix: &str, url: &str) -> Value {
    json!({"name": name, "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true,
        "objectNamePrefix": prefix, "targetConfiguration": {"targetType": "webhook", "url": url,
            "hmacSha256SigningSecret": "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H",
            "customHeaders": [{"name": "X-Mine", "value": HOSTILE}]}})
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn webhooks_that_were_delivered_refused_and_not_sent_are_shown_with_their_reasons() {
    let scene = Scene::new(false);
    let browser = &scene.browser;
    browser.press("Webhooks");
    browser.wait_for_text("No webhooks.");
    let (taking, refusing) = (Receiver::new(), Receiver::new());
    let nowhere = format!("https://example.com/{HOSTILE}");
    let rules = [
        rule("rule-one", "taken/", &taking.url()),
        rule("rule-two", "refused/", &refusing.url()),
        rule("rule-three", "kept/", &nowhere),
    ];
    let rules = json!({"bucketId": scene.bucket, "eventNotificationRules": rules});
    scene
        .client
        .post("b2_set_bucket_notification_rules", &rules)
        .ok();
    thread::scope(|scope| {
        scope.spawn(|| taking.receive(200));
        scope.spawn(|| (0..4).for_each(|_| drop(refusing.receive(500))));
        for folder in ["taken", "refused", "kept"] {
            scene.upload(&format!("{folder}/{HOSTILE_NAME}"), "text/plain");
        }
        browser.press_until("Refresh", "the receiver responded with 500");
    });
    let cells = "[...document.querySelectorAll('main tbody tr')].map((row) => [...row.cells]\
        .map((it) => it.innerText)).map(([rule, , ...rest]) => [rule, ...rest].join()).sort()";
    assert_eq!(
        browser.value_of(cells),
        json!([
            "rule-one,delivered,1,",
            "rule-three,kept,0,the URL is invalid",
            "rule-two,failed,4,the receiver responded with 500",
        ])
    );
    browser.click("//td[.='rule-three']");
    browser.wait_for_detail(&nowhere);
    browser.click("//td[.='rule-one']");
    browser.wait_for_detail(&taking.url());
    browser.wait_for_detail("X-Bz-Event-Notification-Signature");
    browser.wait_for_detail(&format!("\"objectName\": \"taken/{HOSTILE}\""));
    let shown = "[...document.querySelectorAll('#detail dd')].map((it) => it.textContent)";
    let shown = browser.value_of(shown);
    assert!(
        shown.as_array().unwrap().contains(&json!(HOSTILE)),
        "{shown}"
    );
    browser.screenshot("webhooks.png");
    browser.press("Clear");
    browser.wait_for_text("No webhooks.");
    scene.check();
}
