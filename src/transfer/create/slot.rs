//! [`Stage`] and its form in a bucket's info: what a carrier has to know, whoever began.

use serde::{Deserialize, Serialize};

use super::protocol::Intent;
use super::{CREATE_STAGES, is_create_stage};
use crate::error::{Error, ErrorKind};
use crate::types::{BucketId, FileId, FileName};

/// The entry of the bucket's info.
pub(super) const KEY: &str = "b2kit-create";

/// The entry of a stage's info, and of the file's that was made of it.
pub(super) const NONCE: &str = "b2kit-create-nonce";

/// The form of the entry that this version of the crate writes, and the only one it reads.
const FORM: u32 = 1;

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

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    form: u32,
    #[serde(default)]
    op: Op,
    #[serde(default)]
    bucket_id: String,
    #[serde(default)]
    stage_id: String,
    #[serde(default)]
    stage_name: String,
    #[serde(default)]
    nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Op {
    Create,
    Discard,
    #[default]
    #[serde(other)]
    Unknown,
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

/// As the entry of a bucket's info.
pub(super) fn write(intent: &Intent<Stage>) -> String {
    let stage = intent.stage();
    let entry = Entry {
        form: FORM,
        op: match intent {
            Intent::Create(_) => Op::Create,
            Intent::Discard(_) => Op::Discard,
        },
        bucket_id: stage.bucket_id.to_string(),
        stage_id: stage.file_id.to_string(),
        stage_name: stage.file_name.to_string(),
        nonce: stage.nonce.to_string(),
        file_name: stage.target.as_ref().map(|name| name.as_str().to_owned()),
    };
    serde_json::to_string(&entry).expect("texts and a number are JSON")
}

/// What an entry says. What can't have been written by this crate is an error: nothing is deleted on its word.
pub(super) fn read(entry: &str) -> Result<Intent<Stage>, Error> {
    let unread = |why: &str| {
        let what = format!("the entry \"{KEY}\" of the bucket's info {why}");
        Error::new(ErrorKind::Protocol, what)
    };
    let entry: Entry =
        serde_json::from_str(entry).map_err(|_| unread("is not what b2kit writes"))?;
    if entry.form != FORM {
        return Err(unread("is of another version of b2kit"));
    }
    if !fits(&entry.stage_name, &entry.nonce)
        || entry.stage_id.is_empty()
        || entry.bucket_id.is_empty()
    {
        return Err(unread("names no stage"));
    }
    let stage = |target| Stage {
        file_id: entry.stage_id.as_str().into(),
        file_name: entry.stage_name.as_str().into(),
        nonce: entry.nonce.as_str().into(),
        bucket_id: entry.bucket_id.as_str().into(),
        target,
    };
    match (entry.op, entry.file_name) {
        (Op::Create, Some(name)) => {
            let name = FileName::new(name).map_err(|_| unread("names no file"))?;
            if is_create_stage(name.as_str()) {
                return Err(unread("makes a file of a stage's name"));
            }
            Ok(Intent::Create(stage(Some(name))))
        }
        (Op::Discard, None) => Ok(Intent::Discard(stage(None))),
        _ => Err(unread("is not what b2kit writes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(target: Option<&str>) -> Stage {
        let nonce = "0123456789abcdef0123456789abcdef";
        Stage {
            file_id: "4_z1".into(),
            file_name: format!("{CREATE_STAGES}{nonce}.json").into(),
            nonce: nonce.into(),
            bucket_id: "b1".into(),
            target: target.map(|name| FileName::new(name).unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_longest_fits_into_a_buckets_info() {
        let longest = "\"".repeat(1_024);
        for intent in [
            Intent::Create(stage(Some("a/b \"c\".json"))),
            Intent::Create(stage(Some(&longest))),
            Intent::Discard(stage(None)),
        ] {
            let entry = write(&intent);
            assert!(entry.len() < 10_000);
            assert_eq!(read(&entry).unwrap(), intent);
        }
    }

    #[test]
    fn an_entry_that_this_crate_would_not_write_is_not_acted_upon() {
        let good = write(&Intent::Create(stage(Some("f"))));
        for (part, wrong) in [
            (r#""form":1"#, r#""form":2"#),
            (r#""op":"create""#, r#""op":"discard""#),
            (r#""op":"create""#, r#""op":"rename""#),
            (CREATE_STAGES, "photos/"),
            (r#""fileName":"f""#, r#""fileName":"""#),
            (r#""fileName":"f""#, r#""fileName":".b2kit-create/f""#),
            (r#""nonce":"0123"#, r#""nonce":"4567"#),
            (r#""stageId":"4_z1""#, r#""stageId":"""#),
            ("{", ""),
        ] {
            assert!(good.contains(part), "{part} in {good}");
            let error = read(&good.replace(part, wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{wrong}");
        }
    }

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
