//! Settings in requests and replies, and values and fields that this version of the crate doesn't know.

use b2kit::api::{
    AuthorizeAccount, Call, CancelLargeFile, CopyFile, CopyPart, CreateBucket, CreateKey,
    DeleteBucket, DeleteFileVersion, DeleteKey, DownloadFileById, FinishLargeFile,
    GetBucketNotificationRules, GetFileInfo, GetUploadPartUrl, GetUploadUrl, HideFile, ListBuckets,
    ListParts, ListUnfinishedLargeFiles, Reply, SetBucketNotificationRules, StartLargeFile, Target,
    UpdateBucket, UploadFile, UploadPart,
};
use b2kit::transfer::Source;
use b2kit::types::{
    Action, BucketInfo, BucketName, BucketType, Capability, ContentSha1, ContentType,
    CorsOperation, CorsRule, CorsRules, CustomerKey, Encryption, EncryptionAlgorithm,
    EncryptionMode, EncryptionSetting, EventNotificationRules, FileInfo, FileInfoLimit, FileName,
    FileRetention, FileVersion, KeyName, LegalHold, LifecycleRule, LifecycleRules, PartNumber,
    ReplicationConfiguration, ReplicationRule, ReplicationRules, ReplicationStatus, Restricted,
    RetentionMode, Sha1, Timestamp, percent_decode, percent_encode,
};
use b2kit::{ApiVersion, Credentials, ErrorKind};
use futures::executor::block_on;
use serde_json::{Value, json};

use crate::{answered, assert_not_taken, client, document, refused, session};

/// B2's sample of `b2_create_bucket`.
pub(crate) fn bucket() -> Value {
    json!({
        "accountId": "15f935cf4dcb", "bucketId": "b1", "bucketInfo": {}, "bucketName": "my-bucket",
        "bucketType": "allPrivate", "corsRules": [],
        "defaultServerSideEncryption": {"isClientAuthorizedToRead": true,
        "value": {"algorithm": null, "mode": null}},
        "fileLockConfiguration": {
            "isClientAuthorizedToRead": true,
            "value": {"defaultRetention": {"mode": null, "period": null},
            "isFileLockEnabled": true},
        },
        "lifecycleRules": [], "options": ["s3"],
        "replicationConfiguration": {"isClientAuthorizedToRead": true, "value": null},
        "revision": 2,
    })
}

/// B2's sample of `b2_upload_file`.
fn file() -> Value {
    json!({
        "accountId": "15f935cf4dcb", "action": "upload", "bucketId": "c1657f7923d53c0f94cd0c1b",
        "contentLength": 48, "contentMd5": "dea3801551d8240fb5cd9f94d6868eb0",
        "contentSha1": "973406ee1dc35b9b35e888ff50a9d8e13f10911c", "contentType": "text/plain",
        "fileId": "4_zc1657f7923d53c0f94cd0c1b_f405618dbe9f1f691_d20260205_m234012_c004_v0402033_t0\
            052_u01770334812998",
        "fileInfo": {}, "fileName": "typing_test.txt",
        "fileRetention": {"isClientAuthorizedToRead": true, "value": {"mode": null,
        "retainUntilTimestamp": null}},
        "legalHold": {"isClientAuthorizedToRead": true, "value": null},
        "serverSideEncryption": {"algorithm": null, "mode": null},
        "uploadTimestamp": 1_770_334_812_998_i64,
    })
}

fn name() -> FileName {
    FileName::new("typing_test.txt").unwrap()
}

fn list() -> ListBuckets {
    ListBuckets::new()
}

fn listed(bucket: Value) -> b2kit::types::Bucket {
    answered(&list(), json!({"buckets": [bucket]}))
        .buckets
        .remove(0)
}

#[test]
fn b2s_samples_of_buckets_and_files_round_trip() {
    let decoded = listed(bucket());
    assert_eq!(serde_json::to_value(&decoded).unwrap(), bucket());
    assert_eq!(decoded.revision, 2);

    let copied = answered(&CopyFile::new("f", name()), file());
    assert_eq!(serde_json::to_value(&copied).unwrap(), file());
    let hidden = json!({
        "accountId": "15f935cf4dcb", "action": "hide", "bucketId": "b1", "contentLength": 0,
        "contentMd5": "d41d8cd98f00b204e9800998ecf8427e",
        "contentSha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "contentType": "application/x-bz-hide-marker", "fileId": "4_z1", "fileInfo": {},
        "fileName": "f",
        "uploadTimestamp": 1_770_334_812_998_i64,
    });
    let marker = answered(&HideFile::new("b1", FileName::new("f").unwrap()), hidden);
    assert_eq!(marker.action, Action::Hide);
    assert_eq!(
        marker.file_retention,
        Restricted::Value(FileRetention::none())
    );
    assert_eq!(marker.legal_hold, Restricted::Value(None));
    assert_eq!(marker.server_side_encryption, Encryption::none());
}

