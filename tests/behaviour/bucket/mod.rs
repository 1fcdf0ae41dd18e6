//! The methods of `BucketHandle`.

mod by_name;
mod delete;
mod delete_prefix;
mod hide;
mod list;
mod prune;
mod random_histories;
mod read;
mod rename;
mod settings;
mod sweep;
mod urls;

use std::future::IntoFuture as _;

use b2kit::api::{CreateBucket, CreateKey, HideFile, ListFileVersions, StartLargeFile, UploadFile};
use b2kit::backend::emulator::Emulator;
use b2kit::transfer::CREATE_STAGES;
use b2kit::types::{Action, BucketName, BucketType, Capability, FileName, FileVersion, KeyName};
use b2kit::{BucketHandle, Client, DeleteMode, Error, ManualTimer};
use futures::{Stream, TryStreamExt as _};

use crate::served;

const DELETE: DeleteMode = DeleteMode::Delete { concurrency: 4 };

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

/// A bucket whose files can be locked.
async fn lockable(b2: &Client) -> BucketHandle {
    let create = CreateBucket::new(
        BucketName::new("holiday-photos").unwrap(),
        BucketType::AllPrivate,
    );
    let made = b2.call(create.file_lock_enabled(true)).await.unwrap();
    let name = made.name();
    BucketHandle::new(b2.clone(), made.bucket_id, name)
}

async fn put(bucket: &BucketHandle, file: &str, content: &'static str) -> FileVersion {
    let upload = UploadFile::new(bucket.id(), name(file), content);
    bucket.client().call(upload).await.unwrap()
}

async fn hide(bucket: &BucketHandle, file: &str) -> FileVersion {
    let hide = HideFile::new(bucket.id(), name(file));
    bucket.client().call(hide).await.unwrap()
}

async fn start(bucket: &BucketHandle, file: &str) -> FileVersion {
    let start = StartLargeFile::new(bucket.id(), name(file));
    bucket.client().call(start).await.unwrap()
}

/// A stage, as an interrupted `create` leaves one.
async fn stage(bucket: &BucketHandle) -> FileVersion {
    put(bucket, &format!("{CREATE_STAGES}0123456789abcdef"), "stage").await
}

/// Every row that B2 lists, each as its name and action.
async fn rows(bucket: &BucketHandle) -> Vec<(String, Action)> {
    let rows = bucket.client().paginate(ListFileVersions::new(bucket.id()));
    let rows = rows.try_filter_map(|row| async { Ok(row.into_version()) });
    let rows = rows.map_ok(|version| (version.file_name.to_string(), version.action));
    rows.try_collect().await.unwrap()
}

/// The number of rows that B2 lists for this name.
async fn count(bucket: &BucketHandle, name: &str) -> usize {
    rows(bucket)
        .await
        .iter()
        .filter(|(row, _)| row == name)
        .count()
}

async fn text(bucket: &BucketHandle, name: &str) -> String {
    bucket.download(name).text(100).await.unwrap()
}

type Swept = Vec<(FileVersion, Result<(), Error>)>;

/// The outcomes of a stream that ends without an error.
async fn outcomes(
    sweep: impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>>,
) -> Swept {
    sweep.try_collect().await.unwrap()
}

/// The ids of the versions; asserts that all were deleted.
fn ids(swept: Swept) -> Vec<String> {
    let ids = swept.into_iter().map(|(version, outcome)| {
        outcome.unwrap();
        version.file_id.to_string()
    });
    ids.collect()
}

/// The same bucket, with a key that is restricted to it, to names that begin with `p/`, and to
/// these capabilities.
async fn restricted(
    bucket: &BucketHandle,
    emulator: &Emulator,
    timer: &ManualTimer,
    capabilities: &[Capability],
) -> BucketHandle {
    let create = CreateKey::new(KeyName::new("key").unwrap(), capabilities.to_vec());
    let create = create.bucket_ids([bucket.id()]).name_prefix("p/");
    let key = bucket.client().call(create).await.unwrap();
    let client = served(emulator)
        .credentials(key.credentials().unwrap())
        .timer(timer.clone());
    through(&client.build().unwrap(), bucket)
}

/// The same bucket, through another client.
fn through(client: &Client, bucket: &BucketHandle) -> BucketHandle {
    BucketHandle::new(client.clone(), bucket.id().clone(), bucket.name().clone())
}

/// Programs spawn these on the threads of any runtime.
#[test]
fn futures_and_streams_of_a_bucket_are_send_and_static() {
    fn spawnable<T: Send + 'static>(_: impl FnOnce(BucketHandle) -> T) {}
    let mode = DeleteMode::DryRun;
    let time = b2kit::types::Timestamp::from_millis(0);
    let rule = b2kit::PruneRule::KeepNewest(1);
    let all = b2kit::DeleteScope::AllVersions;
    spawnable(|bucket| bucket.list("p"));
    spawnable(|bucket| bucket.list_folder("p"));
    spawnable(|bucket| bucket.versions("p"));
    spawnable(|bucket| bucket.unfinished("p"));
    spawnable(|bucket| bucket.cancel_unfinished("p", time, mode));
    spawnable(|bucket| bucket.delete_prefix("p", mode));
    spawnable(|bucket| bucket.delete_all_files(mode));
    spawnable(|bucket| bucket.prune_versions("p", rule, mode));
    spawnable(|bucket| bucket.delete("f", all).into_future());
    let second = std::time::Duration::from_secs(1);
    spawnable(|bucket| bucket.presigned_url("f", second).into_future());
    spawnable(|bucket| async move { bucket.stat("f").await });
    spawnable(|bucket| async move { bucket.exists("f").await });
    spawnable(|bucket| async move { bucket.hide("f").await });
    spawnable(|bucket| async move { bucket.unhide("f").await });
    spawnable(|bucket| async move { bucket.rename("f", "g", all).await });
    spawnable(|bucket| async move { bucket.public_url("f").await });
    spawnable(|bucket| async move { bucket.settings().await });
    spawnable(|bucket| async move { bucket.update(|update| update).await });
    spawnable(|bucket| async move { bucket.delete_bucket().await });
    spawnable(|bucket| async move { bucket.download("f").bytes(1).await });
    spawnable(|bucket| async move { bucket.download("f").text(1).await });
}
