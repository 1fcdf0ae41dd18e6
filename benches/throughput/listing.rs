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
    /// The first row of the next page, or `None` if it is unknown.
    pub(crate) fn next(&self) -> Option<Option<u64>> {
        let rows: u64 = self.bucket_id.parse().ok()?;
        let start = match &self.start_file_name {
            Some(name) => row_of(name)?,
            None => 0,
        };
        let next = start + self.max_file_count;
        Some((next < rows).then_some(next))
    }
}

/// The row with this name.
fn row_of(name: &str) -> Option<u64> {
    let (_, row) = name.strip_suffix(".odt")?.rsplit_once('-')?;
    row.parse().ok()
}
