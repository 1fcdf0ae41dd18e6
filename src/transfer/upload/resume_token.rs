//! [`ResumeToken`]: names an unfinished upload across processes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::client::Unfinished;
use crate::error::Error;
use crate::types::FileId;

/// Names an unfinished upload, so that another process can go on with it. It holds no secret and decides nothing: what is
/// there is compared with the file before it is used.
///
/// It is written as JSON, with the version of its form: `{"b2kit-resume":1,"fileId":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken {
    pub(super) file_id: FileId,
}

#[derive(Serialize, Deserialize)]
struct TokenDocument {
    #[serde(rename = "b2kit-resume")]
    version: u32,
    #[serde(rename = "fileId")]
    file_id: FileId,
}

impl ResumeToken {
    /// Names the upload of this unfinished large file.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Unfinished {
    /// What [`Upload::resume_from`](super::Upload::resume_from) takes; `None` if B2 never told the file's id.
    #[must_use]
    pub fn resume_token(&self) -> Option<ResumeToken> {
        self.file_id.as_ref().map(ResumeToken::new)
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = TokenDocument {
            version: 1,
            file_id: self.file_id.clone(),
        };
        f.write_str(&serde_json::to_string(&written).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for ResumeToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::invalid(format!("the resume token {what}"));
        if text.len() > 4_096 {
            return Err(wrong("is longer than one can be"));
        }
        let written: TokenDocument = serde_json::from_str(text)
            .map_err(|error| wrong("is none of this crate's").with_source(error))?;
        if written.version != 1 {
            return Err(wrong("has a version that this release doesn't know"));
        }
        Ok(Self::new(written.file_id))
    }
}
