//! [`Partial`]: what is there of a file that did not come to its end, written beside it for a later process.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::transfer::download::Spans;
use crate::types::FileId;

/// The version of the format. What has another one is not read, and the download begins anew.
const FORMAT: u32 = 1;

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

#[derive(Serialize, Deserialize)]
struct Document {
    b2kit_partial_download: u32,
    file_id: String,
    content_length: u64,
    wanted: (u64, u64),
    done: Vec<(u64, u64)>,
}

impl Partial {
    pub(super) fn write(&self) -> Vec<u8> {
        let document = Document {
            b2kit_partial_download: FORMAT,
            file_id: self.file_id.as_str().to_owned(),
            content_length: self.content_length,
            wanted: (self.wanted.start, self.wanted.end),
            done: self
                .done
                .iter()
                .map(|span| (span.start, span.end))
                .collect(),
        };
        serde_json::to_vec(&document).expect("numbers and strings can be written")
    }

    /// Reads it, and nothing that contradicts itself or the file's `length` on disk.
    pub(super) fn read(document: &[u8], length: u64) -> Option<Self> {
        let document: Document = serde_json::from_slice(document).ok()?;
        let (start, end) = document.wanted;
        let done = Spans::read(document.done.into_iter().map(|(start, end)| start..end))?;
        let within = done
            .iter()
            .all(|span| start <= span.start && span.end <= end && span.end - start <= length);
        let sound = document.b2kit_partial_download == FORMAT
            && start <= end
            && end <= document.content_length
            && within;
        sound.then(|| Self {
            file_id: document.file_id.into(),
            content_length: document.content_length,
            wanted: start..end,
            done,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial() -> Partial {
        Partial {
            file_id: "4_z1_f2".into(),
            content_length: 100,
            wanted: 10..90,
            done: Spans::read([10..20, 40..50]).unwrap(),
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let written = String::from_utf8(partial().write()).unwrap();
        assert_eq!(
            written,
            r#"{"b2kit_partial_download":1,"file_id":"4_z1_f2","content_length":100,"wanted":[10,90],"done":[[10,20],[40,50]]}"#
        );
        assert_eq!(Partial::read(written.as_bytes(), 40), Some(partial()));
    }

    #[test]
    fn what_contradicts_itself_or_the_disk_is_not_read() {
        let good = String::from_utf8(partial().write()).unwrap();
        assert_eq!(
            Partial::read(good.as_bytes(), 39),
            None,
            "the file is shorter"
        );
        for (old, new) in [
            (r#"download":1"#, r#"download":2"#),
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
            assert_eq!(Partial::read(bad.as_bytes(), 1_000), None, "{bad}");
        }
        assert_eq!(Partial::read(&[0xff; 9], 9), None);
    }
}
