//! [`Stage`]: bytes that were uploaded to become a file.

use crate::error::Error;
use crate::types::{BucketId, FileId, FileName};

/// What the names of stages begin with: bytes that are to become a file by [`BucketHandle::create`].
pub const CREATE_STAGES: &str = ".b2kit-create/";

/// Whether the name is that of a stage, which belongs to [`BucketHandle::create`]: not to be shown, synchronized or deleted.
#[must_use]
pub fn is_create_stage(name: &str) -> bool {
    name.starts_with(CREATE_STAGES)
}

/// The entry of a stage's info, and of the file's that was made of it.
pub(super) const NONCE: &str = "b2kit-create-nonce";

/// Bytes that are in B2 already, to become a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) file_id: FileId,
    pub(super) file_name: Box<str>,
    pub(super) nonce: Box<str>,
    /// Where it is, and where the file will be.
    pub(super) bucket_id: BucketId,
    /// What the file will be called. Of a stage that is only discarded nobody knows.
    pub(super) target: Option<FileName>,
}

/// The name of a new stage. It ends as the file's name does, since B2 may choose the content type by that.
pub(super) fn stage_name(nonce: &str, target: &FileName) -> Result<FileName, Error> {
    let name = target.as_str();
    let last = name.rsplit('/').next().unwrap_or(name);
    let ending = last.rsplit_once('.').map(|(_, ending)| ending);
    let ending = ending.filter(|ending| (1..=20).contains(&ending.len()));
    FileName::new(match ending {
        Some(ending) => format!("{CREATE_STAGES}{nonce}.{ending}"),
        None => format!("{CREATE_STAGES}{nonce}"),
    })
}

/// Whether a stage with this nonce is called so.
pub(super) fn fits(file_name: &str, nonce: &str) -> bool {
    is_create_stage(file_name)
        && nonce.len() >= 32
        && file_name[CREATE_STAGES.len()..].starts_with(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_called_by_its_nonce_and_ends_as_the_file_does() {
        let nonce = "0123456789abcdef0123456789abcdef";
        for (target, ending) in [
            ("a/b.json", ".json"),
            ("a.b/c", ""),
            ("a.", ""),
            ("c.tar.gz", ".gz"),
            (&format!("x.{}", "y".repeat(21)), ""),
        ] {
            let name = stage_name(nonce, &FileName::new(target).unwrap()).unwrap();
            assert_eq!(name.as_str(), format!("{CREATE_STAGES}{nonce}{ending}"));
            assert!(fits(name.as_str(), nonce));
        }
        assert!(!fits(".b2kit-create/", ""));
    }
}