#[test]
fn unknown_values_round_trip_unchanged() {
    let mut future = bucket();
    future["bucketType"] = json!("allFriends");
    future["bucketInfo"] = json!({"owner": "ü"});
    future["options"] = json!(["s3", "s4"]);
    future["corsRules"] = json!([{
        "corsRuleName": "my-rule", "allowedOrigins": ["*"], "allowedOperations": ["s4_get",
        "s3_put"],
        "allowedHeaders": [], "exposeHeaders": [], "maxAgeSeconds": 90_000,
    }]);
    future["lifecycleRules"] = json!([
        {"fileNamePrefix": "", "daysFromUploadingToHiding": null, "daysFromHidingToDeleting": null,
         "daysFromStartingToCancelingUnfinishedLargeFiles": null}
    ]);
    future["defaultServerSideEncryption"]["value"] = json!({"mode": "SSE-Q", "algorithm": "ROT13"});
    future["fileLockConfiguration"]["value"]["defaultRetention"] =
        json!({"mode": "lenience", "period": {"duration": 3, "unit": "moons"}});
    future["replicationConfiguration"]["value"] = json!({
        "asReplicationSource": {
            "replicationRules": [{
                "destinationBucketId": "b2", "fileNamePrefix": "", "includeExistingFiles": true,
                "isEnabled": true,
                "priority": 0, "replicationRuleName": "a rule",
            }],
            "sourceApplicationKeyId": "k1",
        },
        "asReplicationDestination": {"sourceToDestinationKeyMapping": {"k2": "k3"}},
    });
    let mut sent = future.clone();
    sent["surprise"] = json!([{"deep": {"er": null}}]);
    let bucket = listed(sent);
    assert_eq!(serde_json::to_value(&bucket).unwrap(), future);

    // Settings read from one bucket can be set on another, even if they are unknown to the crate.
    let update = UpdateBucket::new("b9")
        .bucket_type(bucket.bucket_type)
        .bucket_info(bucket.bucket_info)
        .cors_rules(bucket.cors_rules)
        .lifecycle_rules(bucket.lifecycle_rules)
        .default_server_side_encryption(
            bucket
                .default_server_side_encryption
                .value()
                .unwrap()
                .clone(),
        )
        .default_retention(
            bucket
                .file_lock_configuration
                .value()
                .unwrap()
                .default_retention
                .clone(),
        )
        .replication_configuration(bucket.replication_configuration.value().unwrap().clone())
        .if_revision_is(bucket.revision);
    let document = document(&update);
    for field in ["bucketType", "bucketInfo", "corsRules", "lifecycleRules"] {
        assert_eq!(document[field], future[field]);
    }
    for field in ["defaultServerSideEncryption", "replicationConfiguration"] {
        assert_eq!(document[field], future[field]["value"]);
    }
    assert_eq!(
        document["defaultRetention"],
        future["fileLockConfiguration"]["value"]["defaultRetention"]
    );
    assert_eq!(document["ifRevisionIs"], json!(2));

    let mut version = file();
    version["action"] = json!("dream");
    version["contentSha1"] = json!("unverified:973406ee1dc35b9b35e888ff50a9d8e13f10911c");
    version["fileRetention"]["value"] = json!({"mode": "lenience", "retainUntilTimestamp": -1});
    version["legalHold"]["value"] = json!("perhaps");
    version["serverSideEncryption"] =
        json!({"mode": "SSE-C", "algorithm": "AES512", "customerKeyMd5": "bWQ1"});
    version["replicationStatus"] = json!("Paused");
    let file_id = version["fileId"].as_str().unwrap();
    let decoded = answered(&GetFileInfo::new(file_id), version.clone());
    assert_eq!(serde_json::to_value(&decoded).unwrap(), version);
    assert_eq!(
        decoded.replication_status,
        Some(ReplicationStatus::Other("Paused".into()))
    );
    assert!(matches!(decoded.content_sha1, ContentSha1::Unverified(_)));
}

#[test]
fn a_setting_that_the_key_may_not_read_is_restricted() {
    let hidden = json!({"isClientAuthorizedToRead": false, "value": null});
    let mut bare = bucket();
    let settings = [
        "defaultServerSideEncryption",
        "fileLockConfiguration",
        "replicationConfiguration",
    ];
    for setting in settings {
        bare[setting] = hidden.clone();
    }
    let shown = serde_json::to_value(listed(bare.clone())).unwrap();
    assert_eq!(shown, bare);
    for setting in settings {
        bare.as_object_mut().unwrap().remove(setting);
    }
    let bucket = listed(bare);
    assert_eq!(
        bucket.default_server_side_encryption,
        Restricted::Unauthorized
    );
    assert_eq!(bucket.file_lock_configuration, Restricted::Unauthorized);
    assert_eq!(bucket.replication_configuration, Restricted::Unauthorized);
    let mut version = file();
    version["fileRetention"] = hidden.clone();
    version["legalHold"] = hidden;
    let version = answered(&CopyFile::new("f", name()), version);
    assert_eq!(
        (version.file_retention.value(), version.legal_hold.value()),
        (None, None)
    );
}

