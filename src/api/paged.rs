//! [`Paged`]: paginated calls.

use super::call::Call;
use super::list_file_names::{FileNames, ListFileNames};
use super::list_file_versions::{FileVersions, ListFileVersions};
use super::list_keys::{Keys, ListKeys};
use super::list_parts::{ListParts, Parts};
use super::list_unfinished_large_files::{ListUnfinishedLargeFiles, UnfinishedLargeFiles};
use crate::types::{ApplicationKey, FileVersion, ListedFile, Part, PartNumber};

/// A paginated call. [`Client::paginate`](crate::Client::paginate) turns all its pages into one
/// stream.
pub trait Paged: Call + Clone {
    /// A single result.
    type Item: Send;

    /// Where the next page starts.
    type Cursor: Clone + PartialEq + Send;

    /// Splits a page into its results and the cursor of the next page, `None` on the last page.
    fn page(&self, output: Self::Output) -> (Vec<Self::Item>, Option<Self::Cursor>);

    /// The same call for the page that starts at this cursor.
    #[must_use]
    fn starting_at(self, cursor: &Self::Cursor) -> Self;

    /// The name of a result that is a folder. If a page ends inside a large folder, B2 repeats its
    /// row on the next page; the stream yields it once.
    fn folder(item: &Self::Item) -> Option<&str> {
        let _ = item;
        None
    }

    /// The same call with the largest pages that B2 bills as one call, unless a page size was set.
    #[must_use]
    fn in_full_pages(self) -> Self;
}

impl Paged for ListFileNames {
    type Item = ListedFile;
    type Cursor = String;

    fn page(&self, output: FileNames) -> (Vec<ListedFile>, Option<String>) {
        (output.files, output.next_file_name)
    }

    fn starting_at(self, cursor: &String) -> Self {
        self.start_file_name(cursor)
    }

    fn folder(row: &ListedFile) -> Option<&str> {
        row.folder().map(|folder| folder.file_name.as_str())
    }

    fn in_full_pages(self) -> Self {
        if self.has_max_file_count() {
            self
        } else {
            self.max_file_count(1_000)
        }
    }
}

impl Paged for ListFileVersions {
    type Item = ListedFile;
    type Cursor = (String, Option<crate::types::FileId>);

    fn page(&self, output: FileVersions) -> (Vec<ListedFile>, Option<Self::Cursor>) {
        let next = output
            .next_file_name
            .map(|name| (name, output.next_file_id));
        (output.files, next)
    }

    fn starting_at(self, (name, id): &Self::Cursor) -> Self {
        match id {
            Some(id) => self.start_at(name, id),
            None => self.start_file_name(name),
        }
    }

    fn folder(row: &ListedFile) -> Option<&str> {
        row.folder().map(|folder| folder.file_name.as_str())
    }

    fn in_full_pages(self) -> Self {
        if self.has_max_file_count() {
            self
        } else {
            self.max_file_count(1_000)
        }
    }
}

impl Paged for ListUnfinishedLargeFiles {
    type Item = FileVersion;
    type Cursor = crate::types::FileId;

    fn page(&self, output: UnfinishedLargeFiles) -> (Vec<FileVersion>, Option<Self::Cursor>) {
        (output.files, output.next_file_id)
    }

    fn starting_at(self, cursor: &Self::Cursor) -> Self {
        self.start_file_id(cursor)
    }

    /// B2's default page size is the maximum.
    fn in_full_pages(self) -> Self {
        self
    }
}

impl Paged for ListParts {
    type Item = Part;
    type Cursor = u32;

    /// B2 may return the number after the last part as the cursor. A number above the maximum part
    /// number is the end.
    fn page(&self, output: Parts) -> (Vec<Part>, Option<u32>) {
        let highest = PartNumber::MAX.as_u16().into();
        let next = output.next_part_number.filter(|next| *next <= highest);
        (output.parts, next)
    }

    fn starting_at(self, cursor: &u32) -> Self {
        self.start_part_number(PartNumber::new((*cursor).into()).unwrap_or(PartNumber::FIRST))
    }

    fn in_full_pages(self) -> Self {
        if self.has_max_part_count() {
            self
        } else {
            self.max_part_count(1_000)
        }
    }
}

impl Paged for ListKeys {
    type Item = ApplicationKey;
    type Cursor = crate::types::ApplicationKeyId;

    fn page(&self, output: Keys) -> (Vec<ApplicationKey>, Option<Self::Cursor>) {
        (output.keys, output.next_application_key_id)
    }

    fn starting_at(self, cursor: &Self::Cursor) -> Self {
        self.start_application_key_id(cursor)
    }

    fn in_full_pages(self) -> Self {
        if self.has_max_key_count() {
            self
        } else {
            self.max_key_count(1_000)
        }
    }
}
