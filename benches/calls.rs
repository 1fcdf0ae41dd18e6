//! What a call costs on this side of the wire: names to and from percent-encoding, and a page of a listing.
//!
//! A page is held against a floor: the same bytes through serde_json into a struct of borrowed fields that keeps what a
//! backup program would look at. See README.md beside this file.

use std::fmt::Write as _;

use b2kit::api::{Call, FileNames, ListFileNames, Reply};
use b2kit::types::{percent_decode, percent_encode};
use b2kit::{Bytes, http};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use serde::Deserialize;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// A page's rows, as many as B2 charges for once.
const ROWS: usize = 1_000;

fn main() {
    divan::main();
}

/// Kinds of names, and what an encoder does with them.
const NAMES: [&str; 4] = ["plain", "spaces", "non-ASCII", "1,024 bytes"];

fn name(kind: &str) -> String {
    match kind {
        // Nothing to escape: borrowed, not copied.
        "plain" => "backups/2026-11-22/home/documents/letters/landlord.odt".to_owned(),
        "spaces" => "My Documents/Letters to the landlord/Re Re Heating (final).odt".to_owned(),
        // Every byte of a letter becomes three.
        "non-ASCII" => "写真/二〇二六年/夏休み/海辺の猫と友達.jpg".to_owned(),
        // The longest that B2 takes, more than a quarter of it to be escaped.
        _ => "photos of ü/2026 + more/".repeat(42)[..1_024].to_owned(),
    }
}

#[divan::bench(args = NAMES)]
fn percent_encode_a_name(bencher: Bencher<'_, '_>, kind: &str) {
    let name = name(kind);
    bencher
        .counter(BytesCount::of_str(&name))
        .bench(|| percent_encode(black_box(&name)));
}

#[divan::bench(args = NAMES)]
fn percent_decode_a_name(bencher: Bencher<'_, '_>, kind: &str) {
    let name = percent_encode(&name(kind)).into_owned();
    bencher
        .counter(BytesCount::of_str(&name))
        .bench(|| percent_decode(black_box(&name)).expect("it was encoded just now"));
}

/// The call's own reading: every field, checked and owned.
#[divan::bench]
fn page_of_1000_rows(bencher: Bencher<'_, '_>) {
    let page = page();
    let call = ListFileNames::new("b2f6f21365e1d29f6c580f18");
    let files = |page: &Bytes| -> FileNames {
        let (head, ()) = http::Response::new(()).into_parts();
        let reply = Reply::whole(head, page.clone());
        call.read(reply).expect("the page is as B2 sends them")
    };
    assert_eq!(files(&page).files.len(), ROWS);
    bencher
        .counter(BytesCount::new(page.len()))
        .counter(ItemsCount::new(ROWS))
        .bench(|| files(black_box(&page)));
}

/// The floor: the same bytes, four fields of each row, nothing owned and nothing checked.
#[divan::bench]
fn page_of_1000_rows_floor(bencher: Bencher<'_, '_>) {
    let page = page();
    assert_eq!(Floor::read(&page).files.len(), ROWS);
    bencher
        .counter(BytesCount::new(page.len()))
        .counter(ItemsCount::new(ROWS))
        .bench(|| Floor::read(black_box(&page)));
}

/// A page of which almost nothing is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Floor<'a> {
    #[serde(borrow)]
    files: Vec<FloorRow<'a>>,
    #[expect(dead_code, reason = "it is read, and that is the point")]
    next_file_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they are read, and that is the point")]
struct FloorRow<'a> {
    file_name: &'a str,
    file_id: &'a str,
    content_length: u64,
    content_sha1: Option<&'a str>,
}

impl<'a> Floor<'a> {
    fn read(page: &'a [u8]) -> Self {
        serde_json::from_slice(page).expect("the page is as B2 sends them")
    }
}

/// A page as B2 sends them: indented, about 1 kB for each row. The fields are those of
/// `fixtures/b2_list_file_versions.json`, and `contentMd5`, which recordings have.
fn page() -> Bytes {
    let mut page = String::from("{\n  \"files\": [");
    for row in 0..ROWS {
        let comma = if row == 0 { "" } else { "," };
        write!(
            page,
            r#"{comma}
    {{
      "accountId": "a1b2c3d4e5f6",
      "action": "upload",
      "bucketId": "b2f6f21365e1d29f6c580f18",
      "contentLength": {len},
      "contentMd5": "{row:032x}",
      "contentSha1": "{row:040x}",
      "contentType": "application/octet-stream",
      "fileId": "4_zb2f6f21365e1d29f6c580f18_f1162979af{row:06x}_d20260914_m210813_c002_v0001107_t0011",
      "fileInfo": {{
        "src_last_modified_millis": "15326260{row:05}"
      }},
      "fileName": "backups/2026-09-14/home/documents/letters/landlord-{row:06}.odt",
      "fileRetention": {{
        "isClientAuthorizedToRead": true,
        "value": {{
          "mode": null,
          "retainUntilTimestamp": null
        }}
      }},
      "legalHold": {{
        "isClientAuthorizedToRead": true,
        "value": null
      }},
      "replicationStatus": null,
      "serverSideEncryption": {{
        "algorithm": "AES256",
        "mode": "SSE-B2"
      }},
      "uploadTimestamp": 17894197{row:05}
    }}"#,
            len = 5_060 + row * 97,
        )
        .expect("a String takes everything");
    }
    page.push_str("\n  ],\n  \"nextFileName\": \"backups/2026-09-14/home/documents/letters/landlord-001000.odt\"\n}\n");
    page.into()
}
