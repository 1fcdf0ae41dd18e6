//! Server-side encryption: nothing is encrypted here, but keys are asked for as if it were.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use b2kit_core::{Body, http};
use serde_json::{Value, json};
use wire::{Answer, Wire, customer_key, part_request, sha1};

const MANAGED: &str = "x-bz-server-side-encryption";
const ALGORITHM: &str = "x-bz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-bz-server-side-encryption-customer-key";
const KEY_MD5: &str = "x-bz-server-side-encryption-customer-key-md5";

fn with_bucket() -> (Wire, String) {
    let wire = Wire::of(b2kit_emulator::Emulator::builder().absolute_minimum_part_size(2));
    let bucket = wire.create_bucket("encrypted", "allPrivate");
    (wire, bucket)
}

/// The headers that bring a key.
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

fn needs_a_key(answer: &Answer) {
    answer.is_error(
        400,
        "bad_request",
        "The object was stored using a form of Server Side Encryption. The correct parameters must \
         be provided to retrieve the object.",
    );
}

#[test]
fn what_b2_encrypts_it_opens_by_itself() {
    let (wire, bucket) = with_bucket();
    let file = wire
        .upload_with(&bucket, "f", b"x", &[(MANAGED, "AES256")])
        .ok();
    assert_eq!(
        file["serverSideEncryption"],
        shown("AES256".into(), "SSE-B2".into())
    );
    let download = wire.download("encrypted/f", &[]);
    assert_eq!(
        (&download.body[..], download.header(MANAGED)),
        (&b"x"[..], "AES256")
    );
    wire.upload_with(&bucket, "f", b"x", &[(MANAGED, "AES128")])
        .has_code(400, "bad_request");
}

#[test]
fn what_a_customers_key_encrypts_only_that_key_opens() {
    let (wire, bucket) = with_bucket();
    let (right, wrong) = (Headers::of(1), Headers::of(2));
    let file = wire
        .upload_with(&bucket, "f", b"secret", &right.list())
        .ok();
    assert_eq!(
        file["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
    let download = wire.download("encrypted/f", &right.list());
    assert_eq!(download.body, "secret");
    assert_eq!(download.header(ALGORITHM), "AES256");
    assert_eq!(download.header(KEY_MD5), right.1);
    assert_eq!(download.header(KEY), "");
    needs_a_key(&wire.download("encrypted/f", &[]));
    wire.download("encrypted/f", &wrong.list())
        .has_code(403, "access_denied");
    let by_id = json!({"fileId": file["fileId"]});
    needs_a_key(&wire.post("b2_download_file_by_id", &by_id));
    let head = http::Request::head(format!("{}/file/encrypted/f", wire.emulator.url()))
        .header("authorization", &wire.token)
        .body(Body::empty())
        .unwrap();
    let head = wire.send(head);
    assert_eq!((head.status.as_u16(), head.body.len()), (400, 0));
    // what shows no bytes needs no key
    let info = wire.post("b2_get_file_info", &by_id).ok();
    assert_eq!(
        info["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
}

#[test]
fn broken_keys_are_refused_and_never_printed() {
    let (wire, bucket) = with_bucket();
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
        let answer = wire.upload_with(&bucket, "f", b"x", &headers);
        answer.has_code(400, "bad_request");
        assert!(!answer.json()["message"].as_str().unwrap().contains(&key));
    }
    wire.upload(&bucket, "open", b"x");
    let headers = Headers::of(1);
    wire.download("encrypted/open", &headers.list())
        .has_code(400, "bad_request");
}

#[test]
fn the_buckets_default_goes_to_what_says_nothing() {
    let (wire, bucket) = with_bucket();
    let before = wire.upload(&bucket, "before", b"x");
    let default = json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}});
    wire.update_bucket(&bucket, &default).ok();
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y"});
    let copy = json!({"sourceFileId": before["fileId"], "fileName": "c"});
    for file in [
        wire.upload(&bucket, "f", b"x"),
        wire.post("b2_start_large_file", &start).ok(),
        wire.post("b2_copy_file", &copy).ok(),
    ] {
        assert_eq!(file["serverSideEncryption"]["mode"], "SSE-B2");
    }
    let key = Headers::of(1);
    let explicit = wire.upload_with(&bucket, "f", b"x", &key.list()).ok();
    assert_eq!(explicit["serverSideEncryption"]["mode"], "SSE-C");
    let mut none = copy;
    none["destinationServerSideEncryption"] = json!({"mode": "none"});
    let copied = wire.post("b2_copy_file", &none).ok();
    assert_eq!(
        copied["serverSideEncryption"],
        shown(Value::Null, Value::Null)
    );
}

