//! Server-side encryption: nothing is encrypted, but keys are required as if it were.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_core::{Body, http};
use raw_client::{RawClient, Response, customer_key, part_request, sha1};
use serde_json::{Value, json};

const MANAGED: &str = "x-bz-server-side-encryption";
const ALGORITHM: &str = "x-bz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-bz-server-side-encryption-customer-key";
const KEY_MD5: &str = "x-bz-server-side-encryption-customer-key-md5";

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::of(b2kit_emulator::Emulator::builder().absolute_minimum_part_size(2));
    let bucket = client.create_bucket("encrypted", "allPrivate");
    (client, bucket)
}

/// The headers with the key.
struct Headers(String, String);

impl Headers {
    fn of(byte: u8) -> Self {
        let (key, md5) = customer_key(byte);
        Self(key, md5)
    }

    fn list(&self) -> [(&str, &str); 3] {
        [(ALGORITHM, "AES256"), (KEY, &self.0), (KEY_MD5, &self.1)]
    }
}

fn field(byte: u8) -> Value {
    let (key, md5) = customer_key(byte);
    json!({"mode": "SSE-C", "algorithm": "AES256", "customerKey": key, "customerKeyMd5": md5})
}

fn shown(algorithm: Value, mode: Value) -> Value {
    json!({"algorithm": algorithm, "mode": mode})
}

fn needs_a_key(response: &Response) {
    response.is_error(
        400,
        "bad_request",
        "The object was stored using a form of Server Side Encryption. The correct parameters must \
         be provided to retrieve the object.",
    );
}

#[test]
fn a_file_with_sse_b2_needs_no_key() {
    let (client, bucket) = with_bucket();
    let file = client
        .upload_with(&bucket, "f", b"x", &[(MANAGED, "AES256")])
        .ok();
    assert_eq!(
        file["serverSideEncryption"],
        shown("AES256".into(), "SSE-B2".into())
    );
    let download = client.download("encrypted/f", &[]);
    assert_eq!(
        (&download.body[..], download.header(MANAGED)),
        (&b"x"[..], "AES256")
    );
    client
        .upload_with(&bucket, "f", b"x", &[(MANAGED, "AES128")])
        .has_code(400, "bad_request");
}

