//! Every call of B2's native API has a type and a row in the documented table.

use std::collections::BTreeMap;

use b2kit::api::{
    ApiVersion, Call, CallKind, CopyFile, CreateBucket, CreateKey, DeleteFileVersion, DeleteKey,
    ListKeys, StartLargeFile, UpdateBucket, UpdateFileRetention, UploadFile,
};
use b2kit::types::{
    BucketName, BucketType, Capability, DefaultRetention, Encryption, FileName, FileRetention,
    KeyName, LegalHold, ReplicationConfiguration, RetentionMode, Timestamp,
};

use crate::document_in;
use crate::names::{calls, names};

/// The rows of the table in `src/api/mod.rs`: call; capability, class, versions.
fn table() -> BTreeMap<String, [String; 3]> {
    let text = std::fs::read_to_string("src/api/mod.rs").unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("//! | [`"))
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let call = cells.next().unwrap().strip_suffix("`]").unwrap();
            let row = [(); 3].map(|()| cells.next().unwrap().to_owned());
            assert_eq!(cells.count(), 1, "the row of {call} has four cells");
            (call.to_owned(), row)
        })
        .collect()
}

#[test]
fn every_call_of_b2s_native_api_is_implemented_under_its_name() {
    for (call, metadata) in calls() {
        let camel: String = metadata.name["b2_".len()..]
            .split('_')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        assert_eq!(camel, call);
    }
    assert!(names().is_sorted() && names().len() >= 31);
}

#[test]
fn the_list_of_calls_matches_the_source_files() {
    let mut files: Vec<_> = std::fs::read_dir("src/api")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.contains("\nimpl Call for ")
        })
        .map(|path| format!("b2_{}", path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    files.sort_unstable();
    assert_eq!(files, names());
}

#[test]
fn the_documented_table_agrees_with_the_metadata_of_the_calls() {
    let mut table = table();
    for (call, metadata) in calls() {
        let [capability, class, _] = table
            .remove(call)
            .unwrap_or_else(|| panic!("{call} has no row"));
        let first = capability.split(", and ").next().unwrap();
        let expected = match (&metadata.capability, metadata.kind) {
            (Some(capability), _) => format!("`{capability}`"),
            (None, kind) => {
                assert_eq!(kind, CallKind::Authorize);
                String::new()
            }
        };
        assert_eq!(first, expected, "the capability of {call}");
        assert_eq!(
            class,
            format!("{:?}", metadata.class),
            "the class of {call}"
        );
    }
    assert!(table.is_empty(), "rows without a call: {table:?}");
}

/// The capabilities that a call needs in addition to its first when it uses all of its options.
fn also_needed() -> BTreeMap<&'static str, Vec<Capability>> {
    let name = || FileName::new("n").unwrap();
    let until = Timestamp::from_millis(4_000_000_000_000);
    let (mode, hold) = (RetentionMode::Governance, LegalHold::On);
    let retention = FileRetention::until(mode.clone(), until);
    let bucket = BucketName::new("holiday-photos").unwrap();
    let update = || UpdateBucket::new("b");
    let create = CreateBucket::new(bucket, BucketType::AllPrivate)
        .default_server_side_encryption(Encryption::none())
        .file_lock_enabled(true)
        .replication_configuration(ReplicationConfiguration::none());
    let updates = [
        update().default_server_side_encryption(Encryption::none()),
        update().default_retention(DefaultRetention::none()),
        update().file_lock_enabled(true),
        update().replication_configuration(ReplicationConfiguration::none()),
    ];
    // One capability covers both settings of Object Lock.
    let mut updates: Vec<_> = updates.iter().flat_map(Call::extra_capabilities).collect();
    updates.dedup();
    let delete = DeleteFileVersion::new("n", "f").bypass_governance();
    let retain = UpdateFileRetention::new("n", "f", FileRetention::none()).bypass_governance();
    let start = StartLargeFile::new("b", name())
        .file_retention(mode.clone(), until)
        .legal_hold(hold.clone());
    let upload = UploadFile::new("b", name(), "x")
        .file_retention(mode, until)
        .legal_hold(hold.clone());
    let copy = CopyFile::new("s", name())
        .file_retention(retention)
        .legal_hold(hold);
    BTreeMap::from([
        ("CopyFile", copy.extra_capabilities()),
        ("CreateBucket", create.extra_capabilities()),
        ("DeleteFileVersion", delete.extra_capabilities()),
        ("StartLargeFile", start.extra_capabilities()),
        ("UpdateBucket", updates),
        ("UpdateFileRetention", retain.extra_capabilities()),
        ("UploadFile", upload.extra_capabilities()),
    ])
}

