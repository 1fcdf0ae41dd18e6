//! Capabilities and restrictions of keys.

use super::*;

#[test]
fn a_call_needs_a_key_with_its_capability() {
    let client = RawClient::new();
    let bucket = client.create_bucket("bucket-1", "allPrivate");
    let file = client.upload(&bucket, "f", b"x");
    let (id, account) = (&file["fileId"], client.emulator.account_id());
    let reader = client.as_key(&key(&client, &json!({"capabilities": ["readFiles"]})));
    let calls = [
        ("b2_list_buckets", json!({"accountId": account})),
        ("b2_list_keys", json!({"accountId": account})),
        (
            "b2_delete_bucket",
            json!({"accountId": account, "bucketId": bucket}),
        ),
        ("b2_list_file_names", json!({"bucketId": bucket})),
        (
            "b2_list_unfinished_large_files",
            json!({"bucketId": bucket}),
        ),
        ("b2_get_upload_url", json!({"bucketId": bucket})),
        ("b2_hide_file", json!({"bucketId": bucket, "fileName": "f"})),
        (
            "b2_delete_file_version",
            json!({"fileName": "f", "fileId": id}),
        ),
        ("b2_copy_file", json!({"sourceFileId": id, "fileName": "g"})),
        ("b2_list_parts", json!({"fileId": id})),
    ];
    for (call, body) in calls {
        reader.post(call, &body).has_code(401, "unauthorized");
    }
    let info = reader.post("b2_get_file_info", &json!({"fileId": id})).ok();
    let withheld = json!({"isClientAuthorizedToRead": false, "value": null});
    assert_eq!(info["fileRetention"], withheld);
    assert_eq!(info["legalHold"], withheld);
    assert_eq!(reader.download("bucket-1/f", &[]).status, 200);
    let lister = client.as_key(&key(&client, &json!({"capabilities": ["listBuckets"]})));
    lister
        .download("bucket-1/f", &[])
        .has_code(401, "unauthorized");
    let buckets = lister
        .post("b2_list_buckets", &json!({"accountId": account}))
        .ok();
    let bucket = &buckets["buckets"][0];
    for field in [
        "defaultServerSideEncryption",
        "fileLockConfiguration",
        "replicationConfiguration",
    ] {
        assert_eq!(bucket[field], withheld, "{field}");
    }
}

#[test]
fn copying_from_a_private_bucket_needs_to_read_it() {
    let client = RawClient::new();
    let private = client.create_bucket("private-1", "allPrivate");
    let public = client.create_bucket("public-1", "allPublic");
    let writer = client.as_key(&key(&client, &json!({"capabilities": ["writeFiles"]})));
    let copy = |bucket: &str| {
        let source = client.upload(bucket, "f", b"x");
        let body = json!({"sourceFileId": source["fileId"], "fileName": "g",
            "destinationBucketId": private});
        writer.post("b2_copy_file", &body)
    };
    copy(&private).has_code(401, "unauthorized");
    copy(&public).ok();
}

#[test]
fn bypassing_governance_needs_its_own_capability() {
    let client = RawClient::new();
    let bucket = client.create_bucket("bucket-1", "allPrivate");
    let file = client.upload(&bucket, "f", b"x");
    let deleter = client.as_key(&key(&client, &json!({"capabilities": ["deleteFiles"]})));
    let body = json!({"fileName": "f", "fileId": file["fileId"], "bypassGovernance": true});
    deleter
        .post("b2_delete_file_version", &body)
        .has_code(401, "unauthorized");
    client.post("b2_delete_file_version", &body).ok();
}

#[test]
fn a_key_restricted_to_a_bucket_reaches_no_other() {
    let client = RawClient::new();
    let mine = client.create_bucket("my-bucket", "allPrivate");
    let other = client.create_bucket("other-bucket", "allPrivate");
    let foreign = client.upload(&other, "f", b"x");
    let foreign_large = client.start(&other, "large");
    let own = client.upload(&mine, "f", b"x");
    let account = client.emulator.account_id();
    let holder = client.as_key(&key(&client, &json!({"bucketIds": [mine]})));
    let id = &foreign["fileId"];
    for (call, body) in [
        ("b2_list_buckets", json!({"accountId": account})),
        (
            "b2_list_buckets",
            json!({"accountId": account, "bucketName": "other-bucket"}),
        ),
        ("b2_list_file_names", json!({"bucketId": other})),
        ("b2_list_file_versions", json!({"bucketId": other})),
        ("b2_get_upload_url", json!({"bucketId": other})),
        ("b2_hide_file", json!({"bucketId": other, "fileName": "f"})),
        (
            "b2_delete_file_version",
            json!({"fileName": "f", "fileId": id}),
        ),
        ("b2_get_file_info", json!({"fileId": id})),
        (
            "b2_copy_file",
            json!({"sourceFileId": id, "fileName": "g", "destinationBucketId": mine}),
        ),
        (
            "b2_copy_file",
            json!({"sourceFileId": own["fileId"], "fileName": "g", "destinationBucketId": other}),
        ),
        ("b2_list_parts", json!({"fileId": foreign_large})),
        ("b2_cancel_large_file", json!({"fileId": foreign_large})),
        ("b2_get_upload_part_url", json!({"fileId": foreign_large})),
        (
            "b2_start_large_file",
            json!({"bucketId": other, "fileName": "g", "contentType": "x/y"}),
        ),
    ] {
        holder.post(call, &body).has_code(401, "unauthorized");
    }
    holder
        .download("other-bucket/f", &[])
        .has_code(401, "unauthorized");
    let own = json!({"accountId": account, "bucketName": "my-bucket"});
    let buckets = holder.post("b2_list_buckets", &own).ok();
    assert_eq!(buckets["buckets"][0]["bucketId"], mine);
    holder.upload(&mine, "g", b"y");
}

