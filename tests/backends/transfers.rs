//! Files in concurrent parts and ranges, over real connections.

use std::fs;
use std::pin::pin;

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::Emulator;
use b2kit::transfer::Source;
use b2kit::types::{BucketName, BucketType};
use b2kit::{BucketHandle, Bytes, Client};
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};

use super::served;

const PART: usize = 300_000;

/// An emulator with a bucket.
async fn bucket() -> (Emulator, Client, BucketHandle) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(PART as u64)
        .build();
    let b2 = served(&emulator).build().unwrap();
    let name = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(name, BucketType::AllPrivate);
    b2.call(create).await.unwrap();
    let bucket = b2.bucket("holiday-photos").await.unwrap();
    (emulator, b2, bucket)
}

fn content(len: usize) -> Bytes {
    (0..len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_file_is_uploaded_in_parts_and_downloaded_in_ranges() {
    block_on(async {
        let (_, _, bucket) = bucket().await;
        let content = content(10 * PART + 1);
        let uploaded = bucket.upload("f", content.clone()).await.unwrap();
        assert_eq!(uploaded.parts, 11);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let download = bucket.download("f").range_size(PART as u64);
        download.concurrency(4).to_path(&path).await.unwrap();
        assert!(fs::read(&path).unwrap() == content);

        let stream = bucket.download("f").stream().await.unwrap();
        assert!(stream.collect(content.len()).await.unwrap() == content);
    });
}

#[test]
fn dropping_an_upload_in_the_middle_of_its_parts_affects_no_other() {
    block_on(async {
        let (emulator, b2, bucket) = bucket().await;
        let whole = content(4 * PART);
        let (stuck, is_stuck) = oneshot::channel();
        let first = whole.slice(..2 * PART + 7);
        let silence = stream::once(async move {
            stuck.send(()).unwrap();
            std::future::pending().await
        });
        let source = stream::iter([Ok(first)]).chain(silence).boxed();
        let source = Source::sized_stream(whole.len() as u64, source);
        stopped_when(bucket.upload("f", source), is_stuck).await;

        assert_eq!(emulator.snapshot().versions, 0);
        bucket.upload("g", whole.clone()).await.unwrap();
        let stream = bucket.download("g").stream().await.unwrap();
        assert!(stream.collect(whole.len()).await.unwrap() == whole);
        assert!(b2.cancel_orphaned_uploads().await.is_empty());
        assert_eq!(emulator.snapshot().unfinished_large_files, 0);
    });
}

/// Polls an upload until the signal arrives, then drops it.
async fn stopped_when(upload: impl IntoFuture, time: oneshot::Receiver<()>) {
    match select(pin!(upload.into_future()), time).await {
        Either::Left(_) => panic!("it has no end"),
        Either::Right((came, _)) => came.unwrap(),
    }
}
