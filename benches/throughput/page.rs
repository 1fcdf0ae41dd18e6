//! A page of a listing as B2 sends it, and the minimal way to read it.
//!
//! Indented, about 1 kB for each row. The fields are those of `fixtures/b2_list_file_versions.json`, and `contentMd5`,
//! which recordings have.

use std::fmt::Write as _;

use serde::Deserialize;

/// The page up to its last row.
pub(crate) fn beginning(rows: u32) -> String {
    let mut page = String::from("{\n  \"files\": [");
    for row in 0..rows {
        let comma = if row == 0 { "" } else { "," };
        let file_id = format!(
            "4_zb2f6f21365e1d29f6c580f18_f1162979af{row:06x}_d20260914_m210813_c002_v0001107_t0011"
        );
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
      "fileId": "{file_id}",
      "fileInfo": {{
        "src_last_modified_millis": "15326260{row:05}"
      }},
      "fileName": "{name}",
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
            len = 5_060 + u64::from(row) * 97,
            name = name(row.into()),
        )
        .expect("writing to a String never fails");
    }
    page
}

/// The end of the page; `next` is the first row of the next page.
pub(crate) fn end(next: Option<u64>) -> String {
    let next = next.map_or_else(|| "null".to_owned(), |row| format!("\"{}\"", name(row)));
    format!("\n  ],\n  \"nextFileName\": {next}\n}}\n")
}

fn name(row: u64) -> String {
    format!("backups/2026-09-14/home/documents/letters/landlord-{row:06}.odt")
}

/// The baseline: four fields of each row, borrowed and not validated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Floor<'a> {
    #[serde(borrow)]
    pub(crate) files: Vec<FloorRow<'a>>,
    pub(crate) next_file_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they are read, and that is the point")]
pub(crate) struct FloorRow<'a> {
    file_name: &'a str,
    content_length: u64,
    content_sha1: Option<&'a str>,
    upload_timestamp: i64,
}

impl<'a> Floor<'a> {
    pub(crate) fn read(page: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(page)
    }
}