#[test]
fn a_name_prefix_holds_for_uploads_listings_and_downloads() {
    let client = RawClient::new();
    let bucket = client.create_bucket("bucket-1", "allPrivate");
    client.upload(&bucket, "out", b"x");
    client.upload(&bucket, "in/a", b"x");
    let holder = client.as_key(&key(&client, &json!({"namePrefix": "in/"})));
    let url = holder.upload_url(&bucket);
    holder
        .send(upload_request(&url, "out2", b"x", &[]))
        .has_code(401, "unauthorized");
    holder.upload(&bucket, "in/b", b"x");
    for prefix in [json!(null), json!("i"), json!("out")] {
        holder
            .post(
                "b2_list_file_names",
                &json!({"bucketId": bucket, "prefix": prefix}),
            )
            .has_code(401, "unauthorized");
        holder
            .post(
                "b2_list_unfinished_large_files",
                &json!({"bucketId": bucket, "namePrefix": prefix}),
            )
            .has_code(401, "unauthorized");
    }
    let within = json!({"bucketId": bucket, "prefix": "in/"});
    assert_eq!(holder.listed("b2_list_file_names", &within).len(), 2);
    holder
        .download("bucket-1/out", &[])
        .has_code(401, "unauthorized");
    assert_eq!(holder.download("bucket-1/in/a", &[]).status, 200);
}

#[test]
fn keys_made_with_bucket_ids_are_refused_before_v4() {
    let client = RawClient::new();
    let one = client.create_bucket("bucket-1", "allPrivate");
    let two = client.create_bucket("bucket-2", "allPrivate");
    let both = key(&client, &json!({"bucketIds": [one, two]}));
    let (id, secret) = (
        both["applicationKeyId"].as_str().unwrap(),
        both["applicationKey"].as_str().unwrap(),
    );
    let account = json!({"accountId": client.emulator.account_id(), "bucketId": two});
    assert_eq!(client.post("b2_delete_bucket", &account).status, 200);
    let v4 = client.authorize(id, secret).ok();
    assert_eq!(
        v4["apiInfo"]["storageApi"]["allowed"]["buckets"],
        json!([{"id": one, "name": "bucket-1"}, {"id": two, "name": null}])
    );
    let of_one = key(&client, &json!({"bucketIds": [one]}));
    let of_all = key(&client, &json!({"bucketIds": null}));
    let mut client = client;
    for version in ["v1", "v2", "v3"] {
        client = client.in_version(version);
        let number = &version[1..];
        for key in [&both, &of_one] {
            let (id, secret) = (&key["applicationKeyId"], &key["applicationKey"]);
            let refused = client.authorize(id.as_str().unwrap(), secret.as_str().unwrap());
            let message =
                format!("This request is not currently supported on API version number {number}");
            refused.is_error(400, "bad_request", &message);
        }
        let (id, secret) = (&of_all["applicationKeyId"], &of_all["applicationKey"]);
        let taken = client.authorize(id.as_str().unwrap(), secret.as_str().unwrap());
        assert_eq!(taken.status, 200, "{version}");
    }
    let v3 = client;
    let listed = v3.post("b2_list_keys", &account).ok();
    let listed = listed["keys"].as_array().unwrap().iter();
    let listed: Vec<&Value> = listed.map(|key| &key["applicationKeyId"]).collect();
    assert_eq!(listed, [&of_all["applicationKeyId"]]);
    v3.post("b2_delete_key", &json!({"applicationKeyId": id}))
        .has_code(400, "bad_request");
    let single = key(&v3, &json!({"bucketId": one}));
    assert_eq!(single["bucketId"], one);
    assert_eq!(single.get("bucketIds"), None);
    let session = v3.authorize(
        single["applicationKeyId"].as_str().unwrap(),
        single["applicationKey"].as_str().unwrap(),
    );
    assert_eq!(
        session.ok()["apiInfo"]["storageApi"]["bucketName"],
        "bucket-1"
    );
}

#[test]
fn debug_output_contains_no_key_or_token() {
    let client = RawClient::of(Emulator::builder().key("the-id", "the-secret"));
    let created = key(&client, &json!({}));
    let printed = format!(
        "{:?} {:?} {:?}",
        client.emulator,
        Emulator::builder().key("the-id", "the-secret"),
        client.emulator.snapshot()
    );
    for secret in [
        "the-secret",
        created["applicationKey"].as_str().unwrap(),
        &client.token,
    ] {
        assert!(!printed.contains(secret));
    }
    assert!(printed.contains("the-id"));
}