#[test]
fn the_documented_table_names_every_additional_capability() {
    let of_a_bucket = [
        Capability::WriteBucketEncryption,
        Capability::WriteBucketRetentions,
        Capability::WriteBucketReplications,
    ];
    let of_a_file = [
        Capability::WriteFileRetentions,
        Capability::WriteFileLegalHolds,
    ];
    let phrases = [
        (
            "more for encryption, locks and replication",
            &of_a_bucket[..],
        ),
        ("more for locks", &of_a_file),
        (
            "`bypassGovernance` to do that",
            &[Capability::BypassGovernance],
        ),
        // The client can't know this in advance.
        ("`readFiles` if the source is in a private bucket", &[]),
    ];
    let needed = also_needed();
    for (call, [capability, ..]) in table() {
        let also: Vec<_> = capability.split(", and ").skip(1).collect();
        let said = also.iter().flat_map(|also| {
            let (_, meant) = phrases.iter().find(|(phrase, _)| phrase == also).unwrap();
            meant.iter().cloned()
        });
        let said: Vec<_> = said.collect();
        assert_eq!(
            said,
            needed.get(&*call).cloned().unwrap_or_default(),
            "{call}"
        );
    }
    // Exactly the calls that need additional capabilities define `extra_capabilities`.
    for (call, metadata) in calls() {
        let file = format!("src/api/{}.rs", &metadata.name["b2_".len()..]);
        let has = std::fs::read_to_string(&file)
            .unwrap()
            .contains("fn extra_capabilities");
        assert_eq!(has, needed.contains_key(call), "{call}");
    }
}

#[test]
fn the_documented_table_names_every_difference_between_api_versions() {
    let differs = BTreeMap::from([
        (
            "AuthorizeAccount",
            [
                "another document in each version",
                "several buckets need v4",
            ],
        ),
        (
            "CreateKey",
            ["v2 and v3: one bucket at most", "v4: several"],
        ),
        ("DeleteKey", ["keys for several buckets", "need v4"]),
        (
            "GetUploadPartUrl",
            ["the URL speaks", "the version of this call"],
        ),
        (
            "GetUploadUrl",
            ["the URL speaks", "the version of this call"],
        ),
        (
            "ListKeys",
            ["v2 and v3", "without keys for several buckets"],
        ),
    ]);
    for (call, [.., versions]) in table() {
        match differs.get(&*call) {
            Some(notes) => assert!(
                notes.iter().all(|note| versions.contains(note)),
                "{call}: {versions}"
            ),
            None => assert_eq!(versions, "", "{call}"),
        }
    }
    let sent_is_the_same = |call: &dyn Fn(ApiVersion) -> serde_json::Value| {
        call(ApiVersion::V2) == call(ApiVersion::V4) && call(ApiVersion::V3) == call(ApiVersion::V4)
    };
    let key = KeyName::new("k").unwrap();
    let key = CreateKey::new(key, [Capability::ListFiles]).bucket_ids(["b"]);
    assert!(!sent_is_the_same(&|version| document_in(version, &key)));
    assert!(sent_is_the_same(&|version| document_in(
        version,
        &DeleteKey::new("k")
    )));
    assert!(sent_is_the_same(&|version| document_in(
        version,
        &ListKeys::new()
    )));
}

#[test]
fn every_call_has_a_file_and_a_link_to_b2s_page() {
    for name in names() {
        let file = format!("src/api/{}.rs", &name["b2_".len()..]);
        let text = std::fs::read_to_string(&file).unwrap();
        let page = format!(
            "https://www.backblaze.com/apidocs/{}",
            name.replace('_', "-")
        );
        assert!(
            text.contains(&page) && text.contains(&format!("\"{name}\"")),
            "{file}"
        );
    }
}
