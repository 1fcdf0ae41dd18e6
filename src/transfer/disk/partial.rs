//! [`Partial`]: what is there of a file that did not come to its end, written beside it for a later process.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::dir::Identity;
use crate::client::SigningKey;
use crate::transfer::download::Spans;
use crate::types::FileId;

/// The version of the format. What has a later one is not read, and the download begins anew.
const FORMAT: u32 = 2;

/// The version that was not signed.
const UNSIGNED: u32 = 1;

/// No honest state is larger: there are as many stretches as ranges under way, and one.
pub(super) const LIMIT: u64 = 1 << 20;

/// Which bytes of which version are there. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transfer) struct Partial {
    pub(in crate::transfer) file_id: FileId,
    /// Of the whole file.
    pub(in crate::transfer) content_length: u64,
    /// The bytes that are wanted; the first of them is the first in the file on disk.
    pub(in crate::transfer) wanted: Range<u64>,
    /// Those of them that are there.
    pub(in crate::transfer) done: Spans,
}

/// A state that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transfer) struct Left {
    pub(in crate::transfer) partial: Partial,
    /// Who has this user's key has written it, about this very file, and no byte was taken away since. What is not proven
    /// has to be verified, or fetched again.
    pub(in crate::transfer) is_proven: bool,
}

#[derive(Serialize, Deserialize)]
struct Document {
    b2kit_partial_download: u32,
    file_id: String,
    content_length: u64,
    wanted: (u64, u64),
    done: Vec<(u64, u64)>,
    /// Of the file with the bytes: its inode, for devices may have another number after the next start.
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    /// Of all that stands before, as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Partial {
    /// The state of the file that the system knows by this.
    pub(super) fn write(&self, of: Identity, key: &SigningKey) -> Vec<u8> {
        let mut document = Document {
            b2kit_partial_download: FORMAT,
            file_id: self.file_id.as_str().to_owned(),
            content_length: self.content_length,
            wanted: (self.wanted.start, self.wanted.end),
            done: self
                .done
                .iter()
                .map(|span| (span.start, span.end))
                .collect(),
            inode: Some(of.file),
            signature: None,
        };
        document.signature = Some(key.sign(&document.signed()));
        document.bytes()
    }

    /// Without the bytes at the end of the file on disk, so many of those that are there.
    pub(super) fn without_last(&self, bytes: u64) -> Self {
        let end = self.done.iter().last().map_or(0, |span| span.end);
        self.up_to(end.saturating_sub(bytes))
    }

    /// How long the file on disk has to be.
    pub(super) fn len_on_disk(&self) -> u64 {
        let end = self.done.iter().last().map_or(0, |span| span.end);
        end.saturating_sub(self.wanted.start)
    }

    fn up_to(&self, end: u64) -> Self {
        let spans = self.done.iter().map(|span| span.start..span.end.min(end));
        let mut done = Spans::default();
        spans
            .filter(|span| !span.is_empty())
            .for_each(|span| done.insert(span));
        Self {
            done,
            ..self.clone()
        }
    }
}

impl Left {
    /// Reads the state of the file that the system knows by this, and is so long; nothing that contradicts itself.
    pub(super) fn read(document: &[u8], length: u64, of: Identity, key: &SigningKey) -> Option<Self> {
        let mut document: Document = serde_json::from_slice(document).ok()?;
        let is_signed = match (document.b2kit_partial_download, document.signature.take()) {
            (FORMAT, Some(signature)) if key.verify(&document.signed(), &signature) => true,
            (UNSIGNED, None) => false,
            _ => return None,
        };
        let (start, end) = document.wanted;
        let done = Spans::read(document.done.iter().map(|(start, end)| *start..*end))?;
        let is_within = |span: &Range<u64>| start <= span.start && span.end <= end;
        if start > end || end > document.content_length || !done.iter().all(is_within) {
            return None;
        }
        let noted = Partial {
            file_id: document.file_id.into(),
            content_length: document.content_length,
            wanted: start..end,
            done,
        };
        let partial = noted.up_to(start.saturating_add(length));
        Some(Self {
            is_proven: is_signed && document.inode == Some(of.file) && partial == noted,
            partial,
        })
    }
}