#[test]
fn each_setting_of_a_bucket_is_set_cleared_or_left_alone() {
    let id = json!({"accountId": "15f935cf4dcb", "bucketId": "b1"});
    assert_eq!(document(&UpdateBucket::new("b1")), id);
    let cors = CorsRule::new("my-rule", ["https"], [CorsOperation::B2DownloadFileByName])
        .allowed_headers(["range"]);
    let rule = ReplicationRule::new("r1", "b2")
        .file_name_prefix("p/")
        .include_existing_files();
    let replication = ReplicationConfiguration::none()
        .source("k1", ReplicationRules::new([rule.priority(2)]).unwrap())
        .destination([("k2", "k3")]);
    let set = UpdateBucket::new("b1")
        .bucket_type(BucketType::AllPublic)
        .bucket_info(
            BucketInfo::new()
                .with("Cache-Control", "max-age=60")
                .unwrap(),
        )
        .cors_rules(CorsRules::new([cors]).unwrap())
        .lifecycle_rules(
            LifecycleRules::new([LifecycleRule::new("logs/").days_from_uploading_to_hiding(1)])
                .unwrap(),
        )
        .default_server_side_encryption(Encryption::sse_b2())
        .replication_configuration(replication.clone())
        .if_revision_is(7);
    let expected = json!({
        "accountId": "15f935cf4dcb", "bucketId": "b1", "bucketType": "allPublic",
        "bucketInfo": {"cache-control": "max-age=60"},
        "corsRules": [{
            "corsRuleName": "my-rule", "allowedOrigins": ["https"],
            "allowedOperations": ["b2_download_file_by_name"],
            "allowedHeaders": ["range"], "exposeHeaders": [], "maxAgeSeconds": 3_600,
        }],
        "lifecycleRules": [{
            "fileNamePrefix": "logs/", "daysFromUploadingToHiding": 1,
            "daysFromHidingToDeleting": null,
            "daysFromStartingToCancelingUnfinishedLargeFiles": null,
        }],
        "defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"},
        "replicationConfiguration": {
            "asReplicationSource": {
                "replicationRules": [{
                    "destinationBucketId": "b2", "fileNamePrefix": "p/",
                    "includeExistingFiles": true,
                    "isEnabled": true, "priority": 2, "replicationRuleName": "r1",
                }],
                "sourceApplicationKeyId": "k1",
            },
            "asReplicationDestination": {"sourceToDestinationKeyMapping": {"k2": "k3"}},
        },
        "ifRevisionIs": 7,
    });
    assert_eq!(document(&set), expected);

    let clear = UpdateBucket::new("b1")
        .bucket_info(BucketInfo::new())
        .cors_rules(CorsRules::default())
        .lifecycle_rules(LifecycleRules::default())
        .default_server_side_encryption(Encryption::none())
        .replication_configuration(ReplicationConfiguration::none());
    assert_eq!(
        document(&clear),
        json!({
            "accountId": "15f935cf4dcb", "bucketId": "b1", "bucketInfo": {}, "corsRules": [],
            "lifecycleRules": [],
            "defaultServerSideEncryption": {"mode": null, "algorithm": null},
            "replicationConfiguration": {"asReplicationSource": null,
            "asReplicationDestination": null},
        })
    );

    let create = CreateBucket::new(
        BucketName::new("my-bucket").unwrap(),
        BucketType::AllPrivate,
    )
    .default_server_side_encryption(Encryption::sse_b2())
    .replication_configuration(replication);
    for field in ["defaultServerSideEncryption", "replicationConfiguration"] {
        assert_eq!(document(&create)[field], expected[field]);
    }
}

#[test]
fn sse_c_and_none_are_refused_as_a_buckets_default_encryption() {
    let mut encryption = Encryption::sse_b2();
    encryption.mode = Some(EncryptionMode::SseC);
    let update = UpdateBucket::new("b1").default_server_side_encryption(encryption.clone());
    assert!(refused(ApiVersion::V4, &update).contains("can't be SSE-C"));
    let create = CreateBucket::new(
        BucketName::new("my-bucket").unwrap(),
        BucketType::AllPrivate,
    );
    let create_with = |encryption| create.clone().default_server_side_encryption(encryption);
    let message = refused(ApiVersion::V4, &create_with(encryption.clone()));
    assert!(message.contains("can't be SSE-C"), "{message}");
    encryption.mode = Some("none".into());
    let message = refused(ApiVersion::V4, &create_with(encryption));
    assert!(
        message.contains("Encryption::none() resets it"),
        "{message}"
    );
}

#[test]
fn an_upload_can_not_disable_the_buckets_default_encryption() {
    let upload = |encryption| UploadFile::new("b1", name(), "x").server_side_encryption(encryption);
    let message = refused(ApiVersion::V4, &upload(EncryptionSetting::None));
    assert!(message.contains("can't turn encryption off"), "{message}");
    let session = session(ApiVersion::V4);
    let request = upload(EncryptionSetting::SseB2)
        .request(&crate::target(&session))
        .unwrap();
    assert_eq!(request.headers()["x-bz-server-side-encryption"], "AES256");
    let start = StartLargeFile::new("b1", name()).server_side_encryption(EncryptionSetting::None);
    assert_eq!(
        document(&start)["serverSideEncryption"],
        json!({"mode": "none"})
    );
}

