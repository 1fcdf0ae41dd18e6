//! Every call with effects, with its response lost, and with each possible result of reconciliation.

use std::time::Duration;

use b2kit::api::{
    CancelLargeFile, CopyFile, CopyPart, CreateBucket, CreateKey, DeleteBucket, DeleteFileVersion,
    DeleteKey, FinishLargeFile, GetFileInfo, HideFile, ListBuckets, ListFileVersions, ListKeys,
    ListParts, ListUnfinishedLargeFiles, SetBucketNotificationRules, StartLargeFile, UpdateBucket,
    UpdateFileLegalHold, UpdateFileRetention, UploadFile, UploadPart,
};
use b2kit::types::{
    Bucket, BucketInfo, BucketName, BucketType, Capability, EventNotificationRules, FileId,
    FileName, FileRetention, FileVersion, KeyName, LegalHold, PartNumber, Restricted,
    RetentionMode, Sha1, Timestamp,
};
use b2kit::{Client, Error};

use crate::script::Fault::{
    self, DelayedExecution, Garbage, LostResponse, Status, UnansweredRequest,
};
use crate::script::Script;

/// The outcome of a call with a lost response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Success, executed once.
    Once,
    /// Success, executed once, and reported as a possible duplicate.
    OncePerhapsTwice,
    /// Success, executed twice, and reported as a possible duplicate.
    TwiceAndSaid,
    /// An error that says that the call may have taken effect.
    Open,
}

use Outcome::{Once, OncePerhapsTwice as Perhaps, Open, TwiceAndSaid as Twice};

/// A call, the call that reconciles it, and its outcomes. Rows: the response was lost; the request was lost; the
/// request is executed long after the client's timeout. Columns: reconciliation succeeds; the key lacks the capability;
/// it fails.
type Row = (&'static str, &'static str, [[Outcome; 3]; 3]);

const ONCE: [[Outcome; 3]; 3] = [[Once; 3]; 3];

const TABLE: [Row; 18] = [
    (
        "b2_upload_file",
        "b2_list_file_versions",
        [[Once, Twice, Twice], [Once, Perhaps, Perhaps], [Twice; 3]],
    ),
    // B2 replaces a part that already exists.
    ("b2_upload_part", "", ONCE),
    (
        "b2_start_large_file",
        "b2_list_unfinished_large_files",
        [[Once, Twice, Twice], [Once, Perhaps, Perhaps], [Twice; 3]],
    ),
    (
        "b2_finish_large_file",
        "b2_get_file_info",
        // A key that may not get the file's info may list its parts, as long as it has any.
        [[Once, Open, Open], [Once, Once, Open], [Once, Open, Open]],
    ),
    (
        "b2_cancel_large_file",
        "b2_get_file_info",
        [[Once, Once, Open], [Once; 3], [Once, Once, Open]],
    ),
    (
        "b2_copy_file",
        "b2_get_file_info",
        [[Once, Twice, Twice], [Once, Perhaps, Perhaps], [Twice; 3]],
    ),
    (
        "b2_copy_file ",
        "b2_list_file_versions",
        [[Once, Twice, Twice], [Once, Perhaps, Perhaps], [Twice; 3]],
    ),
    ("b2_copy_part", "", ONCE),
    (
        "b2_create_bucket",
        "b2_list_buckets",
        [[Once, Open, Open], [Once; 3], [Once, Open, Open]],
    ),
    (
        "b2_create_key",
        "b2_list_keys",
        // A second key is created only if there can't be a first.
        [[Open; 3], [Once, Open, Open], [Open; 3]],
    ),
    ("b2_delete_bucket", "", ONCE),
    ("b2_delete_file_version", "", ONCE),
    (
        "b2_delete_key",
        "b2_list_keys",
        [[Once, Open, Open], [Once; 3], [Once, Open, Open]],
    ),
    (
        "b2_hide_file",
        "b2_list_file_versions",
        [
            [Once, Open, Open],
            [Once, Perhaps, Perhaps],
            [Once, Open, Open],
        ],
    ),
    (
        "b2_update_bucket",
        "b2_list_buckets",
        [[Once, Open, Open], [Once, Open, Open], [Once, Open, Open]],
    ),
    ("b2_set_bucket_notification_rules", "", ONCE),
    ("b2_update_file_legal_hold", "", ONCE),
    ("b2_update_file_retention", "", ONCE),
];