impl Document {
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

    const OF: Identity = Identity { device: 3, file: 7 };

    fn key(key: &str) -> SigningKey {
        SigningKey::derived_from(&Secret::new(key))
    }

    fn spans(of: &[(u64, u64)]) -> Spans {
        Spans::read(of.iter().map(|(start, end)| *start..*end)).unwrap()
    }

    fn partial() -> Partial {
        Partial {
            file_id: "4_z1_f2".into(),
            content_length: 100,
            wanted: 10..90,
            done: spans(&[(10, 20), (40, 50)]),
        }
    }

    fn written() -> String {
        String::from_utf8(partial().write(OF, &key("key"))).unwrap()
    }

    fn read(document: &str, length: u64) -> Option<Left> {
        Left::read(document.as_bytes(), length, OF, &key("key"))
    }

    #[test]
    fn the_format_is_pinned() {
        let written = written();
        let (body, signature) = written.split_once(r#","signature":""#).unwrap();
        assert_eq!(
            body,
            r#"{"b2kit_partial_download":2,"file_id":"4_z1_f2","content_length":100,"wanted":[10,90],"done":[[10,20],[40,50]],"inode":7"#
        );
        assert_eq!(&signature[..16], "b0b4a101d9cca5f5");
        let left = read(&written, 40).unwrap();
        assert_eq!(left.partial, partial());
        assert!(left.is_proven);
    }

    #[test]
    fn a_state_of_the_unsigned_format_is_read_and_proves_nothing() {
        let old = r#"{"b2kit_partial_download":1,"file_id":"4_z1_f2","content_length":100,"wanted":[10,90],"done":[[10,20],[40,50]]}"#;
        let left = read(old, 40).unwrap();
        assert_eq!(left.partial, partial());
        assert!(!left.is_proven);
        let dressed_up = old.replace("download\":1", "download\":2");
        assert_eq!(read(&dressed_up, 40), None);
    }

    #[test]
    fn a_state_proves_nothing_of_another_file_or_one_that_was_cut() {
        let other = Identity { device: 3, file: 8 };
        let left = Left::read(written().as_bytes(), 40, other, &key("key")).unwrap();
        assert!(left.partial == partial() && !left.is_proven);
        // Devices are numbered anew when the system starts.
        let moved = Identity { device: 4, file: 7 };
        assert!(
            Left::read(written().as_bytes(), 40, moved, &key("key"))
                .unwrap()
                .is_proven
        );
        for (length, done) in [
            (39, &[(10, 20), (40, 49)][..]),
            (30, &[(10, 20)]),
            (4, &[(10, 14)]),
            (0, &[]),
        ] {
            let left = read(&written(), length).unwrap();
            assert_eq!(left.partial.done, spans(done), "{length}");
            assert!(!left.is_proven, "{length}");
        }
    }

    #[test]
    fn nothing_is_read_that_another_key_has_signed_or_that_was_changed() {
        assert_eq!(
            Left::read(written().as_bytes(), 40, OF, &key("other")),
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
    fn what_contradicts_itself_is_not_read() {
        let good = r#"{"b2kit_partial_download":1,"file_id":"4_z1_f2","content_length":100,"wanted":[10,90],"done":[[10,20],[40,50]]}"#;
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
            let bad = good.replacen(old, new, 1);
            assert_ne!(bad, good);
            assert_eq!(read(&bad, 1_000), None, "{bad}");
        }
        assert_eq!(Left::read(&[0xff; 9], 9, OF, &key("key")), None);
    }

    #[test]
    fn bytes_are_given_up_from_the_end_of_the_file() {
        let done = |bytes| partial().without_last(bytes).done;
        assert_eq!(partial().len_on_disk(), 40);
        assert_eq!(done(0), partial().done);
        assert_eq!(done(4), spans(&[(10, 20), (40, 46)]));
        assert_eq!(done(10), spans(&[(10, 20)]));
        assert_eq!(partial().without_last(35).len_on_disk(), 5);
        assert_eq!(done(1_000), Spans::default());
        assert_eq!(partial().without_last(1_000).len_on_disk(), 0);
    }
}
