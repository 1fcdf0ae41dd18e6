//! [`PartialDownload`]: which bytes of which version are in a partial file. Saved next to it, to
//! resume the download in a later process.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::dir::FileIdentity;
use crate::client::SigningKey;
use crate::transfer::range_set::RangeSet;
use crate::types::FileId;

/// The current format. If the state has a later one, it is ignored and the download starts over.
const FORMAT: u32 = 2;

/// The format without signatures, which is still read.
const UNSIGNED: u32 = 1;

/// The maximum size of a state. The number of its ranges is at most the number of parallel
/// downloads plus one.
pub(super) const LIMIT: u64 = 1 << 20;

/// Which bytes of which version are in a partial file. Contains no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialDownload {
    pub(crate) file_id: FileId,
    /// The length of the whole file.
    pub(crate) content_length: u64,
    /// The requested range. The file on disk starts with its first byte.
    pub(crate) wanted: Range<u64>,
    /// The ranges that are on disk.
    pub(crate) done: RangeSet,
}

/// A state that was read from disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedState {
    pub(crate) partial: PartialDownload,
    /// Whether the state is signed with this user's key, matches this very file, and the file was
    /// not truncated since. Otherwise the content has to be verified or downloaded again.
    pub(crate) is_authenticated: bool,
}

#[derive(Serialize, Deserialize)]
struct StateDocument {
    b2kit_partial_download: u32,
    file_id: String,
    content_length: u64,
    wanted: (u64, u64),
    done: Vec<(u64, u64)>,
    /// The inode of the partial file. Without its device, whose number may change on reboot.
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    /// The signature of all preceding fields, as serialized.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl PartialDownload {
    /// Serializes and signs the state for the file with this identity.
    pub(super) fn write(&self, of: FileIdentity, key: &SigningKey) -> Vec<u8> {
        let mut document = StateDocument {
            b2kit_partial_download: FORMAT,
            file_id: self.file_id.as_str().to_owned(),
            content_length: self.content_length,
            wanted: (self.wanted.start, self.wanted.end),
            done: self
                .done
                .iter()
                .map(|range| (range.start, range.end))
                .collect(),
            inode: Some(of.file),
            signature: None,
        };
        document.signature = Some(key.sign(&document.signed()));
        document.bytes()
    }

    /// The state without the last `bytes` bytes of the file on disk.
    pub(super) fn without_last(&self, bytes: u64) -> Self {
        let end = self.done.iter().last().map_or(0, |range| range.end);
        self.truncated_to(end.saturating_sub(bytes))
    }

    /// The minimum length of the file on disk.
    pub(super) fn len_on_disk(&self) -> u64 {
        let end = self.done.iter().last().map_or(0, |range| range.end);
        end.saturating_sub(self.wanted.start)
    }

    fn truncated_to(&self, end: u64) -> Self {
        let ranges = self
            .done
            .iter()
            .map(|range| range.start..range.end.min(end));
        let mut done = RangeSet::default();
        ranges
            .filter(|range| !range.is_empty())
            .for_each(|range| done.insert(range));
        Self {
            done,
            ..self.clone()
        }
    }
}

impl SavedState {
    /// Parses the state of the file with this identity and length. `None` if it is inconsistent or
    /// its signature is invalid.
    pub(super) fn read(
        document: &[u8],
        length: u64,
        of: FileIdentity,
        key: &SigningKey,
    ) -> Option<Self> {
        let document = std::str::from_utf8(document).ok()?;
        let mut document: StateDocument = serde_json::from_str(document).ok()?;
        let is_signed = match (document.b2kit_partial_download, document.signature.take()) {
            (FORMAT, Some(signature)) if key.verify(&document.signed(), &signature) => true,
            (UNSIGNED, None) => false,
            _ => return None,
        };
        let (start, end) = document.wanted;
        let done = RangeSet::from_sorted(document.done.iter().map(|(start, end)| *start..*end))?;
        let is_within = |range: &Range<u64>| start <= range.start && range.end <= end;
        if start > end || end > document.content_length || !done.iter().all(is_within) {
            return None;
        }
        let noted = PartialDownload {
            file_id: document.file_id.into(),
            content_length: document.content_length,
            wanted: start..end,
            done,
        };
        let partial = noted.truncated_to(start.saturating_add(length));
        Some(Self {
            is_authenticated: is_signed && document.inode == Some(of.file) && partial == noted,
            partial,
        })
    }
}

