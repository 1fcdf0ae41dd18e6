//! [`Stage`]: an uploaded file that is to be copied to its final name.

use crate::error::Error;
use crate::types::{BucketId, FileId, FileName};

/// The name prefix of stages, the temporary files of
/// [`BucketHandle::create`](crate::BucketHandle::create).
pub const CREATE_STAGES: &str = ".b2kit-create/";

/// Whether this is the name of a stage, a temporary file of
/// [`BucketHandle::create`](crate::BucketHandle::create). Don't show, synchronize or delete such
/// files.
#[must_use]
pub fn is_create_stage(name: &str) -> bool {
    name.starts_with(CREATE_STAGES)
}

/// The file info entry that identifies a stage and the file created from it.
pub(super) const NONCE: &str = "b2kit-create-nonce";

/// A file in B2 that is to be copied to its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) file_id: FileId,
    pub(super) file_name: Box<str>,
    pub(super) nonce: Box<str>,
    /// The bucket of the stage and of the file.
    pub(super) bucket_id: BucketId,
    /// The name of the file to create; `None` for a stage that is only discarded.
    pub(super) target: Option<FileName>,
}

/// The name of a new stage. It has the file's extension, from which B2 may derive the content type.
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

/// Whether this is the name of a stage with this nonce.
pub(super) fn is_stage_name(file_name: &str, nonce: &str) -> bool {
    is_create_stage(file_name)
        && nonce.len() >= 32
        && file_name[CREATE_STAGES.len()..].starts_with(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_named_by_its_nonce_and_the_files_extension() {
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
            assert!(is_stage_name(name.as_str(), nonce));
        }
        assert!(!is_stage_name(".b2kit-create/", ""));
    }
}
