//! B2's documented samples.

use b2kit::api::{
    Call, ListBuckets, ListFileNames, ListFileVersions, ListKeys, ListParts,
    ListUnfinishedLargeFiles, Reply, UpdateBucket,
};
use b2kit::types::{
    Action, Bucket, ContentSha1, ContentType, FileRetention, FileVersion, ListedFile,
    ReplicationConfiguration, ReplicationRule, ReplicationRules, Restricted,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{answered, document};

fn reply(text: &'static [u8]) -> Reply {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    Reply::whole(head, text.into())
}

#[test]
fn the_documented_reply_of_list_file_versions_decodes_fully() {
    let sample = reply(include_bytes!("../../fixtures/b2_list_file_versions.json"));
    let page = ListFileVersions::new("b2f6f21365e1d29f6c580f18")
        .read(sample)
        .unwrap();
    assert_eq!((page.next_file_name, page.next_file_id), (None, None));
    let versions: Vec<_> = page
        .files
        .iter()
        .map(|file| file.version().unwrap())
        .collect();
    assert_eq!(versions.len(), page.files.len());

    type Row<'a> = (
        Action,
        u64,
        &'a str,
        &'a str,
        Option<&'a str>,
        Option<&'a str>,
        Option<&'a str>,
        i64,
    );
    let expected: [Row<'_>; 4] = [
        (
            Action::Hide,
            0,
            "logscript.py",
            "4_zb2f6f21365e1d29f6c580f18_f10305b68895d22f4_d20180914_m221207_c002_v0001108_t0029",
            None,
            None,
            None,
            1_536_963_127_000,
        ),
        (
            Action::Upload,
            5060,
            "logscript.py",
            "4_zb2f6f21365e1d29f6c580f18_f1162979affbeac79_d20180914_m210813_c002_v0001107_t0011",
            Some("28e355c532ff4ebcb78337593a2ef9890bd4af7e"),
            Some("SSE-C"),
            Some("1532626031627"),
            1_536_959_293_000,
        ),
        (
            Action::Upload,
            7,
            "testing.txt",
            "4_zb2f6f21365e1d29f6c580f18_f10904e5ca06493a1_d20180914_m223119_c002_v0001094_t0002",
            Some("dc724af18fbdd4e59189f5fe768a5f8311527050"),
            Some("SSE-B2"),
            Some("1536964184056"),
            1_536_964_279_000,
        ),
        (
            Action::Upload,
            8,
            "testing2.txt",
            "4_zb2f6f21365e1d29f6c580f18_f10076875fe98d4af_d20180914_m223128_c002_v0001108_t0050",
            Some("596b29ec9afea9e461a20610d150939b9c399d93"),
            None,
            Some("1536964200750"),
            1_536_964_288_000,
        ),
    ];
    for (version, (action, len, name, id, sha1, mode, modified, timestamp)) in
        versions.iter().zip(expected)
    {
        assert_eq!(version.action, action);
        assert_eq!(version.account_id.as_ref().unwrap().as_str(), "ACCOUNT_ID");
        assert_eq!(version.bucket_id.as_str(), "b2f6f21365e1d29f6c580f18");
        assert_eq!(version.content_length, len);
        let sha1 = sha1.map_or(ContentSha1::None, |hex| {
            ContentSha1::Verified(hex.parse().unwrap())
        });
        assert_eq!(version.content_sha1, sha1);
        assert_eq!(
            (version.file_name.as_str(), version.file_id.as_str()),
            (name, id)
        );
        assert_eq!(
            version
                .server_side_encryption
                .mode
                .as_ref()
                .map(|mode| mode.as_str()),
            mode
        );
        let algorithm = version
            .server_side_encryption
            .algorithm
            .as_ref()
            .map(|algorithm| algorithm.as_str());
        assert_eq!(algorithm, mode.map(|_| "AES256"));
        assert_eq!(version.file_info.get("src_last_modified_millis"), modified);
        assert_eq!(
            version.file_retention,
            Restricted::Value(FileRetention::default())
        );
        assert_eq!(version.legal_hold, Restricted::Value(None));
        assert_eq!(version.upload_timestamp.as_millis(), timestamp);
    }
    let types: Vec<_> = versions
        .iter()
        .map(|version| version.content_type.as_ref().map(ContentType::as_str))
        .collect();
    assert_eq!(
        types,
        [
            None,
            Some("application/octet-stream"),
            Some("text/plain"),
            Some("text/plain")
        ]
    );
}

