//! The log of calls as a recording.

use b2kit_cassette::Player;
use b2kit_core::{Body, HttpClient as _, http};
use futures::{FutureExt as _, StreamExt as _};

use super::*;

/// A request over the socket, and the same one to a player.
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn new(method: &'static str, target: &str, token: &str, body: &[u8]) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: vec![("Authorization", token.to_owned())],
            body: body.to_vec(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn to_server(&self, server: &Server) -> Response {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        RawConnection::to(server).send(self.method, &self.target, &headers, &self.body)
    }

    fn to_player(&self, player: &Player) -> Result<(u16, Vec<u8>), String> {
        let url = format!("http://elsewhere.example{}", self.target);
        let mut request = http::Request::builder().method(self.method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(self.body.clone())).unwrap();
        futures::executor::block_on(async {
            let response = player.send(request).await.map_err(|it| format!("{it:?}"))?;
            let status = response.status().as_u16();
            let body = response.into_body().collect(usize::MAX).await;
            Ok((status, body.map_err(|it| format!("{it:?}"))?.to_vec()))
        })
    }
}

fn exported(server: &Server, query: &str) -> Player {
    let response = send_json(server, "GET", &format!("/cassette{query}"), &Value::Null);
    assert_eq!(response.status, 200);
    let attachment = response.header("content-disposition");
    assert_eq!(attachment, "attachment; filename=\"calls.yaml\"");
    Player::parse(&response.body).unwrap()
}

#[test]
fn an_exported_recording_replays_every_call() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let token = client.token.as_str();
    let (url, upload_token) = client.upload_url(&bucket);
    let name = "%3Cimg%20src=x%3E%C3%BC";
    let upload = |content: &[u8]| {
        Sent::new("POST", raw_connection::path(&url), &upload_token, content)
            .with("X-Bz-File-Name", name)
            .with("Content-Type", "text/plain")
            .with("X-Bz-Content-Sha1", &raw_client::sha1(content))
    };
    let long = vec![b'x'; 100_000];
    let key = json!({"accountId": client.emulator.account_id(), "capabilities": ["listFiles"],
        "keyName": "k"});
    let mut bad_key = key.clone();
    bad_key["keyName"] = json!("\u{202e}\"k\\\u{1}");
    let download = format!("/file/a-bucket/{name}");
    let session = [
        upload(b"\x00\xff\"binary\""),
        Sent::new("GET", &download, token, b""),
        Sent::new("GET", &download, token, b"").with("Range", "bytes=0-1"),
        upload(&long),
        upload(b"{\"authorizationToken\": \"a file's own\"}"),
        Sent::new("GET", &download, token, b""),
        Sent::new(
            "POST",
            "/b2api/v4/b2_create_key",
            token,
            key.to_string().as_bytes(),
        ),
        Sent::new(
            "POST",
            "/b2api/v4/b2_create_key",
            token,
            bad_key.to_string().as_bytes(),
        ),
        Sent::new("GET", "/file/a-bucket/missing", token, b""),
        Sent::new(
            "GET",
            "/file/a-bucket/missing?Authorization=wrong",
            token,
            b"",
        ),
    ];
    let responses: Vec<Response> = session.iter().map(|it| it.to_server(&server)).collect();
    let player = exported(&server, "");
    for (sent, response) in session.iter().zip(&responses) {
        let (status, body) = sent.to_player(&player).unwrap();
        assert_eq!(status, response.status, "{}", sent.target);
        if sent.target.ends_with("b2_create_key") && status == 200 {
            let played: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(played["keyName"], response.json()["keyName"]);
            assert_eq!(played["applicationKey"], "hidden-application-key");
        } else {
            assert_eq!(body, response.body, "{}", sent.target);
        }
    }
    player.finish().unwrap();
    // a longer file's upload is matched by its SHA-1
    let player = exported(&server, "");
    let other = vec![b'y'; 100_000];
    assert!(upload(&other).to_player(&player).is_err());
    upload(&long).to_player(&player).unwrap();
    let only = exported(&server, "?status=4xx");
    session[7].to_player(&only).unwrap();
    session[8].to_player(&only).unwrap();
    session[9].to_player(&only).unwrap();
    only.finish().unwrap();
}

