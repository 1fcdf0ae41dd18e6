//! Checks each page of a listing against its request before any row is returned.
//!
//! Programs delete, cancel and download the files in a listing. So a row from another bucket,
//! outside the prefix or out of order fails the whole page with a [`Protocol`](ErrorKind::Protocol)
//! error, and so does a cursor that does not advance: the listing would repeat rows or never end.
//!
//! Anything that B2 is known to do, or for which its rule is unknown, is accepted. A page may be
//! empty or short without being the last; it may end inside a folder, and then the next one starts
//! with the same folder. The order of versions of one name is not checked: upload timestamps can be
//! custom, and whether the start or the finish of a large file counts is not documented.

use std::cmp::Ordering;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::types::{Action, BucketId, FileVersion, ListedFile};

/// The query of a listing of names or versions.
pub(super) struct NameQuery<'a> {
    pub(super) bucket_id: &'a BucketId,
    pub(super) start_name: Option<&'a str>,
    pub(super) prefix: Option<&'a str>,
    pub(super) delimiter: Option<&'a str>,
    /// Whether a name can have several rows.
    pub(super) versions: bool,
}

impl NameQuery<'_> {
    /// Checks the rows and the start of the next page against the query.
    pub(super) fn check(&self, rows: &[ListedFile], next_name: Option<&str>) -> Result<(), Error> {
        let mut order = NameOrder::default();
        let mut last: Option<&ListedFile> = None;
        for (number, row) in rows.iter().enumerate() {
            let why = self
                .mismatch(row)
                .or_else(|| self.out_of_order(&mut order, last, row));
            if let Some(why) = why {
                return Err(outside(number, row.file_name(), why));
            }
            last = Some(row);
        }
        let Some(next) = next_name else {
            return Ok(());
        };
        let advances = match last {
            // The next page may have more versions of the last name, or more of the last folder.
            Some(row) if self.versions || matches!(row, ListedFile::Folder(_)) => {
                order.allows(row.file_name(), next)
            }
            Some(row) => order.allows(row.file_name(), next) && next != row.file_name(),
            None => true,
        };
        let from_start = self
            .start_name
            .is_none_or(|start| order.allows(start, next) && (self.versions || next != start));
        if advances && from_start {
            return Ok(());
        }
        Err(stuck(&next))
    }

    /// Why a row by itself doesn't match the query.
    fn mismatch(&self, row: &ListedFile) -> Option<&'static str> {
        let (bucket_id, name) = match row {
            ListedFile::Version(version) => (&version.bucket_id, version.file_name.as_str()),
            ListedFile::Folder(folder) => (&folder.bucket_id, folder.file_name.as_str()),
        };
        if bucket_id != self.bucket_id {
            return Some("it is in a different bucket");
        }
        let Some(rest) = name.strip_prefix(self.prefix.unwrap_or_default()) else {
            return Some("its name doesn't begin with the prefix");
        };
        let is_folder = match row {
            ListedFile::Version(version) if version.action == Action::Folder => {
                return Some("it is a folder, but has a file id");
            }
            ListedFile::Version(_) => false,
            ListedFile::Folder(_) => true,
        };
        let Some(delimiter) = self.delimiter else {
            return is_folder.then_some("it is a folder, but no delimiter was given");
        };
        let mut letters = delimiter.chars();
        if letters.next().is_none() || letters.next().is_some() {
            // How B2 handles delimiters longer than one character is not documented.
            return None;
        }
        let end = rest.find(delimiter).map(|at| at + delimiter.len());
        match (is_folder, end) {
            (true, Some(end)) if end == rest.len() => None,
            (true, _) => Some("it is a folder whose name doesn't end at the first delimiter"),
            (false, Some(_)) => Some("it is inside a folder"),
            (false, None) => None,
        }
    }

    fn out_of_order(
        &self,
        order: &mut NameOrder,
        last: Option<&ListedFile>,
        row: &ListedFile,
    ) -> Option<&'static str> {
        let name = row.file_name();
        let is_folder = matches!(row, ListedFile::Folder(_));
        // A listing can start inside a folder, which is then its first row.
        let starts_inside = |start: &str| is_folder && start.starts_with(name);
        match last {
            None => {
                let start = self.start_name.filter(|start| !starts_inside(start))?;
                (!order.advance(start, name)).then_some("it sorts before the start of the listing")
            }
            Some(last) if !order.advance(last.file_name(), name) => {
                Some("it is out of order: the previous row has a later name")
            }
            Some(last) if last.file_name() != name => None,
            Some(ListedFile::Folder(_)) if is_folder => None,
            Some(_) if !self.versions => Some("its name is listed twice"),
            Some(last) => match (last.version(), row.version()) {
                (Some(last), Some(row)) if last.file_id == row.file_id => {
                    Some("the same version is listed twice")
                }
                _ => None,
            },
        }
    }
}