#[test]
fn a_file_with_sse_c_needs_its_key() {
    let (client, bucket) = with_bucket();
    let (right, wrong) = (Headers::of(1), Headers::of(2));
    let file = client
        .upload_with(&bucket, "f", b"secret", &right.list())
        .ok();
    assert_eq!(
        file["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
    let download = client.download("encrypted/f", &right.list());
    assert_eq!(download.body, "secret");
    assert_eq!(download.header(ALGORITHM), "AES256");
    assert_eq!(download.header(KEY_MD5), right.1);
    assert_eq!(download.header(KEY), "");
    needs_a_key(&client.download("encrypted/f", &[]));
    client
        .download("encrypted/f", &wrong.list())
        .has_code(403, "access_denied");
    let by_id = json!({"fileId": file["fileId"]});
    needs_a_key(&client.post("b2_download_file_by_id", &by_id));
    let head = http::Request::head(format!("{}/file/encrypted/f", client.emulator.url()))
        .header("authorization", &client.token)
        .body(Body::empty())
        .unwrap();
    let head = client.send(head);
    assert_eq!((head.status.as_u16(), head.body.len()), (400, 0));
    // what shows no bytes needs no key
    let info = client.post("b2_get_file_info", &by_id).ok();
    assert_eq!(
        info["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
}

#[test]
fn broken_keys_are_refused_and_never_printed() {
    let (client, bucket) = with_bucket();
    let (key, md5) = customer_key(1);
    let (_, other_md5) = customer_key(2);
    for headers in [
        vec![(KEY, key.as_str())],
        vec![(ALGORITHM, "AES256"), (KEY, &key)],
        vec![(ALGORITHM, "AES128"), (KEY, &key), (KEY_MD5, &md5)],
        vec![(ALGORITHM, "AES256"), (KEY, &key), (KEY_MD5, &other_md5)],
        vec![(ALGORITHM, "AES256"), (KEY, "c2hvcnQ="), (KEY_MD5, &md5)],
        vec![(ALGORITHM, "AES256"), (KEY, "?"), (KEY_MD5, &md5)],
        vec![
            (MANAGED, "AES256"),
            (ALGORITHM, "AES256"),
            (KEY, &key),
            (KEY_MD5, &md5),
        ],
    ] {
        let response = client.upload_with(&bucket, "f", b"x", &headers);
        response.has_code(400, "bad_request");
        assert!(!response.json()["message"].as_str().unwrap().contains(&key));
    }
    client.upload(&bucket, "open", b"x");
    let headers = Headers::of(1);
    client
        .download("encrypted/open", &headers.list())
        .has_code(400, "bad_request");
}

#[test]
fn files_have_sse_b2_by_default_and_none_is_refused() {
    let (client, bucket) = with_bucket();
    let of = json!({"accountId": client.emulator.account_id(), "bucketId": bucket});
    let default = || {
        let listed = client.post("b2_list_buckets", &of).ok();
        listed["buckets"][0]["defaultServerSideEncryption"]["value"].clone()
    };
    let managed = shown("AES256".into(), "SSE-B2".into());
    assert_eq!(default(), managed);
    let source = client.upload(&bucket, "f", b"x");
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y"});
    let copy = json!({"sourceFileId": source["fileId"], "fileName": "c"});
    for file in [
        source.clone(),
        client.post("b2_start_large_file", &start).ok(),
        client.post("b2_copy_file", &copy).ok(),
    ] {
        assert_eq!(file["serverSideEncryption"], managed);
    }
    let explicit = client.upload_with(&bucket, "f", b"x", &Headers::of(1).list());
    assert_eq!(explicit.ok()["serverSideEncryption"]["mode"], "SSE-C");
    for (call, body, field) in [
        ("b2_start_large_file", &start, "serverSideEncryption"),
        ("b2_copy_file", &copy, "destinationServerSideEncryption"),
    ] {
        let mut body = body.clone();
        body[field] = json!({"mode": "none"});
        client.post(call, &body).has_code(400, "bad_request");
        body[field] = json!({"mode": null});
        assert_eq!(
            client.post(call, &body).ok()["serverSideEncryption"],
            managed
        );
    }
    client
        .upload_with(&bucket, "f", b"x", &[(MANAGED, "NONE")])
        .has_code(400, "bad_request");
    let update = |mode: Value| {
        client.update_bucket(
            &bucket,
            &json!({"defaultServerSideEncryption": {"mode": mode}}),
        )
    };
    update("none".into()).has_code(400, "bad_request");
    update(Value::Null).ok();
    assert_eq!(default(), managed);
}

#[test]
fn only_setting_a_buckets_encryption_needs_its_capability() {
    let client = RawClient::new();
    let managed = json!({"mode": "SSE-B2", "algorithm": "AES256"});
    let explicit = json!({"defaultServerSideEncryption": managed});
    let may = ["writeBuckets", "readBucketEncryption"];
    let lacks = client.with_key(&may, &json!({}));
    let has = client.with_key(&[&may[..], &["writeBucketEncryption"]].concat(), &json!({}));
    let create = |client: &RawClient, name: &str, fields: &Value| {
        let mut body = json!({"accountId": client.emulator.account_id(), "bucketName": name,
            "bucketType": "allPrivate"});
        raw_client::merge(&mut body, fields);
        client.post("b2_create_bucket", &body)
    };
    let automatic = create(&lacks, "automatic", &json!({})).ok();
    let of = |bucket: &Value| bucket["defaultServerSideEncryption"]["value"].clone();
    assert_eq!(of(&automatic), managed);
    let id = automatic["bucketId"].as_str().unwrap();
    for refused in [
        create(&lacks, "explicit", &explicit),
        lacks.update_bucket(id, &explicit),
        lacks.update_bucket(id, &json!({"defaultServerSideEncryption": {"mode": null}})),
    ] {
        refused.is_error(401, "unauthorized", "");
    }
    lacks
        .update_bucket(id, &json!({"bucketInfo": {"a": "b"}}))
        .ok();
    assert_eq!(of(&create(&has, "explicit", &explicit).ok()), managed);
    assert_eq!(of(&has.update_bucket(id, &explicit).ok()), managed);
}

/// An old bucket, and a bucket of an old account.
fn legacy() -> [(RawClient, String); 2] {
    let (client, bucket) = with_bucket();
    client
        .emulator
        .set_legacy_encryption("encrypted", true)
        .unwrap();
    let builder = b2kit_emulator::Emulator::builder().legacy_encryption(true);
    let account = RawClient::of(builder);
    let of_account = account.create_bucket("encrypted", "allPrivate");
    [(client, bucket), (account, of_account)]
}

#[test]
fn under_the_old_rules_files_are_encrypted_only_on_request() {
    for (client, bucket) in legacy() {
        let nothing = shown(Value::Null, Value::Null);
        let before = client.upload(&bucket, "before", b"x");
        assert_eq!(before["serverSideEncryption"], nothing);
        let default =
            json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}});
        client.update_bucket(&bucket, &default).ok();
        assert_eq!(
            client.upload(&bucket, "f", b"x")["serverSideEncryption"]["mode"],
            "SSE-B2"
        );
        let copy = json!({"sourceFileId": before["fileId"], "fileName": "c",
            "destinationServerSideEncryption": {"mode": "none"}});
        let copied = client.post("b2_copy_file", &copy).ok();
        assert_eq!(copied["serverSideEncryption"], nothing);
        for off in [json!("none"), Value::Null] {
            client.update_bucket(&bucket, &default).ok();
            let off = json!({"defaultServerSideEncryption": {"mode": off}});
            let updated = client.update_bucket(&bucket, &off).ok();
            assert_eq!(updated["defaultServerSideEncryption"]["value"], nothing);
        }
    }
}

#[test]
fn a_bucket_switched_to_the_current_rules_encrypts_by_default() {
    let [(client, bucket), _] = legacy();
    let emulator = &client.emulator;
    emulator.set_legacy_encryption("encrypted", false).unwrap();
    let file = client.upload(&bucket, "f", b"x");
    assert_eq!(file["serverSideEncryption"]["mode"], "SSE-B2");
    let missing = emulator.set_legacy_encryption("nobody", true).unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

fn part(client: &RawClient, id: &str, number: u64, headers: &[(&str, &str)]) -> Response {
    let mut request = part_request(&client.upload_part_url(id), number, b"ab", &sha1(b"ab"));
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    client.send(request)
}

#[test]
fn every_part_of_a_large_file_with_sse_c_needs_its_key() {
    let (client, bucket) = with_bucket();
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y",
        "serverSideEncryption": field(1)});
    let large = client.post("b2_start_large_file", &start).ok();
    let (_, md5) = customer_key(1);
    let with_md5 = json!({"algorithm": "AES256", "mode": "SSE-C", "customerKeyMd5": md5});
    assert_eq!(large["serverSideEncryption"], with_md5);
    let id = large["fileId"].as_str().unwrap();
    let uploaded = part(&client, id, 1, &Headers::of(1).list()).ok();
    assert_eq!(
        uploaded["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
    needs_a_key(&part(&client, id, 2, &[]));
    part(&client, id, 2, &Headers::of(2).list()).has_code(403, "access_denied");
    part(&client, id, 2, &[(MANAGED, "AES256")]).has_code(400, "bad_request");
    let large_of_b2s = client.start(&bucket, "of-b2s");
    part(&client, &large_of_b2s, 1, &[(MANAGED, "AES256")]).ok();
    part(&client, &large_of_b2s, 1, &Headers::of(1).list()).has_code(400, "bad_request");
    let source = client.upload(&bucket, "s", b"cd");
    let mut copy = json!({"sourceFileId": source["fileId"], "largeFileId": id, "partNumber": 2});
    needs_a_key(&client.post("b2_copy_part", &copy));
    copy["destinationServerSideEncryption"] = json!({"mode": "SSE-B2", "algorithm": "AES256"});
    client
        .post("b2_copy_part", &copy)
        .has_code(400, "bad_request");
    copy["destinationServerSideEncryption"] = field(1);
    copy["sourceServerSideEncryption"] = json!({"mode": "SSE-B2", "algorithm": "AES256"});
    let copied = client.post("b2_copy_part", &copy).ok();
    assert_eq!(copied["serverSideEncryption"]["mode"], "SSE-C");
    let mut to_b2s = json!({"sourceFileId": source["fileId"], "largeFileId": large_of_b2s,
        "partNumber": 2,
        "destinationServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}});
    let copied = client.post("b2_copy_part", &to_b2s).ok();
    assert_eq!(copied["serverSideEncryption"]["mode"], "SSE-B2");
    to_b2s["destinationServerSideEncryption"] = field(1);
    client
        .post("b2_copy_part", &to_b2s)
        .has_code(400, "bad_request");
    let finish = json!({"fileId": id, "partSha1Array": [sha1(b"ab"), sha1(b"cd")]});
    let finished = client.post("b2_finish_large_file", &finish).ok();
    assert_eq!(finished["serverSideEncryption"], with_md5);
    needs_a_key(&client.download("encrypted/l", &[]));
    assert_eq!(
        client.download("encrypted/l", &Headers::of(1).list()).body,
        "abcd"
    );
}

#[test]
fn a_copy_needs_the_key_of_its_source_and_takes_one_of_its_own() {
    let (client, bucket) = with_bucket();
    let key = Headers::of(1);
    let source = client
        .upload_with(&bucket, "s", b"secret", &key.list())
        .ok();
    let mut copy = json!({"sourceFileId": source["fileId"], "fileName": "c"});
    needs_a_key(&client.post("b2_copy_file", &copy));
    copy["sourceServerSideEncryption"] = field(2);
    client
        .post("b2_copy_file", &copy)
        .has_code(403, "access_denied");
    copy["sourceServerSideEncryption"] = field(1);
    let plain = client.post("b2_copy_file", &copy).ok();
    assert_eq!(
        plain["serverSideEncryption"],
        shown("AES256".into(), "SSE-B2".into())
    );
    assert_eq!(client.download("encrypted/c", &[]).body, "secret");
    copy["destinationServerSideEncryption"] = field(3);
    copy["range"] = "bytes=0-1".into();
    client.post("b2_copy_file", &copy).ok();
    assert_eq!(
        client.download("encrypted/c", &Headers::of(3).list()).body,
        "se"
    );
}

#[test]
fn names_and_info_of_encrypted_files_are_shorter() {
    let of_len = |len: usize| "v".repeat(len - "f".len() - "key".len());
    let upload = |(client, bucket): &(RawClient, String), value: &str, headers: &[(&str, &str)]| {
        let headers = [headers, &[("x-bz-info-key", value)]].concat();
        client.upload_with(bucket, "f", b"x", &headers)
    };
    let today = with_bucket();
    upload(&today, &of_len(2048), &[]).ok();
    upload(&today, &of_len(2049), &[]).has_code(400, "bad_request");
    for old in legacy() {
        upload(&old, &of_len(7000), &[]).ok();
        upload(&old, &of_len(7001), &[]).has_code(400, "bad_request");
        upload(&old, &of_len(2049), &[(MANAGED, "AES256")]).has_code(400, "bad_request");
    }
}
