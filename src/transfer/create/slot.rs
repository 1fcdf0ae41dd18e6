//! [`CreateSlot`], and the format of its entry in the bucket's info.

use serde::{Deserialize, Serialize};

use super::protocol::Intent;
use super::stage::{Stage, is_create_stage, is_stage_name};
use crate::client::BucketHandle;
use crate::error::{Error, ErrorKind};
use crate::types::{FileName, object_from_str};

/// The key of the slot's entry.
pub(super) const KEY: &str = "b2kit-create";

/// The coordination point of writers that [create](BucketHandle::create) files: one entry,
/// `b2kit-create`, of a bucket's info.
///
/// All writers that may create the same name have to use the same slot. Creates that share a slot
/// run sequentially, so use one slot for each set of names that belong together, such as a table. A
/// dedicated bucket is best: updating a bucket needs `writeBuckets`, which a key restricted to
/// buckets can't have, and the dedicated bucket's client can use another key than the client for
/// the files. The bucket of the files works too. Its other info entries are preserved.
#[derive(Debug, Clone)]
pub struct CreateSlot {
    bucket: BucketHandle,
}

impl CreateSlot {
    /// The slot of this bucket, accessed through the handle's client.
    #[must_use]
    pub const fn new(bucket: BucketHandle) -> Self {
        Self { bucket }
    }

    /// The bucket whose info holds the entry.
    #[must_use]
    pub const fn bucket(&self) -> &BucketHandle {
        &self.bucket
    }
}

/// The entry's format version. No other version is read.
const FORM: u32 = 1;

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

/// Serializes an intent as an entry.
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
    serde_json::to_string(&entry).expect("strings and a number are valid JSON")
}

/// Parses an entry. An entry that this crate can't have written is an error, so that nothing is
/// deleted because of it.
pub(super) fn read(entry: &str) -> Result<Intent<Stage>, Error> {
    let unread = |why: &str| {
        let what = format!("the entry \"{KEY}\" of the bucket's info {why}");
        Error::new(ErrorKind::Protocol, what)
    };
    let entry: Entry = object_from_str(entry).map_err(|_| unread("is not what b2kit writes"))?;
    if entry.form != FORM {
        return Err(unread("was written by another version of b2kit"));
    }
    if !is_stage_name(&entry.stage_name, &entry.nonce)
        || entry.stage_id.is_empty()
        || entry.bucket_id.is_empty()
    {
        return Err(unread("does not name a stage"));
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
            let name = FileName::new(name).map_err(|_| unread("does not name a file"))?;
            if is_create_stage(name.as_str()) {
                return Err(unread("creates a file under the name of a stage"));
            }
            Ok(Intent::Create(stage(Some(name))))
        }
        (Op::Discard, None) => Ok(Intent::Discard(stage(None))),
        _ => Err(unread("is not what b2kit writes")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::CREATE_STAGES;
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
    fn slot_entries_round_trip_and_the_longest_fits_into_bucket_info() {
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

    /// Entries as first written in this format. Never change them: existing buckets hold entries of
    /// other versions of the crate.
    const FORM_1: [&str; 2] = [
        concat!(
            r#"{"form":1,"op":"create","bucketId":"b1","stageId":"4_z1","#,
            r#""stageName":".b2kit-create/0123456789abcdef0123456789abcdef.json","#,
            r#""nonce":"0123456789abcdef0123456789abcdef","fileName":"a/b.json"}"#,
        ),
        concat!(
            r#"{"form":1,"op":"discard","bucketId":"b1","stageId":"4_z1","#,
            r#""stageName":".b2kit-create/0123456789abcdef0123456789abcdef.json","#,
            r#""nonce":"0123456789abcdef0123456789abcdef"}"#,
        ),
    ];

    #[test]
    fn entries_of_form_1_are_read_and_written_unchanged() {
        let intents = [
            Intent::Create(stage(Some("a/b.json"))),
            Intent::Discard(stage(None)),
        ];
        for (entry, intent) in FORM_1.into_iter().zip(intents) {
            assert_eq!(read(entry).unwrap(), intent);
            assert_eq!(write(&intent), entry);
        }
    }

    #[test]
    fn an_unknown_or_contradictory_entry_is_a_protocol_error() {
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
        let array = format!(
            r#"[1,"create","b1","4_z1","{CREATE_STAGES}{0}.json","{0}","f"]"#,
            "0123456789abcdef0123456789abcdef"
        );
        assert!(read(&array).is_err());
    }
}
