//! A listing in pages of a thousand rows. The id of the bucket gives its length.

use serde::{Deserialize, Serialize};

/// The path of the call.
pub(crate) const LIST: &str = "/b2api/v4/b2_list_file_names";

/// The request.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageRequest {
    pub(crate) bucket_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_file_name: Option<String>,
    pub(crate) max_file_count: u64,
}

impl PageRequest {
    /// The first row of this page, and that of the next one; `None` if the request is unknown.
    pub(crate) fn rows(&self) -> Option<(u64, Option<u64>)> {
        let rows: u64 = self.bucket_id.parse().ok()?;
        let start = match &self.start_file_name {
            Some(name) => row_of(name)?,
            None => 0,
        };
        let next = start + self.max_file_count;
        Some((start, (next < rows).then_some(next)))
    }
}

/// The id of the bucket with this many rows, as long as B2's ids.
pub(crate) fn bucket_id(rows: u64) -> String {
    format!("{rows:024}")
}

/// The row with this name.
fn row_of(name: &str) -> Option<u64> {
    let (_, row) = name.strip_suffix(".odt")?.rsplit_once('-')?;
    row.parse().ok()
}
