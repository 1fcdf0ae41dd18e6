//! [`ResumeToken`]: identifies an unfinished upload across processes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::client::Unfinished;
use crate::error::Error;
use crate::types::{FileId, object_from_str};

/// Identifies an unfinished upload, so that another process can resume it with
/// [`Upload::resume_from`](crate::transfer::Upload::resume_from).
///
/// It contains no secrets and is not trusted: each part at B2 is compared with the source before it
/// is reused. `Display` formats it as JSON with a format version,
/// `{"b2kit-resume":1,"fileId":"…"}`; `FromStr` parses that.
///
/// ```
/// use b2kit::transfer::ResumeToken;
///
/// let token = ResumeToken::new("4_z27c88f1d182b150646ff0b16_f200ec353a2184825");
/// let text = token.to_string();
/// assert_eq!(text.parse::<ResumeToken>()?, token);
/// # Ok::<(), b2kit::Error>(())
/// ```
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
    /// Creates the token of the unfinished large file with this id.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Unfinished {
    /// Returns the token for [`Upload::resume_from`](crate::transfer::Upload::resume_from), or
    /// `None` if the client never received the file's id.
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

    /// Parses a token.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the text is not a token, or has a later format
    /// version.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::invalid(format!("the resume token {what}"));
        if text.len() > 4_096 {
            return Err(wrong("is too long"));
        }
        let written: TokenDocument = object_from_str(text)
            .map_err(|error| wrong("was not made by b2kit").with_source(error))?;
        if written.version != 1 {
            return Err(wrong("has an unknown version"));
        }
        Ok(Self::new(written.file_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_version_1_is_read_and_written_unchanged() {
        let text = r#"{"b2kit-resume":1,"fileId":"4_z27c88f1d182b150646ff0b16_f200ec353a2184825"}"#;
        let token: ResumeToken = text.parse().unwrap();
        assert_eq!(
            token.file_id.as_str(),
            "4_z27c88f1d182b150646ff0b16_f200ec353a2184825"
        );
        assert_eq!(token.to_string(), text);
    }

    #[test]
    fn a_token_of_a_later_version_is_refused() {
        let later = r#"{"b2kit-resume":2,"fileId":"4_z1"}"#;
        let error = later.parse::<ResumeToken>().unwrap_err();
        assert!(error.to_string().contains("unknown version"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_object_is_refused() {
        for text in [
            r#"[1,"4_z1"]"#,
            "1",
            "",
            r#"{"b2kit-resume":1,"fileId":"4_z1"}{}"#,
        ] {
            let error = text.parse::<ResumeToken>().unwrap_err();
            assert!(error.to_string().contains("not made by b2kit"), "{error}");
        }
    }

    #[test]
    fn a_token_of_at_most_four_kibibytes_is_read() {
        let token = ResumeToken::new("4_z1").to_string();
        let padded = |len: usize| token.clone() + &" ".repeat(len - token.len());
        assert!(padded(4_096).parse::<ResumeToken>().is_ok());
        let error = padded(4_097).parse::<ResumeToken>().unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
