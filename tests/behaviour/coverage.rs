//! No call is missing, neither among the types nor in the table of their documentation.

use std::collections::BTreeMap;

use b2kit::api::{self, Call, CallKind, Facts};

/// B2's native API, whole.
const NAMES: [&str; 31] = [
    "b2_authorize_account",
    "b2_cancel_large_file",
    "b2_copy_file",
    "b2_copy_part",
    "b2_create_bucket",
    "b2_create_key",
    "b2_delete_bucket",
    "b2_delete_file_version",
    "b2_delete_key",
    "b2_download_file_by_id",
    "b2_download_file_by_name",
    "b2_finish_large_file",
    "b2_get_bucket_notification_rules",
    "b2_get_download_authorization",
    "b2_get_file_info",
    "b2_get_upload_part_url",
    "b2_get_upload_url",
    "b2_hide_file",
    "b2_list_buckets",
    "b2_list_file_names",
    "b2_list_file_versions",
    "b2_list_keys",
    "b2_list_parts",
    "b2_list_unfinished_large_files",
    "b2_set_bucket_notification_rules",
    "b2_start_large_file",
    "b2_update_bucket",
    "b2_update_file_legal_hold",
    "b2_update_file_retention",
    "b2_upload_file",
    "b2_upload_part",
];

macro_rules! facts {
    ($($call:ident)+) => {
        [$((stringify!($call), <api::$call as Call>::FACTS)),+]
    };
}

/// Each call that there is, by the name of its type.
pub(super) fn calls() -> [(&'static str, Facts); 31] {
    facts! {
        AuthorizeAccount CancelLargeFile CopyFile CopyPart CreateBucket CreateKey DeleteBucket DeleteFileVersion
        DeleteKey DownloadFileById DownloadFileByName FinishLargeFile GetBucketNotificationRules
        GetDownloadAuthorization GetFileInfo GetUploadPartUrl GetUploadUrl HideFile ListBuckets ListFileNames
        ListFileVersions ListKeys ListParts ListUnfinishedLargeFiles SetBucketNotificationRules StartLargeFile
        UpdateBucket UpdateFileLegalHold UpdateFileRetention UploadFile UploadPart
    }
}

/// The rows of the table in `src/api/mod.rs`: call, capability, class.
fn table() -> BTreeMap<String, (String, String)> {
    let text = std::fs::read_to_string("src/api/mod.rs").unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("//! | [`"))
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let call = cells.next().unwrap().strip_suffix("`]").unwrap();
            let (capability, class) = (cells.next().unwrap(), cells.next().unwrap());
            assert_eq!(cells.count(), 2, "the row of {call} has four cells");
            (call.to_owned(), (capability.to_owned(), class.to_owned()))
        })
        .collect()
}

#[test]
fn every_call_of_b2s_native_api_is_there_under_its_name() {
    let mut names: Vec<_> = calls().iter().map(|(_, facts)| facts.name).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
    for (call, facts) in calls() {
        let camel: String = facts.name["b2_".len()..]
            .split('_')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        assert_eq!(camel, call);
    }
}

#[test]
fn the_table_in_the_documentation_says_what_the_calls_say() {
    let mut table = table();
    for (call, facts) in calls() {
        let (capability, class) = table
            .remove(call)
            .unwrap_or_else(|| panic!("{call} has no row"));
        let first = capability.split(", and ").next().unwrap();
        let expected = match (&facts.capability, facts.kind) {
            (Some(capability), _) => format!("`{capability}`"),
            (None, kind) => {
                assert_eq!(kind, CallKind::Login);
                String::new()
            }
        };
        assert_eq!(first, expected, "the capability of {call}");
        assert_eq!(class, format!("{:?}", facts.class), "the class of {call}");
    }
    assert!(table.is_empty(), "rows without a call: {table:?}");
}

#[test]
fn every_call_has_a_file_and_a_link_to_b2s_page() {
    for name in NAMES {
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
