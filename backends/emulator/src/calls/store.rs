//! Stores content as a new file version, or as a part of a large file.

use super::target::Target;
use super::{large_files, replication};
use crate::behavior;
use crate::calls::caller::Caller;
use crate::calls::response_json;
use crate::model::event::{EventObject, EventType};
use crate::model::file::{Kind, Part, Stored};
use crate::model::ids::FileKind;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::response::Response;
use crate::protocol::undocumented;

/// Where the content comes from; responses depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Upload,
    Copy,
}

impl Target {
    /// Stores the content, unless its bucket or large file is gone, and returns the response.
    pub(crate) fn store(
        self,
        state: &mut State,
        caller: &Caller,
        stored: Stored,
        source: Source,
    ) -> Result<Response, ApiError> {
        match self {
            Self::File(file) => {
                let kind = kind_of(stored.content.len());
                let pod = state.ids.pod();
                let file_id = state.new_file_id(file.bucket_id, kind, pod, file.uploaded);
                let account = state.account_id.clone();
                let mut version = file.into_version(file_id, Kind::File(stored));
                let bucket = state.require_bucket_of(version.bucket_id())?;
                version.replication =
                    replication::of_new_file(bucket, &version.name, &version.encryption);
                let version = state.insert(version)?;
                let (happening, is_copy) = match source {
                    Source::Upload => (EventType::Upload, false),
                    Source::Copy => (EventType::Copy, true),
                };
                let answer =
                    Response::serialized(&response_json::file(version, &account, caller, is_copy));
                let told = EventObject::of(version);
                state.record_event(&told, happening, caller.now);
                Ok(answer)
            }
            Self::Part {
                file_id,
                number,
                encryption,
            } => {
                let sha1 = stored.sha1.ok_or_else(undocumented::unhashed)?;
                let part = Part {
                    content: stored.content,
                    sha1,
                    md5: stored.md5,
                    encryption,
                    uploaded: caller.now,
                };
                let answer = match source {
                    Source::Upload => response_json::part_with_checksum(file_id, number, &part),
                    Source::Copy => response_json::part(file_id, number, &part),
                };
                large_files::put_part(state, caller, file_id, number, part)?;
                Ok(Response::json(&answer))
            }
        }
    }
}

/// The digit in the file id.
const fn kind_of(len: u64) -> FileKind {
    if len < behavior::SMALL_FILE {
        FileKind::SmallOrHidden
    } else {
        FileKind::Normal
    }
}