#[test]
fn a_row_with_the_action_folder_decodes_as_a_folder() {
    let page = reply(
        br#"{"files":[{"accountId":"a","action":"folder","bucketId":"b","contentLength":0,
        "contentMd5":null,
        "contentSha1":null,"contentType":null,"fileId":null,"fileInfo":{},"fileName":"photos/cats/",
        "uploadTimestamp":0}],"nextFileId":"x","nextFileName":"photos/dogs/"}"#,
    );
    let list = ListFileVersions::new("b").prefix("photos/").delimiter("/");
    let page = list.read(page).unwrap();
    let [ListedFile::Folder(folder)] = &page.files[..] else {
        panic!("a folder, not {:?}", page.files)
    };
    assert_eq!(folder.file_name.as_str(), "photos/cats/");
    assert_eq!(folder.account_id.as_ref().unwrap().as_str(), "a");
    assert_eq!(page.next_file_name.as_deref(), Some("photos/dogs/"));
}

#[test]
fn absent_fields_stay_absent_when_a_version_is_serialized() {
    let hide = json!({
        "accountId": "a", "action": "hide", "bucketId": "b", "contentLength": 0,
        "contentSha1": "none",
        "contentType": "application/x-bz-hide-marker", "fileId": "4_z1", "fileInfo": {},
        "fileName": "f",
        "uploadTimestamp": 1,
    });
    let mut locked = hide.clone();
    locked["action"] = json!("upload");
    locked["fileRetention"] = json!({"isClientAuthorizedToRead": false, "value": null});
    locked["legalHold"] = json!({"isClientAuthorizedToRead": true, "value": "off"});
    locked["replicationStatus"] = json!("pending");
    locked["serverSideEncryption"] = json!({"algorithm": "AES256", "mode": "SSE-B2"});
    for sample in [hide.clone(), locked] {
        let version: FileVersion = serde_json::from_value(sample.clone()).unwrap();
        assert_eq!(serde_json::to_value(&version).unwrap(), sample);
    }
    // Explicit nulls are preserved.
    let mut nothing = hide;
    let none = json!({
        "isClientAuthorizedToRead": true, "value": {"mode": null, "retainUntilTimestamp": null}
    });
    nothing["fileRetention"] = none;
    nothing["legalHold"] = json!({"isClientAuthorizedToRead": true, "value": null});
    nothing["replicationStatus"] = Value::Null;
    nothing["serverSideEncryption"] = json!({"algorithm": null, "mode": null});
    let version: FileVersion = serde_json::from_value(nothing).unwrap();
    let again = serde_json::from_value(serde_json::to_value(&version).unwrap());
    assert_eq!(version, again.unwrap());
}

#[test]
fn a_listing_of_buckets_decodes_without_optional_fields() {
    let sample = br#"{"buckets":[{"accountId":"a","bucketId":"b","bucketName":"holiday-photos",
                 "revision":3,
        "replicationConfiguration":{"isClientAuthorizedToRead":true,"value":{"asReplicationSource":{
        "replicationRules":[{"destinationBucketId":"c","isEnabled":true,"priority":1,
        "replicationRuleName":"r"}],
        "sourceApplicationKeyId":"k"},"asReplicationDestination":null}}}]}"#;
    let buckets = ListBuckets::new().read(reply(sample)).unwrap().buckets;
    let bucket: &Bucket = &buckets[0];
    assert_eq!(bucket.bucket_type.as_str(), "");
    let written = serde_json::to_value(bucket).unwrap();
    assert_eq!(written.get("bucketType"), None);
    let replication = bucket.replication_configuration.value().unwrap();
    let source = replication.as_replication_source.as_ref().unwrap();
    let rule = &source.replication_rules[0];
    assert!(!rule.include_existing_files && rule.file_name_prefix.is_empty());
}