/// The order of names: by UTF-8 bytes or by UTF-16 code units. B2 doesn't document which, so a page
/// may have either, but not a mixture.
#[derive(Default)]
struct NameOrder {
    not_utf8: bool,
    not_utf16: bool,
}

impl NameOrder {
    /// Records that `next` follows `last`. Returns whether that is consistent with either order.
    fn advance(&mut self, last: &str, next: &str) -> bool {
        let (utf8, utf16) = compare(last, next);
        self.not_utf8 |= utf8 == Ordering::Greater;
        self.not_utf16 |= utf16 == Ordering::Greater;
        !(self.not_utf8 && self.not_utf16)
    }

    /// Whether `next` may follow `last`.
    fn allows(&self, last: &str, next: &str) -> bool {
        let (utf8, utf16) = compare(last, next);
        (!self.not_utf8 && utf8 != Ordering::Greater)
            || (!self.not_utf16 && utf16 != Ordering::Greater)
    }
}

/// Compares two names in UTF-8 and in UTF-16 order. The orders differ only between U+E000 to U+FFFF
/// and higher code points: these have greater UTF-8 bytes, but smaller UTF-16 surrogates.
fn compare(a: &str, b: &str) -> (Ordering, Ordering) {
    let utf8 = a.cmp(b);
    if b.is_ascii() {
        return (utf8, utf8);
    }
    let differ = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    let utf16 = match differ {
        Some((0xEE..=0xEF, 0xF0..)) => Ordering::Greater,
        Some((0xF0.., 0xEE..=0xEF)) => Ordering::Less,
        _ => utf8,
    };
    (utf8, utf16)
}

/// Checks the number of rows against the requested number, or else against B2's maximum.
pub(super) fn check_count(rows: usize, requested: Option<u32>, most: u32) -> Result<(), Error> {
    let limit = requested.filter(|&rows| rows > 0).unwrap_or(most);
    if u64::try_from(rows).is_ok_and(|rows| rows <= u64::from(limit)) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Protocol,
        format!("the page has {rows} rows, but at most {limit} were requested"),
    ))
}

/// Checks a page whose rows and cursor are ids, which have no known order: no id may occur twice in
/// a row, and the next page may start neither where this one did nor at one of its rows.
pub(super) fn check_ids<'a, T: PartialEq + fmt::Display + ?Sized + 'a>(
    ids: impl Iterator<Item = &'a T>,
    start: Option<&T>,
    next: Option<&T>,
) -> Result<(), Error> {
    let mut last = None;
    for (number, id) in ids.enumerate() {
        if last == Some(id) {
            return Err(outside(number, &id.to_string(), "it is listed twice"));
        }
        if next == Some(id) {
            return Err(stuck(&id));
        }
        last = Some(id);
    }
    match next {
        Some(next) if start == Some(next) => Err(stuck(next)),
        _ => Ok(()),
    }
}

/// Checks an unfinished large file against the requested bucket and prefix.
pub(super) fn check_unfinished(
    number: usize,
    file: &FileVersion,
    bucket_id: &BucketId,
    prefix: Option<&str>,
) -> Result<(), Error> {
    let why = if file.bucket_id != *bucket_id {
        "it is in a different bucket"
    } else if !file
        .file_name
        .as_str()
        .starts_with(prefix.unwrap_or_default())
    {
        "its name doesn't begin with the prefix"
    } else if file.action != Action::Start {
        "it is not an unfinished large file"
    } else {
        return Ok(());
    };
    Err(outside(number, file.file_name.as_str(), why))
}

