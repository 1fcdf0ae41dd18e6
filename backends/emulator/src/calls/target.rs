//! [`Target`]: what content becomes, whether it was uploaded or copied.

use serde_json::Value;

use super::large_files;
use crate::caller::Caller;
use crate::guesses;
use crate::ids::FileKind;
use crate::names::FileInfo;
use crate::refusal::Refusal;
use crate::shape;
use crate::state::State;
use crate::state::file::{Kind, Part, Stored, Version};

/// What content becomes.
#[derive(Debug)]
pub(crate) enum Target {
    /// A new version of a file.
    File {
        bucket_id: String,
        name: String,
        content_type: String,
        info: FileInfo,
    },
    /// A part of an unfinished large file.
    Part { file_id: String, number: u64 },
}

/// How the content came: answers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Upload,
    Copy,
}

impl Target {
    /// Puts the content where it belongs, if that place still exists, and says so.
    pub(crate) fn store(
        self,
        state: &mut State,
        caller: &Caller,
        stored: Stored,
        source: Source,
    ) -> Result<Value, Refusal> {
        match self {
            Self::File {
                bucket_id,
                name,
                content_type,
                info,
            } => {
                let kind = kind_of(stored.content.len());
                let pod = state.ids.pod();
                let file_id = state.ids.file_id(&bucket_id, kind, pod, caller.now);
                let account = state.account_id.clone();
                let version = state.insert(Version {
                    file_id,
                    bucket_id,
                    name,
                    uploaded: caller.now,
                    content_type,
                    info,
                    kind: Kind::File(stored),
                })?;
                let is_copy = source == Source::Copy;
                Ok(shape::file(version, &account, caller, is_copy))
            }
            Self::Part { file_id, number } => {
                let (Some(sha1), Some(md5)) = (stored.sha1, stored.md5) else {
                    return Err(guesses::unhashed_part());
                };
                let part = Part {
                    content: stored.content,
                    sha1,
                    md5,
                    uploaded: caller.now,
                };
                let answer = match source {
                    Source::Upload => shape::part_with_checksum(&file_id, number, &part),
                    Source::Copy => shape::part(&file_id, number, &part),
                };
                large_files::put_part(state, caller, &file_id, number, part)?;
                Ok(answer)
            }
        }
    }
}

/// The digit in the file id.
const fn kind_of(len: u64) -> FileKind {
    if len < guesses::SMALL_FILE {
        FileKind::SmallOrHidden
    } else {
        FileKind::Normal
    }
}