#[test]
fn a_folder_row_with_only_a_name_decodes() {
    let page = reply(br#"{"files":[{"action":"folder","bucketId":"b","fileName":"photos/"}]}"#);
    let page = ListFileVersions::new("b")
        .delimiter("/")
        .read(page)
        .unwrap();
    assert_eq!(page.files[0].file_name(), "photos/");
}

/// The official Java SDK requires only a name and a timestamp.
#[test]
fn a_page_of_files_decodes_without_optional_fields() {
    let row = |more: Value| {
        let mut row = json!({"fileName": "a", "fileId": "4_z1", "uploadTimestamp": 1});
        row.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row
    };
    let page = json!({"files": [row(json!({}))], "nextFileName": null});
    let names = answered(&ListFileNames::new("b"), page.clone()).files;
    let versions = answered(&ListFileVersions::new("b"), page).files;
    let start = row(json!({"contentSha1": null, "fileInfo": null}));
    let page = json!({"files": [start], "nextFileId": null});
    let unfinished = answered(&ListUnfinishedLargeFiles::new("b"), page).files;
    assert_eq!(names, versions);
    for version in [names[0].version().unwrap(), &unfinished[0]] {
        // They get the id of the requested bucket.
        assert_eq!(version.bucket_id.as_str(), "b");
        assert_eq!(
            (version.content_length, version.content_sha1),
            (0, ContentSha1::None)
        );
        assert!(version.file_info.is_empty() && version.account_id.is_none());
    }
    assert_eq!(unfinished[0].action, Action::Start);
    let written = serde_json::to_value(&names[0]).unwrap();
    assert_eq!(written, row(json!({"bucketId": "b"})));

    let part = json!({"fileId": "f", "partNumber": 1, "contentLength": 7});
    let parts = json!({"parts": [part], "nextPartNumber": null});
    let parts = answered(&ListParts::new("f"), parts).parts;
    assert_eq!(serde_json::to_value(&parts[0]).unwrap(), part);
}

fn replicating(rule: &Value) -> Value {
    json!({
        "accountId": "a", "bucketId": "b", "bucketName": "holiday-photos", "revision": 3,
        "replicationConfiguration": {"isClientAuthorizedToRead": true, "value": {
            "asReplicationSource": {"replicationRules": [rule], "sourceApplicationKeyId": "k"},
        }},
    })
}

/// The official Python SDK requires only these two.
#[test]
fn a_replication_rule_needs_only_its_name_and_destination() {
    let least = json!({"destinationBucketId": "c", "replicationRuleName": "r"});
    let mut nulls = least.clone();
    for field in [
        "fileNamePrefix",
        "includeExistingFiles",
        "isEnabled",
        "priority",
    ] {
        nulls[field] = Value::Null;
    }
    for rule in [&least, &nulls] {
        let buckets = answered(&ListBuckets::new(), json!({"buckets": [replicating(rule)]}));
        let replication = buckets.buckets[0]
            .replication_configuration
            .value()
            .unwrap();
        let source = replication.as_replication_source.as_ref().unwrap();
        let rule = ReplicationRule::new("r", "c");
        assert_eq!(source.replication_rules.as_slice(), [rule]);
    }
    // Defaults that B2 omits from its reply still match the request.
    let rules = ReplicationRules::new([ReplicationRule::new("r", "c")]).unwrap();
    let source = ReplicationConfiguration::none().source("k", rules);
    let update = UpdateBucket::new("b").replication_configuration(source);
    answered(&update, replicating(&least));
    // Both halves are optional, and so is the field that says whether they may be read.
    for value in [
        json!({}),
        json!({"asReplicationSource": {}}),
        json!({"asReplicationDestination": {"sourceToDestinationKeyMapping": null}}),
    ] {
        let mut bucket = replicating(&least);
        bucket["replicationConfiguration"] = json!({"value": value});
        let bucket: Bucket = serde_json::from_value(bucket).unwrap();
        assert!(
            bucket.replication_configuration.value().is_some(),
            "{value}"
        );
    }
}

fn stays_as_it_is<T: DeserializeOwned + Serialize>(value: &Value) {
    let read: T = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), *value);
}