/// The error for a row that was not requested. Contains the complete name: secrets are redacted
/// before it is truncated for display.
pub(super) fn outside(number: usize, name: &str, why: &str) -> Error {
    let number = number + 1;
    Error::new(
        ErrorKind::Protocol,
        format!("row {number} of the page, {name:?}, doesn't match the request: {why}"),
    )
}

/// The error for a cursor that does not advance.
pub(super) fn stuck(next: &(impl fmt::Display + ?Sized)) -> Error {
    let next = next.to_string();
    Error::new(
        ErrorKind::Protocol,
        format!(
            "the listing doesn't advance: the next page would start at {next:?}, which doesn't \
             sort after this one"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FileId, FileName, Folder, Timestamp};

    fn version(name: &str, id: &str) -> ListedFile {
        let row = serde_json::json!({
            "action": "upload", "bucketId": "b", "fileId": id, "fileName": name,
            "uploadTimestamp": 1,
        });
        ListedFile::Version(serde_json::from_value(row).unwrap())
    }

    fn file(name: &str) -> ListedFile {
        version(name, name)
    }

    fn folder(name: &str) -> ListedFile {
        ListedFile::Folder(Folder {
            account_id: None,
            bucket_id: "b".into(),
            file_name: FileName::new_unchecked(name),
        })
    }

    struct Params {
        start: Option<&'static str>,
        prefix: Option<&'static str>,
        delimiter: Option<&'static str>,
        versions: bool,
    }

    const NAMES: Params = Params {
        start: None,
        prefix: None,
        delimiter: None,
        versions: false,
    };
    const VERSIONS: Params = Params {
        versions: true,
        ..NAMES
    };
    const FOLDERS: Params = Params {
        delimiter: Some("/"),
        ..NAMES
    };

    fn check_page(params: &Params, rows: &[ListedFile], next: Option<&str>) -> Result<(), String> {
        let bucket_id = BucketId::from("b");
        let query = NameQuery {
            bucket_id: &bucket_id,
            start_name: params.start,
            prefix: params.prefix,
            delimiter: params.delimiter,
            versions: params.versions,
        };
        query.check(rows, next).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Protocol);
            error.to_string()
        })
    }

    #[test]
    fn every_known_form_of_a_page_is_accepted() {
        let late = Params {
            start: Some("c"),
            ..NAMES
        };
        let inside = Params {
            start: Some("lib/113/545f "),
            ..FOLDERS
        };
        let prefixed = Params {
            prefix: Some("a/"),
            ..FOLDERS
        };
        let mut marker = version("n", "hide");
        if let ListedFile::Version(version) = &mut marker {
            version.action = Action::Hide;
            version.upload_timestamp = Timestamp::from_millis(1);
            version.file_id = FileId::from("marker");
        }
        let taken: [(&Params, Vec<ListedFile>, Option<&str>); 21] = [
            (&NAMES, vec![], None),
            (&NAMES, vec![], Some("x")),
            (&NAMES, vec![file("a"), file("b")], None),
            (&NAMES, vec![file("a"), file("b")], Some("c")),
            (&NAMES, vec![file("a"), file("b")], Some("b ")),
            (
                &NAMES,
                vec![file("A"), file("a"), file("ä"), file("自")],
                None,
            ),
            // Either order of characters above U+FFFF.
            (&NAMES, vec![file("\u{fb01}"), file("🦀")], Some("🦀 ")),
            (
                &NAMES,
                vec![file("🦀"), file("\u{fb01}")],
                Some("\u{fb01} "),
            ),
            (&late, vec![file("c"), file("d")], Some("e")),
            (&late, vec![], Some("d")),
            (
                &VERSIONS,
                vec![version("a", "2"), version("a", "1")],
                Some("a"),
            ),
            (
                &VERSIONS,
                vec![version("n", "3"), marker, version("n", "1")],
                None,
            ),
            (
                &FOLDERS,
                vec![file("a"), folder("a/"), folder("b/"), file("c")],
                None,
            ),
            (&FOLDERS, vec![folder("lib/")], Some("lib/545f ")),
            (&FOLDERS, vec![folder("lib/")], Some("lib/")),
            (&FOLDERS, vec![folder("lib/"), folder("lib/")], None),
            (&inside, vec![folder("lib/"), file("m")], None),
            (&inside, vec![], Some("lib/113/7")),
            (
                &prefixed,
                vec![file("a/"), file("a/b"), folder("a/c/")],
                None,
            ),
            (&prefixed, vec![], Some("b")),
            (
                &Params {
                    delimiter: Some("//"),
                    ..NAMES
                },
                vec![folder("a//"), file("b//c")],
                None,
            ),
        ];
        for (params, rows, next) in taken {
            assert_eq!(check_page(params, &rows, next), Ok(()), "{rows:?} {next:?}");
        }
    }

    #[test]
    fn a_row_outside_of_the_query_is_refused_with_name_and_reason() {
        let mut elsewhere = file("a");
        let mut folder_with_id = file("a/");
        if let ListedFile::Version(version) = &mut elsewhere {
            version.bucket_id = "other".into();
        }
        if let ListedFile::Version(version) = &mut folder_with_id {
            version.action = Action::Folder;
        }
        let prefixed = Params {
            prefix: Some("pre/"),
            ..NAMES
        };
        let late = Params {
            start: Some("c"),
            ..FOLDERS
        };
        for (params, rows, reason) in [
            (&NAMES, vec![elsewhere], "a different bucket"),
            (
                &prefixed,
                vec![file("precious")],
                "\"precious\", doesn't match the request: its name doesn't begin",
            ),
            (
                &FOLDERS,
                vec![folder_with_id],
                "a folder, but has a file id",
            ),
            (&NAMES, vec![folder("a/")], "no delimiter was given"),
            (&FOLDERS, vec![folder("a")], "first delimiter"),
            (&FOLDERS, vec![folder("a/b/")], "first delimiter"),
            (&FOLDERS, vec![file("a/b")], "inside a folder"),
            (&late, vec![file("b")], "before the start"),
            (&late, vec![folder("b/")], "before the start"),
            (
                &NAMES,
                vec![file("b"), file("a")],
                "row 2 of the page, \"a\", doesn't match the request: it is out of order",
            ),
            (&NAMES, vec![file("a"), file("a")], "twice"),
            (
                &VERSIONS,
                vec![version("a", "1"), version("a", "1")],
                "twice",
            ),
            (&VERSIONS, vec![file("b"), file("a")], "out of order"),
            // Consistent with neither order.
            (
                &NAMES,
                vec![file("\u{fb01}"), file("🦀"), file("🦀"), file("\u{fb01}x")],
                "twice",
            ),
            (
                &NAMES,
                vec![
                    file("x\u{fb01}"),
                    file("x🦀"),
                    file("y🦀"),
                    file("y\u{fb01}"),
                ],
                "out of order",
            ),
        ] {
            let error = check_page(params, &rows, None).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_cursor_that_does_not_advance_is_refused() {
        let late = Params {
            start: Some("c"),
            ..NAMES
        };
        let late_versions = Params {
            start: Some("c"),
            ..VERSIONS
        };
        for (params, rows, next) in [
            (&NAMES, vec![file("a"), file("b")], "b"),
            (&NAMES, vec![file("a"), file("b")], "a"),
            (&FOLDERS, vec![file("a"), folder("b/")], "b"),
            (&late, vec![], "c"),
            (&late, vec![], "b"),
            (&late_versions, vec![], "b"),
            (&VERSIONS, vec![file("a"), file("b")], "a"),
        ] {
            let error = check_page(params, &rows, Some(next)).unwrap_err();
            assert!(error.contains("doesn't advance"), "{error}");
        }
        let ids = ["1", "2", "3"];
        assert!(check_ids(ids.into_iter(), Some("1"), Some("4")).is_ok());
        for (start, next) in [
            (Some("1"), Some("2")),
            (Some("0"), Some("0")),
            (None, Some("3")),
        ] {
            assert!(
                check_ids(ids.into_iter(), start, next).is_err(),
                "{start:?} {next:?}"
            );
        }
        assert!(check_ids(["1", "1"].into_iter(), None, None).is_err());
    }

    #[test]
    fn a_page_with_more_rows_than_requested_is_refused() {
        for (rows, requested, taken) in [
            (0, Some(1), true),
            (1, Some(1), true),
            (2, Some(1), false),
            (10_000, Some(0), true),
            (10_000, None, true),
            (10_001, None, false),
        ] {
            assert_eq!(
                check_count(rows, requested, 10_000).is_ok(),
                taken,
                "{rows} {requested:?}"
            );
        }
    }
}