impl StateDocument {
    fn signed(&self) -> Vec<u8> {
        [b"state\n", &*self.bytes()].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and strings can be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Secret;

    const OF: FileIdentity = FileIdentity { device: 3, file: 7 };

    const FORMAT_1: &str = concat!(
        r#"{"b2kit_partial_download":1,"file_id":"4_z1_f2","content_length":100,"#,
        r#""wanted":[10,90],"done":[[10,20],[40,50]]}"#
    );

    fn key(key: &str) -> SigningKey {
        SigningKey::derived_from(&Secret::new(key))
    }

    fn ranges(of: &[(u64, u64)]) -> RangeSet {
        RangeSet::from_sorted(of.iter().map(|(start, end)| *start..*end)).unwrap()
    }

    fn partial() -> PartialDownload {
        PartialDownload {
            file_id: "4_z1_f2".into(),
            content_length: 100,
            wanted: 10..90,
            done: ranges(&[(10, 20), (40, 50)]),
        }
    }

    fn written() -> String {
        String::from_utf8(partial().write(OF, &key("key"))).unwrap()
    }

    fn read(document: &str, length: u64) -> Option<SavedState> {
        SavedState::read(document.as_bytes(), length, OF, &key("key"))
    }

    #[test]
    fn a_state_is_written_in_format_2() {
        let written = written();
        let (body, signature) = written.split_once(r#","signature":""#).unwrap();
        assert_eq!(
            body,
            concat!(
                r#"{"b2kit_partial_download":2,"file_id":"4_z1_f2","content_length":100,"#,
                r#""wanted":[10,90],"done":[[10,20],[40,50]],"inode":7"#
            )
        );
        assert_eq!(&signature[..16], "b0b4a101d9cca5f5");
        let left = read(&written, 40).unwrap();
        assert_eq!(left.partial, partial());
        assert!(left.is_authenticated);
    }

    #[test]
    fn a_state_of_format_1_is_read_and_not_authenticated() {
        let left = read(FORMAT_1, 40).unwrap();
        assert_eq!(left.partial, partial());
        assert!(!left.is_authenticated);
        let dressed_up = FORMAT_1.replace("download\":1", "download\":2");
        assert_eq!(read(&dressed_up, 40), None);
    }

    #[test]
    fn a_state_of_another_or_a_truncated_file_is_not_authenticated() {
        let other = FileIdentity { device: 3, file: 8 };
        let left = SavedState::read(written().as_bytes(), 40, other, &key("key")).unwrap();
        assert!(left.partial == partial() && !left.is_authenticated);
        // Device numbers may change on reboot.
        let moved = FileIdentity { device: 4, file: 7 };
        assert!(
            SavedState::read(written().as_bytes(), 40, moved, &key("key"))
                .unwrap()
                .is_authenticated
        );
        for (length, done) in [
            (39, &[(10, 20), (40, 49)][..]),
            (30, &[(10, 20)]),
            (4, &[(10, 14)]),
            (0, &[]),
        ] {
            let left = read(&written(), length).unwrap();
            assert_eq!(left.partial.done, ranges(done), "{length}");
            assert!(!left.is_authenticated, "{length}");
        }
    }

    #[test]
    fn a_state_signed_by_another_key_or_modified_is_not_read() {
        assert_eq!(
            SavedState::read(written().as_bytes(), 40, OF, &key("other")),
            None
        );
        let good = written();
        for (old, new) in [
            (r#"download":2"#, r#"download":3"#),
            (r#"download":2"#, r#"download":1"#),
            ("4_z1_f2", "4_z1_f3"),
            ("[10,90]", "[10,91]"),
            ("[40,50]", "[40,51]"),
            ("\"inode\":7", "\"inode\":8"),
            (",\"inode\":7", ""),
            ("\"signature\":\"", "\"signature\":\"0"),
            ("}", ""),
        ] {
            let bad = good.replacen(old, new, 1);
            assert_ne!(bad, good);
            assert_eq!(read(&bad, 1_000), None, "{bad}");
        }
    }

    #[test]
    fn a_contradictory_state_is_not_read() {
        for (old, new) in [
            ("[10,90]", "[11,90]"),
            ("[10,90]", "[90,10]"),
            ("[10,90]", "[10,101]"),
            ("[10,90]", "[10,45]"),
            ("[[10,20]", "[[20,10]"),
            ("[10,20]", "[10,40]"),
            (r#""4_z1_f2""#, "7"),
            ("100", "-1"),
            ("100", "99999999999999999999"),
            ("}", ""),
        ] {
            let bad = FORMAT_1.replacen(old, new, 1);
            assert_ne!(bad, FORMAT_1);
            assert_eq!(read(&bad, 1_000), None, "{bad}");
        }
        assert_eq!(SavedState::read(&[0xff; 9], 9, OF, &key("key")), None);
    }

    #[test]
    fn a_range_of_which_nothing_is_there_may_be_empty_but_not_reversed() {
        let nothing_done = FORMAT_1.replace("[[10,20],[40,50]]", "[]");
        for (wanted, is_read) in [("[10,90]", true), ("[10,10]", true), ("[90,10]", false)] {
            let state = nothing_done.replace("[10,90]", wanted);
            assert_eq!(read(&state, 0).is_some(), is_read, "{wanted}");
        }
    }

    #[test]
    fn a_state_can_be_shortened_from_the_end_of_the_file() {
        let done = |bytes| partial().without_last(bytes).done;
        assert_eq!(partial().len_on_disk(), 40);
        assert_eq!(done(0), partial().done);
        assert_eq!(done(4), ranges(&[(10, 20), (40, 46)]));
        assert_eq!(done(10), ranges(&[(10, 20)]));
        assert_eq!(partial().without_last(35).len_on_disk(), 5);
        assert_eq!(done(1_000), RangeSet::default());
        assert_eq!(partial().without_last(1_000).len_on_disk(), 0);
    }
}
