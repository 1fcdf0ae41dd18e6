//! Listings: order, visibility, folders, cursors.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;
#[path = "listing/scan_limit.rs"]
mod scan_limit;

use std::collections::BTreeSet;
use std::time::Duration;

use b2kit_emulator::{Cursor, Emulator, UndocumentedBehavior};
use proptest::prelude::*;
use raw_client::{RawClient, names_of};
use serde_json::{Value, json};

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("listing", "allPrivate");
    (client, bucket)
}

fn photos() -> (RawClient, String) {
    let (client, bucket) = with_bucket();
    for name in [
        "photos/lilly.jpg",
        "photos/cats/mittens.jpg",
        "photos/dogs/spot.jpg",
        "photos/alice.jpg",
        "photos/alfred.jpg",
        "photos/cats/fluffy.jpg",
    ] {
        client.upload(&bucket, name, b"x");
    }
    (client, bucket)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, action): &(&str, &str)| ((*name).to_owned(), (*action).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn the_documented_photos_are_listed_as_folders() {
    let (client, bucket) = photos();
    let body = json!({"bucketId": bucket, "prefix": "photos/", "delimiter": "/"});
    let listing = client.post("b2_list_file_names", &body).ok();
    let expected = pairs(&[
        ("photos/alfred.jpg", "upload"),
        ("photos/alice.jpg", "upload"),
        ("photos/cats/", "folder"),
        ("photos/dogs/", "folder"),
        ("photos/lilly.jpg", "upload"),
    ]);
    assert_eq!(names_of(&listing), expected);
    assert_eq!(listing["nextFileName"], Value::Null);
    let folder = json!({
        "accountId": client.emulator.account_id(), "action": "folder", "bucketId": bucket,
        "contentLength": 0, "contentMd5": null, "contentSha1": null, "contentType": null,
        "fileId": null, "fileInfo": {}, "fileName": "photos/cats/", "uploadTimestamp": 0,
    });
    assert_eq!(listing["files"][2], folder);
    assert_eq!(client.listed("b2_list_file_versions", &body), expected);
    let cats = json!({"bucketId": bucket, "prefix": "photos/c", "delimiter": "/"});
    assert_eq!(
        client.listed("b2_list_file_names", &cats),
        pairs(&[("photos/cats/", "folder")])
    );
    let none = json!({"bucketId": bucket, "prefix": "photos/", "delimiter": ""});
    assert_eq!(client.listed("b2_list_file_names", &none).len(), 6);
    let words = json!({"bucketId": bucket, "delimiter": "ts/"});
    assert_eq!(
        client.listed("b2_list_file_names", &words)[2],
        ("photos/cats/".into(), "folder".into())
    );
}

#[test]
fn pages_of_one_entry_make_up_the_whole_listing() {
    let (client, bucket) = photos();
    let (mut names, mut start) = (Vec::new(), Value::Null);
    loop {
        let page = client
            .post(
                "b2_list_file_names",
                &json!({"bucketId": bucket, "prefix": "photos/", "delimiter": "/",
                    "maxFileCount": 1, "startFileName": start}),
            )
            .ok();
        names.extend(names_of(&page).into_iter().map(|(name, _)| name));
        start = page["nextFileName"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(
        names,
        [
            "photos/alfred.jpg",
            "photos/alice.jpg",
            "photos/cats/",
            "photos/dogs/",
            "photos/lilly.jpg"
        ]
    );
}

#[test]
fn a_start_inside_a_folder_lists_the_folder_again() {
    let (client, bucket) = photos();
    let body = json!({"bucketId": bucket, "delimiter": "/", "prefix": "photos/",
        "startFileName": "photos/cats/mittens.jpg", "maxFileCount": 1});
    let page = client.post("b2_list_file_names", &body).ok();
    assert_eq!(names_of(&page), pairs(&[("photos/cats/", "folder")]));
    assert_eq!(page["nextFileName"], "photos/dogs/");
}

#[test]
fn versions_are_listed_newest_first_with_markers_and_unfinished_files() {
    let (client, bucket) = with_bucket();
    let second = || client.clock.advance(Duration::from_secs(1));
    client.upload(&bucket, "b", b"1");
    second();
    client.upload(&bucket, "a", b"1");
    second();
    client.start(&bucket, "a");
    second();
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "a"}),
        )
        .ok();
    second();
    client.upload(&bucket, "B", b"1");
    client.start(&bucket, "only-started");
    let body = json!({"bucketId": bucket});
    assert_eq!(
        client.listed("b2_list_file_versions", &body),
        pairs(&[
            ("B", "upload"),
            ("a", "hide"),
            ("a", "start"),
            ("a", "upload"),
            ("b", "upload"),
            ("only-started", "start")
        ])
    );
    assert_eq!(
        client.listed("b2_list_file_names", &body),
        pairs(&[("B", "upload"), ("b", "upload")])
    );
}

#[test]
fn an_unfinished_file_in_front_of_a_file_does_not_hide_it() {
    let (client, bucket) = with_bucket();
    client.upload(&bucket, "f", b"x");
    client.start(&bucket, "f");
    let body = json!({"bucketId": bucket});
    assert_eq!(
        client.listed("b2_list_file_names", &body),
        pairs(&[("f", "upload")])
    );
    assert_eq!(client.download("listing/f", &[]).body, "x");
}

