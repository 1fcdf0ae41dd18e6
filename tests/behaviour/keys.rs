//! Application keys, in each version of the API.

use b2kit::api::{
    AuthorizeAccount, Call as _, CreateBucket, CreateKey, DeleteKey, ListBuckets, ListKeys, Target,
};
use b2kit::types::{BucketId, BucketName, BucketType, Capability, KeyDuration, KeyName};
use b2kit::{ApiVersion, Client, Credentials, ErrorKind};
use futures::executor::block_on;
use serde_json::json;

use crate::{answered, assert_not_taken, client, document, document_in, refused};

const ALL: [ApiVersion; 3] = [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4];

fn create() -> CreateKey {
    CreateKey::new(KeyName::new("reader").unwrap(), [Capability::ReadFiles])
}

#[test]
fn a_key_for_all_buckets_has_the_same_request_in_every_api_version() {
    let expected = json!({
        "accountId": "15f935cf4dcb", "keyName": "reader", "capabilities": ["readFiles", "flyFiles"],
        "namePrefix": "data", "validDurationInSeconds": 86_400,
    });
    let capabilities = [Capability::ReadFiles, "flyFiles".into()];
    let create = CreateKey::new(KeyName::new("reader").unwrap(), capabilities)
        .name_prefix("data")
        .valid_duration(KeyDuration::from_secs(86_400).unwrap());
    for version in ALL {
        assert_eq!(document_in(version, &create), expected, "{version}");
    }
}

#[test]
fn a_key_for_one_bucket_has_the_request_of_each_api_version() {
    let create = create().bucket_ids(["b1"]);
    for version in ALL {
        let sent = document_in(version, &create);
        let (one, several) = match version {
            ApiVersion::V4 => (None, Some(json!(["b1"]))),
            _ => (Some(json!("b1")), None),
        };
        assert_eq!(sent.get("bucketId"), one.as_ref(), "{version}");
        assert_eq!(sent.get("bucketIds"), several.as_ref(), "{version}");
    }
}

#[test]
fn a_key_for_older_programs_is_created_with_v3_regardless_of_the_sessions_version() {
    let create = create().api_version(ApiVersion::V3);
    for version in ALL {
        let one = create.clone().bucket_ids(["b1"]);
        let session = crate::session(version);
        let request = one.request(&Target::session(&session)).unwrap();
        assert!(request.uri().path().ends_with("/b2api/v3/b2_create_key"));
        let sent = document_in(version, &one);
        assert_eq!(sent.get("bucketId"), Some(&json!("b1")), "{version}");
        assert_eq!(sent.get("bucketIds"), None, "{version}");
        assert!(refused(version, &create.clone().bucket_ids(["b1", "b2"])).contains("v3"));
    }
    // A v4 session creates such a key, which then works in v3.
    let (b2, emulator, _) = client();
    block_on(async {
        let name = BucketName::new("bucket-of-mine").unwrap();
        let made = b2.call(CreateBucket::new(name, BucketType::AllPrivate));
        let bucket_id = made.await.unwrap().bucket_id;
        let one = create.bucket_ids([bucket_id.clone()]);
        let key = b2.call(one).await.unwrap();
        assert_eq!(key.key.bucket_ids.as_deref(), Some(&[bucket_id][..]));
        let older = Client::builder()
            .credentials(key.credentials().unwrap())
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .api_version(ApiVersion::V3);
        older.build().unwrap().session().await.unwrap();
    });
}

#[test]
fn a_v4_key_in_a_v3_session_is_a_credentials_error_that_suggests_v4() {
    let text = r#"{"status":400,"code":"bad_request",
               "message":"This request is not currently supported on API version number 3"}"#;
    let backend = |_| async {
        let response = b2kit::http::Response::builder().status(400);
        Ok(response.body(text.into()).unwrap())
    };
    let b2 = Client::builder()
        .credentials(Credentials::new("id", "key").unwrap())
        .backend(backend)
        .api_version(ApiVersion::V3)
        .build()
        .unwrap();
    let error = block_on(b2.session()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let message = error.to_string();
    assert!(
        message.contains("uses API version v3") && message.contains("ApiVersion::V4"),
        "{message}"
    );
}