#[test]
fn file_info_has_the_limit_of_encrypted_files_unless_another_is_chosen() {
    let info = || FileInfo::new().with("k", "v".repeat(2_040)).unwrap();
    let start = || StartLargeFile::new("b1", name()).file_info(info());
    let copy = || CopyFile::new("f", name()).replace_metadata(ContentType::auto(), info());
    let key = || EncryptionSetting::SseC(CustomerKey::new([1; 32]));
    document(&start().server_side_encryption(EncryptionSetting::None));
    document(&copy().destination_server_side_encryption(EncryptionSetting::None));
    document(&start().file_info_limit(FileInfoLimit::Unencrypted));
    document(&copy().file_info_limit(FileInfoLimit::Unencrypted));
    let message = "2056 bytes in total, 8 more than the 2048";
    for refusal in [
        refused(ApiVersion::V4, &start()),
        refused(ApiVersion::V4, &copy()),
        refused(
            ApiVersion::V4,
            &start()
                .file_info_limit(FileInfoLimit::Unencrypted)
                .legal_hold(LegalHold::On),
        ),
        refused(
            ApiVersion::V4,
            &start().server_side_encryption(EncryptionSetting::SseB2),
        ),
        refused(ApiVersion::V4, &start().legal_hold(LegalHold::Off)),
        refused(
            ApiVersion::V4,
            &copy().destination_server_side_encryption(key()),
        ),
        refused(
            ApiVersion::V4,
            &copy().file_retention(FileRetention::until(
                RetentionMode::Governance,
                Timestamp::from_millis(1),
            )),
        ),
    ] {
        assert!(refusal.contains(message), "{refusal}");
    }
}

#[test]
fn unchecked_file_info_never_makes_an_invalid_header() {
    let eleven = (0..11).map(|key| (format!("K{key}"), "v"));
    let info = FileInfo::unchecked(eleven);
    assert_eq!((info.iter().count(), info.get("k10")), (11, Some("v")));
    assert!(info.clone().with("k11", "v").is_err() && info.clone().with("k10", "w").is_ok());
    let session = session(ApiVersion::V4);
    let upload = |info| UploadFile::new("b1", name(), "x").file_info(info);
    let request = upload(info).request(&crate::target(&session)).unwrap();
    assert_eq!(request.headers()["x-bz-info-k10"], "v");
    for bad in ["a b", "a\r\nx-evil: 1", "é"] {
        let message = refused(ApiVersion::V4, &upload(FileInfo::unchecked([(bad, "v")])));
        assert!(message.contains("is not valid in a header"), "{message}");
    }
}