#[test]
fn no_lost_message_makes_a_call_execute_twice_unreported() {
    // Whatever status an intermediary puts in place of B2's, it says nothing about what B2 has done.
    let foreign = [
        302, 307, 400, 401, 403, 404, 409, 413, 418, 429, 499, 500, 502, 503, 504,
    ];
    let after = foreign.map(Fault::Foreign);
    let after = [LostResponse, Garbage].into_iter().chain(after).collect();
    // After a gateway's 499, 502 or 504 the server may still execute the request.
    let portals = [302, 307, 400, 401, 403, 404, 409, 413, 418, 429, 500, 503];
    let before = std::iter::once(UnansweredRequest).chain(portals.map(Fault::Portal));
    let losses: [Vec<Fault>; 3] = [after, before.collect(), vec![DelayedExecution]];
    let answers = [
        None,
        Some((401, "unauthorized")),
        Some((403, "transaction_cap_exceeded")),
    ];
    let mut wrong = Vec::new();
    for (call, probe, ends) in TABLE {
        for (losses, ends) in losses.iter().zip(ends) {
            for (answer, expected) in answers.into_iter().zip(ends) {
                for loss in losses {
                    // A few statuses represent all when they are combined with each result of reconciliation.
                    let stands_for_all = match loss {
                        Fault::Foreign(status) | Fault::Portal(status) => {
                            matches!(status, 302 | 403 | 404 | 503)
                        }
                        _ => true,
                    };
                    if answer.is_some() && !stands_for_all {
                        continue;
                    }
                    let answer = answer.map(|(status, code)| Status(status, code, &[]));
                    let end = outcome_of(call.trim_end(), loss, probe, answer.as_ref());
                    if end != expected {
                        wrong.push(format!(
                            "{call}, {loss:?}, {answer:?}: {end:?}, not {expected:?}"
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_every_call_with_effects() {
    use b2kit::api::CallKind::{Upload, Write};
    for (_, metadata) in crate::names::calls() {
        let changes = matches!(metadata.kind, Write | Upload);
        let has_row = TABLE.iter().any(|(call, ..)| *call == metadata.name);
        assert_eq!(changes, has_row, "{}", metadata.name);
    }
}

fn outcome_of(call: &str, loss: &Fault, probe: &'static str, answer: Option<&Fault>) -> Outcome {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let world = Fixture::new(&b2, &script).await;
        let name = crate::names::names();
        let name = name.into_iter().find(|name| *name == call).unwrap();
        script.push(name, loss.clone());
        for _ in 0..10 {
            answer
                .into_iter()
                .for_each(|answer| script.push(probe, answer.clone()));
        }
        let outcome = world.make(call, &b2).await;
        script.forget();
        script.deliver_late().await;
        let done = world.executions(call, &b2).await;
        match (outcome, done) {
            (Ok(false), 1) => Outcome::Once,
            (Ok(true), 1) => Outcome::OncePerhapsTwice,
            (Ok(true), 2) => Outcome::TwiceAndSaid,
            (Err(error), 0 | 1) if error.may_have_taken_effect() => Outcome::Open,
            (outcome, done) => {
                panic!("{call}, {loss:?}, {answer:?}: done {done} times, and {outcome:?}")
            }
        }
    })
}

/// The objects that the calls operate on.
struct Fixture {
    bucket: Bucket,
    empty: Bucket,
    file: FileVersion,
    large: FileId,
    key: b2kit::types::ApplicationKeyId,
}

const RETAINED: FileRetention = FileRetention::until(
    RetentionMode::Governance,
    Timestamp::from_millis(4_000_000_000_000),
);

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

fn create_bucket(name: &str) -> CreateBucket {
    CreateBucket::new(BucketName::new(name).unwrap(), BucketType::AllPrivate)
}

fn create_key(name: &str) -> CreateKey {
    CreateKey::new(KeyName::new(name).unwrap(), [Capability::ListFiles])
}

fn part(large: &FileId, number: u64) -> UploadPart {
    let number = PartNumber::new(number).unwrap();
    UploadPart::new(large, number, vec![b'x'; 10])
}

impl Fixture {
    async fn new(b2: &Client, script: &Script) -> Self {
        let bucket = create_bucket("holiday-photos").file_lock_enabled(true);
        let bucket = b2.call(bucket).await.unwrap();
        let empty = b2.call(create_bucket("nothing-there")).await.unwrap();
        let file = UploadFile::new(&bucket.bucket_id, name("f"), "0123456789");
        let file = b2.call(file).await.unwrap();
        let large = StartLargeFile::new(&bucket.bucket_id, name("large"));
        let large = b2.call(large).await.unwrap().file_id;
        b2.call(part(&large, 1)).await.unwrap();
        b2.call(part(&large, 2)).await.unwrap();
        let key = b2
            .call(create_key("old"))
            .await
            .unwrap()
            .key
            .application_key_id;
        // Existing objects are older than new ones, and the client knows the server's time.
        script.clock.advance(Duration::from_secs(5));
        b2.call(ListBuckets::new()).await.unwrap();
        Self {
            bucket,
            empty,
            file,
            large,
            key,
        }
    }

    /// Makes the call. `true` is success with a possible duplicate.
    async fn make(&self, call: &str, b2: &Client) -> Result<bool, Error> {
        let bucket = &self.bucket.bucket_id;
        let said = |file: FileVersion| file.possible_duplicate;
        let id = &self.file.file_id;
        let third = PartNumber::new(3).unwrap();
        Ok(match call {
            "b2_upload_file" => said(
                b2.call(UploadFile::new(bucket, name("new"), "hello"))
                    .await?,
            ),
            "b2_upload_part" => b2.call(part(&self.large, 3)).await.map(|_| false)?,
            "b2_start_large_file" => {
                let start = StartLargeFile::new(bucket, name("new"))
                    .upload_id("ours")
                    .unwrap();
                said(b2.call(start).await?)
            }
            "b2_finish_large_file" => {
                let sha1s = [Sha1::of(&[b'x'; 10]); 2];
                said(b2.call(FinishLargeFile::new(&self.large, sha1s)).await?)
            }
            "b2_cancel_large_file" => b2
                .call(CancelLargeFile::new(&self.large))
                .await
                .map(|_| false)?,
            "b2_copy_file" => said(b2.call(CopyFile::new(id, name("new"))).await?),
            "b2_copy_part" => b2
                .call(CopyPart::new(id, &self.large, third))
                .await
                .map(|_| false)?,
            "b2_create_bucket" => b2.call(create_bucket("new-photos")).await.map(|_| false)?,
            "b2_create_key" => b2.call(create_key("new")).await.map(|_| false)?,
            "b2_delete_bucket" => {
                let delete = DeleteBucket::new(&self.empty.bucket_id);
                b2.call(delete).await.map(|_| false)?
            }
            "b2_delete_file_version" => b2
                .call(DeleteFileVersion::new("f", id))
                .await
                .map(|_| false)?,
            "b2_delete_key" => b2.call(DeleteKey::new(&self.key)).await.map(|_| false)?,
            "b2_hide_file" => said(b2.call(HideFile::new(bucket, name("f"))).await?),
            "b2_update_bucket" => {
                let info = BucketInfo::new().with("new", "x").unwrap();
                let update = UpdateBucket::new(bucket).bucket_info(info);
                let update = update.if_revision_is(self.bucket.revision);
                b2.call(update).await.map(|_| false)?
            }
            "b2_set_bucket_notification_rules" => {
                let rules = EventNotificationRules::default();
                let set = SetBucketNotificationRules::new(bucket, rules);
                b2.call(set).await.map(|_| false)?
            }
            "b2_update_file_legal_hold" => {
                let hold = UpdateFileLegalHold::new("f", id, LegalHold::On);
                b2.call(hold).await.map(|_| false)?
            }
            "b2_update_file_retention" => {
                let retain = UpdateFileRetention::new("f", id, RETAINED);
                b2.call(retain).await.map(|_| false)?
            }
            _ => panic!("{call} is not made"),
        })
    }

    /// How many times it was executed.
    async fn executions(&self, call: &str, b2: &Client) -> usize {
        let bucket = &self.bucket.bucket_id;
        let versions = b2.call(ListFileVersions::new(bucket)).await.unwrap().files;
        let versions: Vec<_> = versions.iter().filter_map(|row| row.version()).collect();
        let of = |name: &str| {
            versions
                .iter()
                .filter(|version| version.file_name.as_str() == name)
                .count()
        };
        let unfinished = b2
            .call(ListUnfinishedLargeFiles::new(bucket))
            .await
            .unwrap()
            .files;
        let buckets = b2.call(ListBuckets::new()).await.unwrap().buckets;
        let keys = b2.call(ListKeys::new()).await.unwrap().keys;
        let started = |name: &str| {
            unfinished
                .iter()
                .filter(|file| file.file_name.as_str() == name)
                .count()
        };
        match call {
            "b2_upload_file" | "b2_copy_file" => of("new"),
            "b2_upload_part" | "b2_copy_part" => {
                b2.call(ListParts::new(&self.large))
                    .await
                    .unwrap()
                    .parts
                    .len()
                    - 2
            }
            "b2_start_large_file" => started("new"),
            "b2_finish_large_file" => 1 - started("large"),
            "b2_cancel_large_file" => 1 - started("large") - of("large"),
            "b2_create_bucket" => buckets.len() - 2,
            "b2_create_key" => keys.len() - 1,
            "b2_delete_bucket" => 2 - buckets.len(),
            "b2_delete_file_version" => 1 - of("f"),
            "b2_delete_key" => 1 - keys.len(),
            "b2_hide_file" => of("f") - 1,
            "b2_update_bucket" => {
                let info = |bucket: &Bucket| bucket.bucket_info.get("new").is_some();
                buckets.iter().filter(|bucket| info(bucket)).count()
            }
            // The new rules equal the old ones, so executions can't be counted.
            "b2_set_bucket_notification_rules" => 1,
            "b2_update_file_legal_hold" => {
                let file = b2.call(GetFileInfo::new(&self.file.file_id)).await.unwrap();
                usize::from(file.legal_hold == Restricted::Value(Some(LegalHold::On)))
            }
            "b2_update_file_retention" => {
                let file = b2.call(GetFileInfo::new(&self.file.file_id)).await.unwrap();
                usize::from(file.file_retention == Restricted::Value(RETAINED))
            }
            _ => panic!("{call} is not looked for"),
        }
    }
}
