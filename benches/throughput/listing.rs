//! The listing of a bucket as long as its id says, in pages of a thousand rows.

use serde::{Deserialize, Serialize};

/// Where it is asked for.
pub(crate) const LIST: &str = "/b2api/v4/b2_list_file_names";

/// What it is asked for with.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) bucket_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_file_name: Option<String>,
    pub(crate) max_file_count: u64,
}

impl Asked {
    /// The row that the next page starts at, or `None` where nobody could tell.
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

/// The row that has this name.
fn row_of(name: &str) -> Option<u64> {
    let (_, row) = name.strip_suffix(".odt")?.rsplit_once('-')?;
    row.parse().ok()
}