#[test]
fn a_folder_of_hidden_files_appears_only_in_listings_of_versions() {
    let (client, bucket) = with_bucket();
    client.upload(&bucket, "dir/f", b"x");
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "dir/f"}),
        )
        .ok();
    let body = json!({"bucketId": bucket, "delimiter": "/"});
    assert!(client.listed("b2_list_file_names", &body).is_empty());
    assert_eq!(
        client.listed("b2_list_file_versions", &body),
        pairs(&[("dir/", "folder")])
    );
}

#[test]
fn versions_page_by_name_and_id() {
    let (client, bucket) = with_bucket();
    for _ in 0..3 {
        client.upload(&bucket, "f", b"x");
        client.upload(&bucket, "g", b"x");
        client.clock.advance(Duration::from_millis(1));
    }
    let all = client
        .post("b2_list_file_versions", &json!({"bucketId": bucket}))
        .ok();
    let all = all["files"].as_array().unwrap().clone();
    let (mut seen, mut name, mut id) = (Vec::new(), Value::Null, Value::Null);
    loop {
        let body = json!({"bucketId": bucket, "maxFileCount": 1, "startFileName": name,
            "startFileId": id});
        let page = client.post("b2_list_file_versions", &body).ok();
        seen.extend(page["files"].as_array().unwrap().clone());
        (name, id) = (page["nextFileName"].clone(), page["nextFileId"].clone());
        assert_eq!(name.is_null(), id.is_null());
        if name.is_null() {
            break;
        }
    }
    assert_eq!(seen, all);
    let middle = all[1]["fileId"].as_str().unwrap();
    let cursor = json!({"bucketId": bucket, "startFileName": "f", "startFileId": middle});
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f", "fileId": middle}),
        )
        .ok();
    let rest = client.post("b2_list_file_versions", &cursor).ok();
    assert_eq!(
        rest["files"].as_array().unwrap()[..],
        all[2..],
        "where it would be"
    );
}

#[test]
fn invalid_listings_are_refused_with_the_documented_messages() {
    let (client, bucket) = with_bucket();
    let names = |body: Value| client.post("b2_list_file_names", &body);
    names(json!({"bucketId": "nonsense"})).is_error(
        400,
        "invalid_bucket_id",
        "Invalid bucketId: nonsense",
    );
    let unknown = "0".repeat(24);
    names(json!({"bucketId": unknown})).has_code(400, "bad_bucket_id");
    for count in [-1, 10_001] {
        names(json!({"bucketId": bucket, "maxFileCount": count})).is_error(
            400,
            "out_of_range",
            &format!("maxFileCount out of range: {count}"),
        );
    }
    let versions = |body: Value| client.post("b2_list_file_versions", &body);
    versions(json!({"bucketId": bucket, "startFileName": "f", "startFileId": "x"})).is_error(
        400,
        "invalid_file_id",
        "Invalid startFileId: x",
    );
    versions(json!({"bucketId": bucket, "startFileId": "x"})).has_code(400, "bad_request");
}

#[test]
fn a_listing_has_100_entries_by_default() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    for at in 0..101 {
        client
            .send(raw_client::upload_request(
                &url,
                &format!("f{at:03}"),
                b"x",
                &[],
            ))
            .ok();
    }
    for count in [Value::Null, json!(0)] {
        let body = json!({"bucketId": bucket, "maxFileCount": count});
        let page = client.post("b2_list_file_names", &body).ok();
        assert_eq!(page["files"].as_array().unwrap().len(), 100);
        assert_eq!(page["nextFileName"], "f100");
    }
    let by_get = client.get(&format!(
        "b2_list_file_names?bucketId={bucket}&maxFileCount=101"
    ));
    assert_eq!(by_get.ok()["nextFileName"], Value::Null);
}

/// All pages of a listing of names.
fn all_names(
    client: &RawClient,
    bucket: &str,
    prefix: &str,
    delimiter: Option<&str>,
    count: usize,
) -> Vec<String> {
    let (mut names, mut start) = (Vec::new(), Value::Null);
    for _ in 0..100 {
        let body = json!({"bucketId": bucket, "prefix": prefix, "delimiter": delimiter,
            "maxFileCount": count, "startFileName": start});
        let page = client.post("b2_list_file_names", &body).ok();
        let page_names = names_of(&page);
        assert!(page_names.len() <= count);
        names.extend(page_names.into_iter().map(|(name, _)| name));
        start = page["nextFileName"].clone();
        if start.is_null() {
            return names;
        }
    }
    panic!("a listing without end: {names:?}");
}

/// Prefix and delimiter according to B2's documents, in three lines.
fn model(names: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
    let fold = |name: &String| {
        let found = delimiter
            .and_then(|delimiter| Some((name[prefix.len()..].find(delimiter)?, delimiter)));
        found.map_or(name.clone(), |(at, delimiter)| {
            name[..prefix.len() + at + delimiter.len()].to_owned()
        })
    };
    let mut folded: Vec<String> = names
        .iter()
        .filter(|name| name.starts_with(prefix))
        .map(fold)
        .collect();
    folded.dedup();
    folded
}
