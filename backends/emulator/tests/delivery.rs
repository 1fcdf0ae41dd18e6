//! Webhooks sent to receivers on this computer.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;
mod raw_connection;
mod receiver;

use std::time::Duration;

use b2kit_emulator::Server;
use hmac::{Hmac, KeyInit as _, Mac as _};
use raw_client::RawClient;
use raw_connection::RawConnection;
use receiver::Receiver;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H";

fn set_rule(client: &RawClient, bucket: &str, url: &str) -> raw_client::Response {
    client.post(
        "b2_set_bucket_notification_rules",
        &json!({"bucketId": bucket,
        "eventNotificationRules": [{"name": "a-rule", "eventTypes": ["b2:ObjectCreated:*"],
            "isEnabled": true, "objectNamePrefix": "", "targetConfiguration": {
                "targetType": "webhook", "url": url, "hmacSha256SigningSecret": SECRET,
                "customHeaders": [{"name": "X-Mine", "value": "yes"}]}}]}),
    )
}

/// Uploads a file over HTTP: the server looks for events after each request.
fn upload(client: &RawClient, server: &Server, bucket: &str, name: &str) {
    let (url, token) = client.upload_url(bucket);
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Bz-File-Name", name),
        ("Content-Type", "x/y"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
    ];
    let answer =
        RawConnection::to(server).send("POST", raw_connection::path(&url), &headers, b"content");
    assert_eq!(answer.status, 200);
}

fn deliveries(server: &Server, wanted: usize) -> Vec<Value> {
    loop {
        let mut connection = RawConnection::to(server);
        connection.head(
            "GET",
            "/b2kit-emulator/v1/webhooks",
            &[("Host", "localhost"), ("Authorization", "Bearer t")],
        );
        let log = connection.response().json()["webhooks"]
            .as_array()
            .unwrap()
            .clone();
        if log.len() == wanted {
            return log;
        }
        std::thread::yield_now();
    }
}

fn serve(client: &RawClient) -> Server {
    let server = Server::builder().webhooks(true).control("t");
    server.start(&client.emulator).unwrap()
}

/// A server that posts an event of the file `f` to the receiver.
fn with_event() -> (Server, Receiver) {
    let client = RawClient::new();
    let server = serve(&client);
    let receiver = Receiver::new();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    set_rule(&client, &bucket, &receiver.url()).ok();
    upload(&client, &server, &bucket, "f");
    (server, receiver)
}

#[test]
fn an_event_is_posted_with_its_signature() {
    let (server, receiver) = with_event();
    let got = receiver.receive(200);
    assert!(
        got.head.starts_with("POST /hook?a=b HTTP/1.1\r\n"),
        "{}",
        got.head
    );
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-mine"), "yes");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&got.body);
    let signature: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    assert_eq!(
        got.header("x-bz-event-notification-signature"),
        format!("v1={signature}")
    );
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body["events"][0]["eventType"], "b2:ObjectCreated:Upload");
    assert_eq!(body["events"][0]["objectName"], "f");
    let log = deliveries(&server, 1);
    assert_eq!(log[0]["outcome"], "delivered");
    assert_eq!(log[0]["attempts"], 1);
    assert_eq!(log[0]["body"].as_str().unwrap().as_bytes(), got.body);
}

#[test]
fn a_failed_webhook_is_retried_with_the_same_bytes() {
    let (server, receiver) = with_event();
    let first = receiver.receive(500);
    let second = receiver.receive(200);
    assert_eq!(first.body, second.body);
    let log = deliveries(&server, 1);
    assert_eq!(
        (&log[0]["outcome"], &log[0]["attempts"]),
        (&json!("delivered"), &json!(2))
    );
}

#[test]
fn a_webhook_that_is_not_answered_within_three_seconds_is_retried() {
    let (_server, receiver) = with_event();
    let (silent, _) = receiver.0.accept().unwrap();
    // in real time, which the server measures
    let (_sender, nothing) = std::sync::mpsc::channel::<()>();
    nothing
        .recv_timeout(Duration::from_millis(4500))
        .unwrap_err();
    receiver.0.set_nonblocking(true).unwrap();
    receiver.0.accept().unwrap();
    drop(silent);
}

#[test]
fn webhooks_are_sent_to_this_computer_only() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    for url in [
        "http://192.0.2.1/",
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "ftp://localhost/",
    ] {
        set_rule(&client, &bucket, url).is_error(
            400,
            "bad_request",
            "The protocol for the url must be https://",
        );
    }
    for url in ["https://192.0.2.1/", "https://localhost/"] {
        set_rule(&client, &bucket, url).ok();
        upload(&client, &server, &bucket, "f");
    }
    let log = deliveries(&server, 2);
    for delivery in log {
        assert_eq!(
            (&delivery["outcome"], &delivery["attempts"]),
            (&json!("kept"), &json!(0))
        );
        assert!(
            delivery["reason"]
                .as_str()
                .unwrap()
                .contains("only http to this computer")
        );
    }
}

#[test]
fn without_delivery_the_control_endpoint_returns_pending_webhooks() {
    let client = RawClient::new();
    let server = Server::builder()
        .control("t")
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    set_rule(&client, &bucket, "https://b2.example/").ok();
    client.upload(&bucket, "f", b"x");
    let log = deliveries(&server, 1);
    assert_eq!(log[0]["rule"], "a-rule");
    assert_eq!(log[0]["outcome"], "kept");
    deliveries(&server, 0);
}