#[test]
fn parts_decode_with_any_kind_of_checksum() {
    // B2's samples of b2_upload_part and b2_list_parts.
    let part = |checksum: Value| {
        json!({
            "b2Checksum": checksum, "contentLength": 1,
            "contentMd5": "9dd4e461268c8034f5c8564e155c67a6",
            "contentSha1": "11f6ad8ec52a2984abaafd7c3b516503785c2072", "fileId": "4_z1",
            "partNumber": 1,
            "serverSideEncryption": {"algorithm": null, "mode": null},
            "uploadTimestamp": 1_770_334_819_825_i64,
        })
    };
    let sha1 = "11f6ad8ec52a2984abaafd7c3b516503785c2072".parse().unwrap();
    let upload = UploadPart::new("4_z1", PartNumber::FIRST, "x").content_sha1(sha1);
    assert_eq!(
        serde_json::to_value(answered(&upload, part(Value::Null))).unwrap(),
        part(Value::Null)
    );
    let mut bare = part(Value::Null);
    for absent in ["b2Checksum", "contentMd5", "serverSideEncryption"] {
        bare.as_object_mut().unwrap().remove(absent);
        assert_eq!(
            serde_json::to_value(answered(&upload, bare.clone())).unwrap(),
            bare
        );
    }
    for (checksum, read) in [
        (Value::Null, None),
        (json!("abc"), Some("abc")),
        (json!({"crc": 7}), Some(r#"{"crc":7}"#)),
    ] {
        let page = answered(
            &ListParts::new("4_z1"),
            json!({"nextPartNumber": null, "parts": [part(checksum)]}),
        );
        assert_eq!(page.parts[0].b2_checksum.as_deref(), read);
    }
    let mut absent = part(Value::Null);
    absent.as_object_mut().unwrap().remove("b2Checksum");
    let copy = CopyPart::new("s", "4_z1", PartNumber::FIRST);
    assert_eq!(answered(&copy, absent.clone()).b2_checksum, None);
    for (field, other) in [("fileId", json!("4_z2")), ("partNumber", json!(2))] {
        let mut other_part = absent.clone();
        other_part[field] = other;
        assert_not_taken(&copy, other_part);
    }

    let session = session(ApiVersion::V4);
    let unchecked = UploadPart::new("4_z1", PartNumber::FIRST, "x").do_not_verify();
    let request = unchecked.request(&crate::target(&session)).unwrap();
    assert_eq!(request.headers()["x-bz-content-sha1"], "do_not_verify");
    let mut unverified = absent;
    unverified["contentSha1"] = json!("unverified:11f6ad8ec52a2984abaafd7c3b516503785c2072");
    assert_eq!(
        answered(&unchecked, unverified).content_sha1.sha1(),
        Some(&sha1)
    );
}

#[test]
fn lists_that_b2_would_refuse_are_not_sent() {
    let types =
        |types: &[&str]| list().bucket_types(types.iter().map(|word| BucketType::from(*word)));
    assert_eq!(document(&types(&["all"]))["bucketTypes"], json!(["all"]));
    assert!(refused(ApiVersion::V4, &types(&[])).contains("is empty"));
    assert!(refused(ApiVersion::V4, &types(&["allPublic", "all"])).contains("can't be combined"));
    let parts = |count| FinishLargeFile::new("f1", vec![Sha1::of(b""); count]);
    let sent = document(&parts(10_000));
    assert_eq!(sent["partSha1Array"].as_array().unwrap().len(), 10_000);
    let message = refused(ApiVersion::V4, &parts(10_002));
    assert!(
        message.contains("10002 parts, 2 more than the 10,000"),
        "{message}"
    );
}

#[test]
fn a_reply_about_another_object_is_refused() {
    let other = || FileName::new("other.txt").unwrap();
    let key = json!({
        "accountId": "a", "applicationKeyId": "k1", "bucketIds": null, "capabilities": [],
        "expirationTimestamp": null, "keyName": "n", "namePrefix": null, "options": [],
    });
    let upload_url =
        json!({"authorizationToken": "t", "bucketId": "b1", "fileId": "f1", "uploadUrl": "u"});
    let rules = json!({"bucketId": "b1", "eventNotificationRules": []});
    let canceled = json!({"accountId": "a", "bucketId": "b1", "fileId": "f1", "fileName": "n"});
    assert_not_taken(&CopyFile::new("f", other()), file());
    assert_not_taken(
        &CopyFile::new("f", name()).destination_bucket_id("b9"),
        file(),
    );
    assert_not_taken(
        &StartLargeFile::new("c1657f7923d53c0f94cd0c1b", other()),
        file(),
    );
    assert_not_taken(&StartLargeFile::new("b9", name()), file());
    assert_not_taken(&HideFile::new("c1657f7923d53c0f94cd0c1b", other()), file());
    assert_not_taken(&HideFile::new("b9", name()), file());
    assert_not_taken(&FinishLargeFile::new("f9", []), file());
    assert_not_taken(&GetFileInfo::new("f9"), file());
    assert_not_taken(&CancelLargeFile::new("f9"), canceled.clone());
    assert_not_taken(&DeleteFileVersion::new("n", "f9"), canceled);
    assert_not_taken(&UpdateBucket::new("b9"), bucket());
    assert_not_taken(&DeleteBucket::new("b9"), bucket());
    assert_not_taken(&DeleteKey::new("k9"), key);
    assert_not_taken(&GetUploadUrl::new("b9"), upload_url.clone());
    assert_not_taken(&GetUploadPartUrl::new("f9"), upload_url);
    assert_not_taken(&GetBucketNotificationRules::new("b9"), rules.clone());
    let none = EventNotificationRules::default();
    assert_not_taken(&SetBucketNotificationRules::new("b9", none), rules);
}

#[test]
fn a_page_of_unfinished_large_files_decodes_fully() {
    let list = ListUnfinishedLargeFiles::new("b1");
    let page = answered(
        &list,
        json!({"files": [], "nextFileId": null, "nextFileName": null}),
    );
    assert_eq!((page.next_file_id, page.next_file_name), (None, None));
    let page = answered(
        &list,
        json!({"files": [], "nextFileId": "4_z1", "nextFileName": "n"}),
    );
    assert_eq!(page.next_file_name.as_deref(), Some("n"));
}

fn downloaded(headers: &[(&str, &str)]) -> b2kit::api::DownloadedFile {
    let mut response = b2kit::http::Response::builder()
        .header("content-length", "0")
        .header("x-bz-file-id", "4_z1")
        .header("x-bz-file-name", "f");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let (head, ()) = response.body(()).unwrap().into_parts();
    let reply = Reply::stream(head, b2kit::ResponseBody::from(""));
    DownloadFileById::new("4_z1").read(reply).unwrap().file
}

#[test]
fn download_headers_give_lock_encryption_and_replication() {
    let plain = downloaded(&[]);
    assert_eq!(
        plain.file_retention,
        Restricted::Value(FileRetention::none())
    );
    assert_eq!(plain.legal_hold, Restricted::Value(None));
    assert_eq!(
        (plain.server_side_encryption, plain.replication_status),
        (Encryption::none(), None)
    );

    let file = downloaded(&[
        ("X-Bz-File-Retention-Mode", "compliance"),
        (
            "X-Bz-File-Retention-Retain-Until-Timestamp",
            "1770334823346",
        ),
        ("X-Bz-File-Legal-Hold", "on"),
        ("X-Bz-Server-Side-Encryption", "AES256"),
        ("X-Bz-Replication-Status", "REPLICA"),
    ]);
    let until = Timestamp::from_millis(1_770_334_823_346);
    let retention = FileRetention::until(RetentionMode::Compliance, until);
    assert_eq!(file.file_retention, Restricted::Value(retention));
    assert_eq!(file.legal_hold, Restricted::Value(Some(LegalHold::On)));
    assert_eq!(file.server_side_encryption, Encryption::sse_b2());
    assert_eq!(file.replication_status, Some(ReplicationStatus::Replica));

    let withheld =
        "X-Bz-File-Retention-Mode, x-bz-file-retention-retain-until-timestamp,X-Bz-File-Legal-Hold";
    let file = downloaded(&[
        ("X-Bz-Client-Unauthorized-To-Read", withheld),
        ("X-Bz-Server-Side-Encryption-Customer-Algorithm", "AES512"),
        ("X-Bz-Server-Side-Encryption-Customer-Key-Md5", "bWQ1"),
    ]);
    assert_eq!(
        (file.file_retention, file.legal_hold),
        (Restricted::Unauthorized, Restricted::Unauthorized)
    );
    let encryption = file.server_side_encryption;
    assert_eq!(encryption.mode, Some(EncryptionMode::SseC));
    assert_eq!(
        encryption.algorithm,
        Some(EncryptionAlgorithm::from("AES512"))
    );
    assert_eq!(encryption.customer_key_md5.as_deref(), Some("bWQ1"));
    let half = downloaded(&[("X-Bz-Client-Unauthorized-To-Read", "X-Bz-File-Legal-Hold")]);
    assert_eq!(half.legal_hold, Restricted::Unauthorized);
    assert_eq!(
        half.file_retention,
        Restricted::Value(FileRetention::none())
    );
}

#[test]
fn an_unchecked_bucket_name_can_not_change_the_path_of_a_link() {
    let session = session(ApiVersion::V4);
    let bucket = BucketName::new_unchecked("odd?x=#y");
    let download = b2kit::api::DownloadFileByName::new(bucket, name());
    let request = download.request(&crate::target(&session)).unwrap();
    assert_eq!(request.uri().path(), "/file/odd%3Fx%3D%23y/typing_test.txt");
    assert_eq!(request.uri().query(), None);
}

#[test]
fn every_ascii_character_round_trips_through_b2s_encoding() {
    const STAY: &str = "._-/~!$'()*;=:@";
    for byte in 0..128_u8 {
        let text = char::from(byte).to_string();
        let ours = percent_encode(&text);
        let escaped = format!("%{byte:02X}");
        let may_stay = byte.is_ascii_alphanumeric() || STAY.contains(&*text);
        assert!(
            ours == escaped || (may_stay && ours == text),
            "{text:?} became {ours:?}"
        );
        assert!(ours == text || text != "/", "a slash is never escaped");
        assert_eq!(percent_decode(&escaped).unwrap(), text);
    }
}

#[test]
fn api_version_1_is_not_supported() {
    let versions = [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4];
    assert_eq!(
        versions.map(|version| version.to_string()),
        ["v2", "v3", "v4"]
    );
    let realm = Target::realm("https://api.backblazeb2.com", ApiVersion::default());
    let call = AuthorizeAccount::new(Credentials::new("id", "key").unwrap());
    let request = call.request(&realm).unwrap();
    assert_eq!(request.uri().path(), "/b2api/v4/b2_authorize_account");
}

#[test]
fn an_update_changes_only_the_given_settings_of_the_given_revision() {
    let (b2, _, _) = client();
    block_on(async {
        let create = CreateBucket::new(
            BucketName::new("my-bucket").unwrap(),
            BucketType::AllPrivate,
        )
        .bucket_info(BucketInfo::new().with("Owner", "ü").unwrap());
        let created = b2.call(create).await.unwrap();
        let id = &created.bucket_id;
        let cors = CorsRule::new("my-rule", ["https"], [CorsOperation::S3Get])
            .expose_headers(["x-bz-file-id"]);
        let lifecycle = LifecycleRule::new("logs/").days_from_hiding_to_deleting(1);
        let (cors, lifecycle) = (
            CorsRules::new([cors]).unwrap(),
            LifecycleRules::new([lifecycle]).unwrap(),
        );
        let update = UpdateBucket::new(id)
            .bucket_type(BucketType::AllPublic)
            .cors_rules(cors.clone())
            .lifecycle_rules(lifecycle.clone())
            .default_server_side_encryption(Encryption::sse_b2())
            .if_revision_is(created.revision);
        let updated = b2.call(update.clone()).await.unwrap();
        assert_eq!(updated.revision, created.revision + 1);
        assert_eq!(updated.bucket_type, BucketType::AllPublic);
        assert_eq!(
            (&updated.cors_rules, &updated.lifecycle_rules),
            (&cors, &lifecycle)
        );
        assert_eq!(
            updated.default_server_side_encryption,
            Restricted::Value(Encryption::sse_b2())
        );
        assert_eq!(updated.bucket_info, created.bucket_info);
        let error = b2.call(update).await.unwrap_err();
        assert_eq!(
            (error.kind(), &*error.b2().unwrap().code),
            (ErrorKind::Conflict, "conflict")
        );

        let clear = UpdateBucket::new(id)
            .cors_rules(CorsRules::default())
            .lifecycle_rules(LifecycleRules::default())
            .default_server_side_encryption(Encryption::none())
            .bucket_info(BucketInfo::new());
        let cleared = b2.call(clear).await.unwrap();
        assert!(cleared.cors_rules.is_empty() && cleared.lifecycle_rules.is_empty());
        assert!(cleared.bucket_info.is_empty());
        // B2's default: clearing the setting resets it and doesn't disable encryption
        assert_eq!(
            cleared.default_server_side_encryption,
            Restricted::Value(Encryption::sse_b2())
        );
        let found = b2
            .call(ListBuckets::new().bucket_id(id))
            .await
            .unwrap()
            .buckets;
        assert_eq!(found, [cleared]);
    });
}

#[test]
fn replication_is_set_and_removed() {
    let (b2, _, _) = client();
    block_on(async {
        let mut ids = Vec::new();
        for name in ["from-here", "to-there"] {
            let create = CreateBucket::new(BucketName::new(name).unwrap(), BucketType::AllPrivate);
            ids.push(b2.call(create).await.unwrap().bucket_id);
        }
        let mut keys = Vec::new();
        for (bucket, capability) in ids
            .iter()
            .zip([Capability::ReadFiles, Capability::WriteFiles])
        {
            let create = CreateKey::new(KeyName::new("replication").unwrap(), [capability]);
            keys.push(
                b2.call(create.bucket_ids([bucket]))
                    .await
                    .unwrap()
                    .key
                    .application_key_id,
            );
        }
        let update = |id, replication| UpdateBucket::new(id).replication_configuration(replication);
        let there = ReplicationConfiguration::none().destination([(&keys[0], &keys[1])]);
        let updated = b2.call(update(&ids[1], there.clone())).await.unwrap();
        assert_eq!(updated.replication_configuration, Restricted::Value(there));
        let rules = ReplicationRules::new([ReplicationRule::new("all", &ids[1])]).unwrap();
        let here = ReplicationConfiguration::none().source(&keys[0], rules);
        let updated = b2.call(update(&ids[0], here.clone())).await.unwrap();
        assert_eq!(updated.replication_configuration, Restricted::Value(here));
        let ended = b2
            .call(update(&ids[0], ReplicationConfiguration::none()))
            .await
            .unwrap();
        assert_eq!(
            ended.replication_configuration,
            Restricted::Value(ReplicationConfiguration::none())
        );
    });
}

#[test]
fn a_file_encrypted_with_a_customer_key_needs_it_to_be_read() {
    let (b2, emulator, _) = client();
    block_on(async {
        let create = CreateBucket::new(
            BucketName::new("my-bucket").unwrap(),
            BucketType::AllPrivate,
        );
        let bucket = b2.call(create).await.unwrap();
        let key = CustomerKey::new(*b"0123456789abcdef0123456789abcdef");
        let upload = UploadFile::new(&bucket.bucket_id, name(), "secret")
            .server_side_encryption(EncryptionSetting::SseC(key.clone()));
        let file = b2.call(upload).await.unwrap();
        assert_eq!(file.server_side_encryption.mode, Some(EncryptionMode::SseC));
        let download = || DownloadFileById::new(&file.file_id);
        assert!(b2.call(download()).await.is_err());
        let wrong = b2
            .call(download().customer_key(CustomerKey::new([7; 32])))
            .await
            .unwrap_err();
        assert_eq!(wrong.b2().unwrap().code, "access_denied");
        let right = b2.call(download().customer_key(key.clone())).await.unwrap();
        assert_eq!(
            right.file.server_side_encryption.mode,
            Some(EncryptionMode::SseC)
        );
        assert_eq!(right.body.collect(100).await.unwrap(), b"secret");
        let copy = CopyFile::new(&file.file_id, FileName::new("plain").unwrap())
            .source_server_side_encryption(EncryptionSetting::SseC(key));
        // B2 encrypts all new files and refuses to store any unencrypted
        let none = copy
            .clone()
            .destination_server_side_encryption(EncryptionSetting::None);
        let refused = b2.call(none.clone()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        let plain = b2.call(copy).await.unwrap();
        assert_eq!(plain.server_side_encryption, Encryption::sse_b2());
        emulator.set_legacy_encryption("my-bucket", true).unwrap();
        let old = b2.call(none).await.unwrap();
        assert_eq!(old.server_side_encryption, Encryption::none());
        let read = b2
            .call(DownloadFileById::new(&plain.file_id))
            .await
            .unwrap();
        assert_eq!(read.body.collect(100).await.unwrap(), b"secret");
    });
}

#[test]
fn replies_can_be_serialized_and_dates_convert_both_ways() {
    use std::time::{Duration, SystemTime};
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let version = |content_sha1: &str, info: Value| -> b2kit::types::FileVersion {
        let row = json!({"action": "upload", "bucketId": "b", "fileId": "f", "fileName": "a\u{1}b",
            "contentSha1": content_sha1, "fileInfo": info, "uploadTimestamp": 1});
        serde_json::from_value(row).unwrap()
    };
    let large = version(
        "none",
        json!({"large_file_sha1": sha1, "src_last_modified_millis": "-1500"}),
    );
    assert_eq!(
        large.name().as_str(),
        "a\u{1}b",
        "older than the rule against it"
    );
    assert_eq!(large.expected_sha1().unwrap().to_string(), sha1);
    assert_eq!(large.last_modified(), Some(Timestamp::from_millis(-1_500)));
    let small = version(
        sha1,
        json!({"large_file_sha1": "0000", "src_last_modified_millis": "soon"}),
    );
    assert_eq!(small.expected_sha1().unwrap().to_string(), sha1);
    assert_eq!(small.last_modified(), None);
    assert_eq!(version("none", json!({})).expected_sha1(), None);

    for time in [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_millis(7),
        SystemTime::UNIX_EPOCH - Duration::from_millis(7),
    ] {
        assert_eq!(
            Timestamp::from_system_time(time).unwrap().to_system_time(),
            Some(time)
        );
    }
    let info = FileInfo::new()
        .with_last_modified(Timestamp::from_millis(7))
        .unwrap();
    assert_eq!(info.get("src_last_modified_millis"), Some("7"));
}

#[test]
fn the_clients_own_file_info_is_added_only_if_it_fits() {
    let (b2, emulator, _) = client();
    block_on(async {
        let create = BucketName::new("my-bucket").unwrap();
        let bucket = b2
            .call(CreateBucket::new(create, BucketType::AllPrivate))
            .await
            .unwrap();
        assert_eq!(bucket.bucket_name.as_str(), "my-bucket");
        let bucket = b2.bucket("my-bucket").await.unwrap();
        let source = || Source::bytes(vec![b'x'; 250]).with_modified(Timestamp::from_millis(1));
        let full = |len: usize| {
            let len = len - "f".len() - "k".len();
            FileInfo::new().with("k", "v".repeat(len)).unwrap()
        };
        let upload = |info| bucket.upload("f", source()).file_info(info);
        let ours = |file: &FileVersion| file.file_info.len() - 1;
        // with this much, none of the client's own entries fits
        let filled = upload(full(2_048)).await.unwrap().file;
        assert_eq!(ours(&filled), 0);
        let roomy = upload(full(1_000)).await.unwrap().file;
        assert!(ours(&roomy) >= 2, "{roomy:?}");
        emulator.set_legacy_encryption("my-bucket", true).unwrap();
        let chosen = |len| upload(full(len)).file_info_limit(FileInfoLimit::Unencrypted);
        let filled = chosen(7_000).await.unwrap().file;
        assert_eq!(ours(&filled), 0);
        let roomy = chosen(3_000).await.unwrap().file;
        assert!(ours(&roomy) >= 2, "{roomy:?}");
    });
}

#[test]
fn enums_and_api_versions_parse_from_text() {
    use b2kit::types::{BucketType, Capability};
    assert_eq!("readFiles".parse(), Ok(Capability::ReadFiles));
    assert_eq!("levitate".parse(), Ok(Capability::Other("levitate".into())));
    assert_eq!("allPublic".parse(), Ok(BucketType::AllPublic));
    for version in [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4] {
        assert_eq!(version.to_string().parse::<ApiVersion>().unwrap(), version);
    }
    assert!("v1".parse::<ApiVersion>().is_err());
}

#[test]
fn a_page_of_every_listing_round_trips() {
    use b2kit::api::{Buckets, FileNames, FileVersions, Keys, Parts, UnfinishedLargeFiles};
    fn round_trip<T>(page: Value, cursor: &str)
    where
        T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let read: T = serde_json::from_value(page).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert!(
            cursor.is_empty() || written[cursor] == json!("x"),
            "{written}"
        );
        assert_eq!(serde_json::from_value::<T>(written).unwrap(), read);
    }
    round_trip::<Buckets>(json!({"buckets": [bucket()]}), "");
    round_trip::<FileNames>(
        json!({"files": [file()], "nextFileName": "x"}),
        "nextFileName",
    );
    let versions = json!({"files": [file()], "nextFileName": "x", "nextFileId": "y"});
    round_trip::<FileVersions>(versions, "nextFileName");
    round_trip::<Keys>(
        json!({"keys": [], "nextApplicationKeyId": "x"}),
        "nextApplicationKeyId",
    );
    round_trip::<Parts>(json!({"parts": [], "nextPartNumber": 7}), "");
    round_trip::<UnfinishedLargeFiles>(json!({"files": [], "nextFileId": "x"}), "nextFileId");
}

/// As a browser would with the URL and the token.
#[test]
fn an_upload_url_can_be_used_without_the_client() {
    use b2kit::HttpClient as _;
    let (b2, emulator, timer) = crate::client();
    timer.run(async {
        let name = b2kit::types::BucketName::new("holiday-photos").unwrap();
        let create = b2kit::api::CreateBucket::new(name, b2kit::types::BucketType::AllPrivate);
        let bucket = b2.call(create).await.unwrap().bucket_id;
        let upload_url = b2.call(GetUploadUrl::new(&bucket)).await.unwrap();
        assert!(!format!("{upload_url:?}").contains(upload_url.authorization_token().expose()));
        let request = b2kit::http::Request::post(upload_url.upload_url())
            .header("authorization", upload_url.authorization_token().expose())
            .header("x-bz-file-name", "cat.txt")
            .header("content-type", "text/plain")
            .header("content-length", "4")
            .header(
                "x-bz-content-sha1",
                b2kit::types::Sha1::of(b"meow").to_string(),
            )
            .body(b2kit::Body::from("meow"))
            .unwrap();
        assert_eq!(emulator.send(request).await.unwrap().status(), 200);
    });
    assert_eq!(emulator.snapshot().versions, 1);
}