fn part(wire: &Wire, id: &str, number: u64, headers: &[(&str, &str)]) -> Answer {
    let mut request = part_request(&wire.upload_part_url(id), number, b"ab", &sha1(b"ab"));
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    wire.send(request)
}

#[test]
fn all_parts_of_a_large_file_bring_its_key() {
    let (wire, bucket) = with_bucket();
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y",
        "serverSideEncryption": field(1)});
    let large = wire.post("b2_start_large_file", &start).ok();
    let (_, md5) = customer_key(1);
    let with_md5 = json!({"algorithm": "AES256", "mode": "SSE-C", "customerKeyMd5": md5});
    assert_eq!(large["serverSideEncryption"], with_md5);
    let id = large["fileId"].as_str().unwrap();
    let uploaded = part(&wire, id, 1, &Headers::of(1).list()).ok();
    assert_eq!(
        uploaded["serverSideEncryption"],
        shown("AES256".into(), "SSE-C".into())
    );
    needs_a_key(&part(&wire, id, 2, &[]));
    part(&wire, id, 2, &Headers::of(2).list()).has_code(403, "access_denied");
    part(&wire, id, 2, &[(MANAGED, "AES256")]).has_code(400, "bad_request");
    let source = wire.upload(&bucket, "s", b"cd");
    let mut copy = json!({"sourceFileId": source["fileId"], "largeFileId": id, "partNumber": 2});
    needs_a_key(&wire.post("b2_copy_part", &copy));
    copy["destinationServerSideEncryption"] = field(1);
    let copied = wire.post("b2_copy_part", &copy).ok();
    assert_eq!(copied["serverSideEncryption"]["mode"], "SSE-C");
    let finish = json!({"fileId": id, "partSha1Array": [sha1(b"ab"), sha1(b"cd")]});
    let finished = wire.post("b2_finish_large_file", &finish).ok();
    assert_eq!(finished["serverSideEncryption"], with_md5);
    needs_a_key(&wire.download("encrypted/l", &[]));
    assert_eq!(
        wire.download("encrypted/l", &Headers::of(1).list()).body,
        "abcd"
    );
}

#[test]
fn a_copy_opens_its_source_and_closes_its_own() {
    let (wire, bucket) = with_bucket();
    let key = Headers::of(1);
    let source = wire.upload_with(&bucket, "s", b"secret", &key.list()).ok();
    let mut copy = json!({"sourceFileId": source["fileId"], "fileName": "c"});
    needs_a_key(&wire.post("b2_copy_file", &copy));
    copy["sourceServerSideEncryption"] = field(2);
    wire.post("b2_copy_file", &copy)
        .has_code(403, "access_denied");
    copy["sourceServerSideEncryption"] = field(1);
    let plain = wire.post("b2_copy_file", &copy).ok();
    assert_eq!(
        plain["serverSideEncryption"],
        shown(Value::Null, Value::Null)
    );
    assert_eq!(wire.download("encrypted/c", &[]).body, "secret");
    copy["destinationServerSideEncryption"] = field(3);
    copy["range"] = "bytes=0-1".into();
    wire.post("b2_copy_file", &copy).ok();
    assert_eq!(
        wire.download("encrypted/c", &Headers::of(3).list()).body,
        "se"
    );
}

#[test]
fn names_and_info_of_encrypted_files_are_shorter() {
    let (wire, bucket) = with_bucket();
    let value = "v".repeat(2048);
    let upload = |headers: &[(&str, &str)]| wire.upload_with(&bucket, "f", b"x", headers);
    upload(&[("x-bz-info-key", &value)]).ok();
    upload(&[("x-bz-info-key", &value), (MANAGED, "AES256")]).has_code(400, "bad_request");
}
