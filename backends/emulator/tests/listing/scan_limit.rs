//! Pages that end at the limit of names scanned.

use super::*;

#[test]
fn a_page_that_reaches_the_scan_limit_ends_inside_a_folder() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.names_scanned_per_page = Some(3);
    let client = RawClient::of(Emulator::builder().undocumented(behavior));
    let bucket = client.create_bucket("listing", "allPrivate");
    for name in ["a", "lib/1", "lib/2", "lib/3", "lib/4", "z"] {
        client.upload(&bucket, name, b"x");
    }
    let page = |start: Value| {
        let body = json!({"bucketId": bucket, "delimiter": "/", "startFileName": start});
        let listing = client.post("b2_list_file_names", &body).ok();
        (names_of(&listing), listing["nextFileName"].clone())
    };
    let first = pairs(&[("a", "upload"), ("lib/", "folder")]);
    assert_eq!(page(Value::Null), (first, "lib/2 ".into()));
    // the same folder again
    let second = pairs(&[("lib/", "folder"), ("z", "upload")]);
    assert_eq!(page("lib/2 ".into()), (second, Value::Null));
}

#[test]
fn a_page_without_visible_names_is_empty_and_has_a_cursor() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.names_scanned_per_page = Some(2);
    let client = RawClient::of(Emulator::builder().undocumented(behavior));
    let bucket = client.create_bucket("listing", "allPrivate");
    for name in ["a", "b", "c"] {
        client.upload(&bucket, name, b"x");
        client.upload(&bucket, name, b"y");
    }
    for name in ["a", "b"] {
        let hide = json!({"bucketId": bucket, "fileName": name});
        client.post("b2_hide_file", &hide).ok();
    }
    let of = json!({"bucketId": bucket});
    let listing = client.post("b2_list_file_names", &of).ok();
    assert_eq!(
        (&listing["files"], &listing["nextFileName"]),
        (&json!([]), &json!("b "))
    );
    // of versions, each counts
    let versions = client.post("b2_list_file_versions", &of).ok();
    let expected = pairs(&[("a", "hide"), ("a", "upload")]);
    assert_eq!(names_of(&versions), expected);
    assert_eq!(versions["nextFileName"], "a");
    let mut next = of;
    next["startFileName"] = versions["nextFileName"].clone();
    next["startFileId"] = versions["nextFileId"].clone();
    let versions = client.post("b2_list_file_versions", &next).ok();
    let expected = pairs(&[("a", "upload"), ("b", "hide")]);
    assert_eq!(names_of(&versions), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn listing_page_by_page_equals_the_model(
        names in prop::collection::btree_set("[ab/ü\u{10FFFF}]{1,5}", 0..20),
        hidden in prop::collection::btree_set("[ab/]{1,3}", 0..4),
        prefix in "[ab/]{0,2}",
        delimiter in prop::option::of("[/a]{1,2}"),
        count in 1_usize..5,
        spaces in any::<bool>(),
        scanned in prop::option::of(0_u64..5),
    ) {
        let mut behavior = UndocumentedBehavior::default();
        if spaces {
            behavior.cursor = Cursor::LastNameAndSpace;
        }
        behavior.names_scanned_per_page = scanned;
        let client = RawClient::of(Emulator::builder().undocumented(behavior));
        let bucket = client.create_bucket("listing", "allPrivate");
        let url = client.upload_url(&bucket);
        let upload = |name: &str| {
            let encoded = name.replace('ü', "%C3%BC").replace('\u{10FFFF}', "%F4%8F%BF%BF");
            client.send(raw_client::upload_request(&url, &encoded, b"", &[])).ok();
        };
        names.iter().chain(&hidden).for_each(|name| upload(name));
        for name in &hidden {
            client.post("b2_hide_file", &json!({"bucketId": bucket, "fileName": name})).ok();
        }
        let visible: BTreeSet<String> = names.difference(&hidden).cloned().collect();
        let expected = model(&visible, &prefix, delimiter.as_deref());
        let mut listed = all_names(&client, &bucket, &prefix, delimiter.as_deref(), count);
        if scanned.is_some() {
            // a folder comes once on each page that looked into it
            listed.dedup();
        }
        prop_assert_eq!(listed, expected);
    }
}