#[test]
fn a_key_for_several_buckets_needs_v4() {
    let create = create().bucket_ids(["b1", "b2"]);
    assert_eq!(document(&create)["bucketIds"], json!(["b1", "b2"]));
    for version in [ApiVersion::V2, ApiVersion::V3] {
        let message = refused(version, &create);
        let expected = format!("for 2 buckets needs API version v4, but this call uses {version}");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn a_key_without_buckets_or_capabilities_is_refused() {
    let nothing = CreateKey::new(KeyName::new("x").unwrap(), []);
    for version in ALL {
        let message = refused(version, &create().bucket_ids(Vec::<BucketId>::new()));
        assert!(message.contains("list of buckets"), "{message}");
        assert!(refused(version, &nothing).contains("at least one capability"));
    }
}

#[test]
fn key_names_follow_b2s_rules() {
    for good in ["a", "Reader-7", &"n".repeat(100), "b2-is-not-reserved-here"] {
        assert_eq!(KeyName::new(good).unwrap().as_str(), good);
    }
    for (bad, message) in [
        ("", "has 0 characters; a key name has 1 to 100"),
        (&*"n".repeat(101), "has 101 characters"),
        (
            "my_key",
            "has '_'; a key name has letters, digits and '-' only",
        ),
        ("clé", "has 'é'"),
    ] {
        let error = KeyName::new(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// B2's sample from 2026, and a recording from 2021.
#[test]
fn the_samples_of_created_keys_decode_and_their_secrets_are_hidden() {
    let create = CreateKey::new(KeyName::new("my-key").unwrap(), [Capability::ReadFiles]);
    let create = create.bucket_ids(["b2", "b1"]).name_prefix("data");
    let created = answered(
        &create,
        json!({
            "accountId": "15f935cf4dcb", "applicationKey": "K004canary",
            "applicationKeyId": "00415f935cf4dcb0000000101",
            "bucketIds": ["b1", "b2"], "capabilities": ["listFiles", "readFiles"],
            "expirationTimestamp": 1_770_421_227_461_i64, "keyName": "my-key", "namePrefix": "data",
            "options": ["s3"],
        }),
    );
    let key = &created.key;
    assert_eq!(created.application_key.expose(), "K004canary");
    assert!(!format!("{created:?}").contains("canary"));
    assert_eq!(key.application_key_id.as_str(), "00415f935cf4dcb0000000101");
    assert_eq!(
        key.bucket_ids.as_deref(),
        Some(&["b1".into(), "b2".into()][..])
    );
    assert_eq!(
        key.capabilities,
        [Capability::ListFiles, Capability::ReadFiles]
    );
    assert_eq!(
        key.expiration_timestamp.unwrap().as_millis(),
        1_770_421_227_461
    );
    assert_eq!(
        (key.key_name.as_str(), key.name_prefix.as_deref()),
        ("my-key", Some("data"))
    );
    assert_eq!(key.options, ["s3"]);
    assert_eq!(
        created.credentials().unwrap().application_key_id(),
        &key.application_key_id
    );

    let create = CreateKey::new(KeyName::new("my-key").unwrap(), [Capability::ReadFiles]);
    let create = create.bucket_ids(["8d625eb63be2775577c70e1a"]);
    let created = answered(
        &create,
        json!({
            "accountId": "d2e6b27577ea", "applicationKey": "K002secret",
            "applicationKeyId": "002d2e6b27577ea000000000c",
            "authorizationToken": "stray", "bucketId": "8d625eb63be2775577c70e1a",
            "capabilities": ["readFiles"],
            "expirationTimestamp": null, "keyName": "my-key", "namePrefix": null, "options": ["s3"],
        }),
    );
    let key = created.key;
    assert_eq!(
        key.bucket_ids.as_deref(),
        Some(&["8d625eb63be2775577c70e1a".into()][..])
    );
    assert_eq!((key.expiration_timestamp, key.name_prefix), (None, None));
}

#[test]
fn a_page_of_keys_keeps_unknown_capabilities() {
    let list = ListKeys::new()
        .max_key_count(2)
        .start_application_key_id("k1");
    assert_eq!(
        document(&list),
        json!({"accountId": "15f935cf4dcb", "maxKeyCount": 2, "startApplicationKeyId": "k1"})
    );
    let key = json!({
        "accountId": "15f935cf4dcb", "applicationKeyId": "k1", "bucketIds": null,
        "capabilities": ["readFiles", "flyFiles"], "expirationTimestamp": null, "keyName": "my-key",
        "namePrefix": null, "options": ["s3", "s4"],
    });
    let page = answered(
        &list,
        json!({"keys": [key], "nextApplicationKeyId": "k2", "new": 1}),
    );
    assert_eq!(page.next_application_key_id.unwrap().as_str(), "k2");
    assert_eq!(page.keys[0].bucket_ids, None);
    assert_eq!(serde_json::to_value(&page.keys[0]).unwrap(), key);
    let last = answered(&list, json!({"keys": [], "nextApplicationKeyId": null}));
    assert_eq!((last.keys.len(), last.next_application_key_id), (0, None));
    assert_eq!(
        document(&DeleteKey::new("k1")),
        json!({"applicationKeyId": "k1"})
    );
}

#[test]
fn a_key_is_created_used_listed_and_deleted_in_every_version() {
    for version in ALL {
        let (_, emulator, timer) = client();
        let client = |credentials| {
            let builder = Client::builder()
                .credentials(credentials)
                .endpoint(emulator.url());
            let builder = builder.backend(emulator.clone()).timer(timer.clone());
            builder.api_version(version).build().unwrap()
        };
        let b2 = client(Credentials::new(emulator.key_id(), emulator.key()).unwrap());
        block_on(async {
            let name = BucketName::new("my-bucket").unwrap();
            let bucket = b2
                .call(CreateBucket::new(name.clone(), BucketType::AllPrivate))
                .await
                .unwrap();
            let create = CreateKey::new(KeyName::new("reader").unwrap(), [Capability::ListBuckets])
                .bucket_ids([&bucket.bucket_id])
                .name_prefix("photos/");
            let created = b2.call(create).await.unwrap();
            assert_eq!(
                created.key.bucket_ids.as_deref(),
                Some(&[bucket.bucket_id.clone()][..])
            );
            assert_eq!(created.key.capabilities, [Capability::ListBuckets]);

            let reader = client(created.credentials().unwrap());
            let session = reader.session().await.unwrap();
            assert_eq!(session.allowed().capabilities, [Capability::ListBuckets]);
            assert_eq!(session.allowed().name_prefix.as_deref(), Some("photos/"));
            let [only] = session.allowed().buckets.as_deref().unwrap() else {
                panic!("one bucket, not {:?}", session.allowed())
            };
            assert_eq!(
                (&only.id, only.name.as_deref()),
                (&bucket.bucket_id, Some(name.as_str()))
            );
            let listed = reader
                .call(ListBuckets::new().bucket_name(name.clone()))
                .await
                .unwrap();
            assert_eq!(listed.buckets[0].bucket_id, bucket.bucket_id);
            let more = CreateKey::new(KeyName::new("more").unwrap(), [Capability::WriteKeys]);
            let error = reader.call(more).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unauthorized, 0)
            );
            let message = format!(
                "nothing was sent: the key lacks writeKeys, is restricted to the bucket \
                 [\"{name}\"]"
            );
            assert!(error.to_string().contains(&message), "{error}");

            let page = b2.call(ListKeys::new()).await.unwrap();
            assert!(page.keys.contains(&created.key), "{page:?}");
            let deleted = b2
                .call(DeleteKey::new(&created.key.application_key_id))
                .await
                .unwrap();
            assert_eq!(deleted.as_ref(), Some(&created.key));
            let again = b2
                .call(DeleteKey::new(&created.key.application_key_id))
                .await
                .unwrap_err();
            assert_eq!(again.b2().unwrap().code, "bad_request");
        });
    }
}

#[test]
fn a_key_created_with_bucket_ids_works_only_in_v4() {
    let (b2, emulator, timer) = client();
    block_on(async {
        let mut ids = Vec::new();
        for name in ["bucket-1", "bucket-2"] {
            let name = BucketName::new(name).unwrap();
            ids.push(
                b2.call(CreateBucket::new(name, BucketType::AllPrivate))
                    .await
                    .unwrap()
                    .bucket_id,
            );
        }
        let create =
            CreateKey::new(KeyName::new("both").unwrap(), [Capability::ListFiles]).bucket_ids(&ids);
        let created = b2.call(create).await.unwrap();
        assert_eq!(created.key.bucket_ids.as_ref(), Some(&ids));
        for version in ALL {
            let b2 = Client::builder()
                .credentials(created.credentials().unwrap())
                .endpoint(emulator.url())
                .backend(emulator.clone())
                .timer(timer.clone())
                .api_version(version)
                .build()
                .unwrap();
            match (version, b2.session().await) {
                (ApiVersion::V4, session) => {
                    let session = session.unwrap();
                    let allowed = session.allowed().buckets.as_ref().unwrap();
                    let allowed: Vec<_> = allowed.iter().map(|bucket| bucket.id.clone()).collect();
                    assert_eq!(allowed, ids);
                }
                (_, session) => {
                    let error = session.unwrap_err();
                    let b2 = error.b2().unwrap();
                    assert_eq!((b2.status, &*b2.code), (400, "bad_request"));
                    assert!(b2.message.contains("not currently supported"), "{error}");
                }
            }
        }
    });
}

/// The replies of the three versions to `b2_authorize_account`.
#[test]
fn replies_of_all_api_versions_become_the_same_session() {
    let authorize = AuthorizeAccount::new(Credentials::new("id", "key").unwrap());
    let v4 = json!({
        "accountId": "15f935cf4dcb",
        "apiInfo": {
            "backupApi": {"backupApiUrl": "https://api000.backblazeb2.com"},
            "groupsApi": {"groupsApiUrl": "https://api001.backblazeb2.com"},
            "storageApi": {
                "absoluteMinimumPartSize": 5_000_000,
                "allowed": {
                    "buckets": [{"id": "b1", "name": "one"}, {"id": "b2", "name": null}],
                    "capabilities": ["listBuckets", "flyFiles"], "namePrefix": null,
                },
                "apiUrl": "https://api004.backblazeb2.com",
                "downloadUrl": "https://f004.backblazeb2.com",
                "recommendedPartSize": 100_000_000,
                "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
            },
        },
        "applicationKeyExpirationTimestamp": 1_770_421_227_461_i64, "authorizationToken": "4_acct_",
    });
    let v3 = json!({
        "accountId": "15f935cf4dcb", "authorizationToken": "3_acct_",
        "applicationKeyExpirationTimestamp": null,
        "apiInfo": {
            "storageApi": {
                "absoluteMinimumPartSize": 5_000_000, "apiUrl": "https://api004.backblazeb2.com",
                "bucketId": "b1",
                "bucketName": "one", "capabilities": ["listBuckets", "flyFiles"],
                "downloadUrl": "https://f004.backblazeb2.com", "infoType": "storageApi",
                "namePrefix": "p/",
                "recommendedPartSize": 100_000_000,
                "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
            },
            "groupsApi": {"capabilities": ["all"],
            "groupsApiUrl": "https://api001.backblazeb2.com", "infoType": "groupsApi"},
            "backupApi": {"capabilities": ["all"],
            "backupApiUrl": "https://api000.backblazeb2.com", "infoType": "backupApi"},
        },
    });
    let v2 = json!({
        "absoluteMinimumPartSize": 5_000_000, "accountId": "15f935cf4dcb",
        "allowed": {"bucketId": null, "bucketName": null, "capabilities": ["listBuckets",
        "flyFiles"], "namePrefix": null},
        "apiUrl": "https://api004.backblazeb2.com", "authorizationToken": "2_acct_",
        "downloadUrl": "https://f004.backblazeb2.com", "recommendedPartSize": 100_000_000,
        "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
    });
    for (version, document) in [
        (ApiVersion::V2, v2),
        (ApiVersion::V3, v3),
        (ApiVersion::V4, v4),
    ] {
        let session = answered(&authorize, document);
        assert_eq!(session.version(), version);
        assert_eq!(session.account_id().as_str(), "15f935cf4dcb");
        assert!(session.authorization_token().expose().ends_with("_acct_"));
        let types = [
            session.info_type(),
            session.groups_api_info_type(),
            session.backup_api_info_type(),
        ];
        assert_eq!(
            types,
            match version {
                ApiVersion::V3 => [Some("storageApi"), Some("groupsApi"), Some("backupApi")],
                _ => [None; 3],
            }
        );
        assert_eq!(session.api_url(), "https://api004.backblazeb2.com");
        assert_eq!(session.download_url(), "https://f004.backblazeb2.com");
        assert_eq!(
            session.s3_api_url(),
            Some("https://s3.us-west-004.backblazeb2.com")
        );
        assert_eq!(
            (
                session.absolute_minimum_part_size(),
                session.recommended_part_size()
            ),
            (5_000_000, 100_000_000)
        );
        let allowed = session.allowed();
        assert_eq!(
            allowed.capabilities,
            [Capability::ListBuckets, "flyFiles".into()]
        );
        let buckets = allowed.buckets.as_ref().map(|buckets| {
            buckets
                .iter()
                .map(|bucket| (bucket.id.as_str(), bucket.name.as_deref()))
                .collect::<Vec<_>>()
        });
        let expires = session
            .application_key_expiration_timestamp()
            .map(|time| time.as_millis());
        let partner = (session.groups_api_url(), session.backup_api_url());
        let both = (
            Some("https://api001.backblazeb2.com"),
            Some("https://api000.backblazeb2.com"),
        );
        let may = [
            session.groups_api_capabilities(),
            session.backup_api_capabilities(),
        ];
        match version {
            ApiVersion::V3 => assert_eq!(may, [["all".into()], ["all".into()]]),
            _ => assert!(may.iter().all(|may| may.is_empty())),
        }
        match version {
            ApiVersion::V2 => assert_eq!((buckets, expires, partner), (None, None, (None, None))),
            ApiVersion::V3 => {
                assert_eq!(
                    (buckets, expires, partner),
                    (Some(vec![("b1", Some("one"))]), None, both)
                );
                assert_eq!(allowed.name_prefix.as_deref(), Some("p/"));
            }
            _ => {
                let two = vec![("b1", Some("one")), ("b2", None)];
                assert_eq!(
                    (buckets, expires, partner),
                    (Some(two), Some(1_770_421_227_461), both)
                );
            }
        }
    }
}

#[test]
fn a_key_reply_with_another_name_is_refused() {
    let another = json!({
        "accountId": "a", "applicationKey": "K004x", "applicationKeyId": "k",
        "capabilities": ["readFiles"],
        "expirationTimestamp": null, "keyName": "writer", "namePrefix": null, "options": [],
    });
    assert_not_taken(&create(), another);
}
