//! [`BillingClass`]: what B2 charges for a call.

use super::{download, upload};

/// B2's classes of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BillingClass {
    /// Free.
    A,
    /// Downloads.
    B,
    /// All others.
    C,
}

const FREE: [&str; 13] = [
    "b2_cancel_large_file",
    "b2_delete_bucket",
    "b2_delete_file_version",
    "b2_delete_key",
    "b2_finish_large_file",
    "b2_get_upload_part_url",
    "b2_get_upload_url",
    "b2_hide_file",
    "b2_start_large_file",
    "b2_update_file_legal_hold",
    "b2_update_file_retention",
    upload::UPLOAD_FILE,
    upload::UPLOAD_PART,
];

const DOWNLOADS: [&str; 3] = [download::BY_ID, download::BY_NAME, "b2_get_file_info"];

impl BillingClass {
    /// The class of a call. The class of the calls for notification rules is not documented; they
    /// count as C, like the other calls about buckets.
    pub(crate) fn of(call: &str) -> Self {
        if FREE.contains(&call) {
            Self::A
        } else if DOWNLOADS.contains(&call) {
            Self::B
        } else {
            Self::C
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::table;

    #[test]
    fn every_call_that_is_not_of_class_c_exists() {
        for call in FREE.iter().chain(&DOWNLOADS) {
            assert!(table::is_call(call), "{call}");
        }
        assert_eq!(BillingClass::of("b2_upload_part"), BillingClass::A);
        assert_eq!(BillingClass::of("b2_get_file_info"), BillingClass::B);
        assert_eq!(BillingClass::of("b2_list_parts"), BillingClass::C);
    }
}