#[test]
fn requests_whose_bodies_were_not_read_or_had_secrets_are_replayed() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let busy = json!({"fault": {"kind": "too_many_requests"}, "on": {"call": "b2_upload_file"}});
    add(&server, &busy);
    let (url, token) = client.upload_url(&bucket);
    let upload = Sent::new("POST", raw_connection::path(&url), &token, b"content")
        .with("X-Bz-File-Name", "f")
        .with("Content-Type", "text/plain")
        .with("X-Bz-Content-Sha1", &raw_client::sha1(b"content"));
    let rules = json!({"bucketId": bucket, "eventNotificationRules": [{
        "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true, "name": "a-rule",
        "objectNamePrefix": "", "targetConfiguration": {"targetType": "webhook",
        "hmacSha256SigningSecret": "0123456789abcdef0123456789abcdef",
        "customHeaders": [{"name": "x", "value": "a-secret-value"}],
        "url": "https://example.com/"}}]});
    let set = "/b2api/v4/b2_set_bucket_notification_rules";
    let set = Sent::new("POST", set, &client.token, rules.to_string().as_bytes());
    assert_eq!(upload.to_server(&server).status, 429);
    assert_eq!(set.to_server(&server).status, 200);
    let text = send_json(&server, "GET", "/cassette", &Value::Null).body;
    let shown = String::from_utf8_lossy(&text);
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("a-secret-value"));
    let player = Player::parse(&text).unwrap();
    assert_eq!(upload.to_player(&player).unwrap().0, 429);
    assert_eq!(set.to_player(&player).unwrap().0, 200);
    player.finish().unwrap();
}

#[test]
fn a_recording_has_no_secret_and_counts_what_it_leaves_out() {
    let client = RawClient::new();
    let server = serve(&client);
    add(
        &server,
        &json!({"fault": {"kind": "lose_response"}, "when": {"times": 1}}),
    );
    let mut connection = RawConnection::to(&server);
    let authorization = ("Authorization", client.token.as_str());
    connection.head(
        "GET",
        "/b2api/v4/b2_list_buckets",
        &[("Host", "x"), authorization],
    );
    assert!(connection.is_at_end());
    list(&server, &client);
    let text = send_json(&server, "GET", "/cassette", &Value::Null).body;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("b2kit-cassette: 1\n---\n"), "{text}");
    assert!(
        text.ends_with("# Omitted: 1 calls that had no response.\n"),
        "{text}"
    );
    assert!(!text.contains(&client.token), "{text}");
    Player::parse(&text).unwrap();
    ok(&send_json(&server, "DELETE", "/calls", &Value::Null));
    Player::parse(send_json(&server, "GET", "/cassette", &Value::Null).body).unwrap();
}

#[test]
fn a_token_that_an_error_message_repeats_is_masked() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let (url, token) = client.upload_url(&bucket);
    let upload = Sent::new("POST", raw_connection::path(&url), &token, b"x")
        .with("X-Bz-File-Name", "f")
        .with("Content-Type", "text/plain")
        .with("X-Bz-Content-Sha1", &raw_client::sha1(b"x"));
    // an upload that never ends
    let request = raw_client::upload_request(&(url, token.clone()), "f", b"xy", &[]);
    let never = futures::stream::once(async { Ok(bytes::Bytes::from_static(b"x")) })
        .chain(futures::stream::pending());
    let mut first = client.emulator.send(request.map(|_| Body::once(2, never)));
    while client.emulator.snapshot().stored_bytes == 0 {
        assert!((&mut first).now_or_never().is_none(), "under way");
    }
    let refused = upload.to_server(&server);
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains(&token));
    for page in ["/cassette", "/calls", "/calls/1"] {
        let shown = send_json(&server, "GET", page, &Value::Null).body;
        let shown = String::from_utf8_lossy(&shown);
        assert!(!shown.contains(&token), "{shown}");
        assert!(
            page == "/calls" || shown.contains("using auth token hidden-"),
            "{shown}"
        );
    }
}