#[test]
fn absent_fields_stay_absent_in_every_serialized_type() {
    let lifecycle = json!({
        "fileNamePrefix": "", "daysFromHidingToDeleting": 1, "daysFromUploadingToHiding": null,
    });
    let cors = json!({
        "corsRuleName": "my-rule", "allowedOrigins": ["*"], "allowedOperations": ["s3_get"],
        "maxAgeSeconds": 60,
    });
    let mut shown = cors.clone();
    shown["allowedHeaders"] = json!([]);
    shown["exposeHeaders"] = Value::Null;
    let rule = json!({"destinationBucketId": "c", "replicationRuleName": "r"});
    let mut said = rule.clone();
    said["includeExistingFiles"] = json!(false);
    said["isEnabled"] = json!(true);
    for rule in [&rule, &said] {
        let mut bucket = replicating(rule);
        bucket["lifecycleRules"] = json!([lifecycle]);
        bucket["corsRules"] = json!([cors, shown]);
        stays_as_it_is::<Bucket>(&bucket);
    }
    let file = json!({"fileId": "f", "fileName": "n", "uploadTimestamp": 1});
    stays_as_it_is::<FileVersion>(&file);
    // A v3 key has one bucket, a v4 key several.
    let key = json!({
        "accountId": "a", "applicationKeyId": "k", "capabilities": [], "keyName": "reader",
    });
    let mut of_v3 = key.clone();
    of_v3["bucketId"] = json!("b");
    let mut of_all = of_v3.clone();
    of_all["bucketId"] = Value::Null;
    let mut of_v4 = key.clone();
    of_v4["bucketIds"] = json!(["b"]);
    of_v4["namePrefix"] = Value::Null;
    of_v4["options"] = json!([]);
    for key in [key, of_v3, of_all, of_v4] {
        let page = json!({"keys": [key], "nextApplicationKeyId": null});
        let page = answered(&ListKeys::new(), page);
        assert_eq!(serde_json::to_value(&page.keys[0]).unwrap(), key);
    }
}

/// A field that is left out of a request could mean something else than one that B2 leaves out.
#[test]
fn settings_decoded_with_defaults_are_sent_with_every_field() {
    let rule = json!({"destinationBucketId": "c", "replicationRuleName": "r"});
    let mut bucket = replicating(&rule);
    bucket["lifecycleRules"] = json!([{"fileNamePrefix": "", "daysFromHidingToDeleting": 1}]);
    bucket["corsRules"] = json!([{
        "corsRuleName": "my-rule", "allowedOrigins": ["*"], "allowedOperations": ["s3_get"],
        "maxAgeSeconds": 60,
    }]);
    let bucket: Bucket = serde_json::from_value(bucket).unwrap();
    let replication = bucket.replication_configuration.value().unwrap();
    let update = UpdateBucket::new("b")
        .cors_rules(bucket.cors_rules)
        .lifecycle_rules(bucket.lifecycle_rules)
        .replication_configuration(replication.clone());
    let sent = document(&update);
    assert_eq!(sent["corsRules"][0]["allowedHeaders"], json!([]));
    let expected = json!({
        "fileNamePrefix": "", "daysFromHidingToDeleting": 1, "daysFromUploadingToHiding": null,
        "daysFromStartingToCancelingUnfinishedLargeFiles": null,
    });
    assert_eq!(sent["lifecycleRules"][0], expected);
    let expected = json!({
        "asReplicationDestination": null,
        "asReplicationSource": {"sourceApplicationKeyId": "k", "replicationRules": [{
            "destinationBucketId": "c", "fileNamePrefix": "", "includeExistingFiles": false,
            "isEnabled": true, "priority": 128, "replicationRuleName": "r",
        }]},
    });
    assert_eq!(sent["replicationConfiguration"], expected);

    // A configuration decoded from `null` is still sent when it is set.
    let none: Bucket = serde_json::from_value(crate::values::bucket()).unwrap();
    let none = none.replication_configuration.value().unwrap().clone();
    let update = UpdateBucket::new("b").replication_configuration(none);
    let expected = json!({"asReplicationSource": null, "asReplicationDestination": null});
    assert_eq!(document(&update)["replicationConfiguration"], expected);
}
