//! One value in a server's replies is a lie: each number, URL, name and list, each header, each whole body. Nothing panics,
//! hangs, takes much memory, goes elsewhere, shows a secret or deletes what it was not asked to.

#![allow(
    clippy::disallowed_methods,
    reason = "real time is what is killed and hangs"
)]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::time::{Duration, Instant};

use b2kit::api::{
    DeleteFileVersion, GetFileInfo, HideFile, ListBuckets, ListFileNames, ListFileVersions,
    ListKeys, ListParts, ListUnfinishedLargeFiles,
};
use b2kit::backend::emulator::Emulator;
use b2kit::transfer::{OnFailure, Source};
use b2kit::types::BucketName;
use b2kit::{BucketHandle, Bytes, Client, Credentials, DeleteMode, Error, RetryPolicy};
use b2kit_campaign::hostile_server::{HostileServer, Lie, lies};
use b2kit_campaign::process::{Shown, peak_mib, reset_peak};
use b2kit_campaign::seeds::for_seeds;
use b2kit_campaign::workload::{self, PART, directly};
use fastrand::Rng;
use futures::TryStreamExt as _;
use futures::executor::block_on;

/// By how much the memory of the process, with a megabyte in a lie and the server in it, may grow with one lie.
const MAX_GROWTH_MIB: u64 = 100;
/// What the process may use after thousands of lies.
const MAX_PEAK_MIB: u64 = 300;
/// Each case has a deadline of a second for each of its forty calls.
const HANG: Duration = Duration::from_secs(120);

fn account() -> Emulator {
    let emulator = workload::emulator().build();
    let other = emulator.create_bucket("other-bucket", false).unwrap();
    let mine = emulator.create_bucket("campaign", false).unwrap();
    let b2 = directly(&emulator);
    let put = |id: &str, name: &str| {
        let bucket = BucketHandle::new(b2.clone(), id.into(), BucketName::new("campaign").unwrap());
        block_on(bucket.upload(name, "meow").into_future()).unwrap();
    };
    put(&other, "pre/x");
    put(&mine, "precious");
    put(&mine, "pre/x");
    put(&mine, "pre/y");
    emulator
}

/// What a program may do, with all errors told to `shown`.
fn everything(b2: &Client, shown: &Shown) {
    let directory = tempfile::tempdir().unwrap();
    let tell = |outcome: Result<(), Error>| {
        if let Err(error) = outcome {
            shown.error(&error);
            let longest = format!("{error}").len();
            assert!(longest < 8_192, "an error's text has {longest} bytes");
        }
    };
    let bucket = match block_on(b2.bucket("campaign")) {
        Ok(bucket) => bucket,
        Err(error) => return tell(Err(error)),
    };
    let large = Bytes::from(vec![7; 3 * PART as usize]);
    let path = directory.path().join("down");
    tell(block_on(async {
        bucket.upload("new/small", "meow").await.map(drop)
    }));
    tell(block_on(async {
        let upload = bucket.upload("new/large", Source::bytes(large.clone()));
        upload
            .part_size(PART)
            .on_failure(OnFailure::Keep)
            .await
            .map(drop)
    }));
    tell(block_on(async {
        let upload = bucket.upload("new/large", Source::bytes(large.clone()));
        upload.part_size(PART).resume().await.map(drop)
    }));
    tell(block_on(async {
        let read = bucket
            .download("pre/x")
            .stream()
            .await?
            .collect(1 << 20)
            .await?;
        assert_eq!(read, b"meow", "bytes that nobody stored");
        Ok(())
    }));
    tell(block_on(async {
        let done = bucket
            .download("pre/x")
            .range_size(1)
            .to_path(&path)
            .await?;
        assert_eq!(fs::read(&path).unwrap(), b"meow", "{done:?}");
        Ok(())
    }));
    tell(block_on(async {
        let rows = b2.paginate(
            ListFileNames::new(bucket.id())
                .prefix("pre/")
                .delimiter("/"),
        );
        let rows: Vec<_> = rows.try_collect().await?;
        assert!(
            rows.iter().all(|row| row.file_name().starts_with("pre/")),
            "{rows:?}"
        );
        Ok(())
    }));
    tell(block_on(async {
        let rows = b2.paginate(ListFileVersions::new(bucket.id()).prefix("pre/"));
        let rows: Vec<_> = rows.try_collect().await?;
        assert!(
            rows.iter().all(|row| row.file_name().starts_with("pre/")),
            "{rows:?}"
        );
        for version in rows
            .into_iter()
            .filter_map(|row| row.into_version())
            .take(3)
        {
            b2.call(GetFileInfo::new(&version.file_id)).await?;
            bucket.copy(&version, "new/copy").await?;
        }
        Ok(())
    }));
    tell(block_on(async {
        let files = b2.paginate(ListUnfinishedLargeFiles::new(bucket.id()));
        for file in files.try_collect::<Vec<_>>().await? {
            b2.paginate(ListParts::new(&file.file_id))
                .try_collect::<Vec<_>>()
                .await?;
        }
        Ok(())
    }));
    tell(block_on(b2.paginate(ListKeys::new()).try_collect::<Vec<_>>()).map(drop));
    tell(block_on(b2.call(ListBuckets::new())).map(drop));
    tell(block_on(b2.call(HideFile::new(bucket.id(), "new/small".try_into().unwrap()))).map(drop));
    tell(block_on(async {
        let rows = b2.paginate(ListFileVersions::new(bucket.id()).prefix("new/s"));
        for version in rows
            .try_collect::<Vec<_>>()
            .await?
            .into_iter()
            .filter_map(|row| row.into_version())
        {
            b2.call(DeleteFileVersion::new(
                &*version.file_name,
                &version.file_id,
            ))
            .await?;
        }
        Ok(())
    }));
    let deleted =
        b2.delete_all_versions(bucket.id(), "pre/", DeleteMode::Delete { concurrency: 2 });
    tell(block_on(
        deleted.try_for_each(|(_, outcome)| std::future::ready(outcome)),
    ));
    drop(block_on(b2.cancel_orphaned_uploads()));
}

fn told(lie: Option<Lie>) -> HostileServer {
    let emulator = account();
    let server = HostileServer::new(emulator.clone(), lie.clone());
    let shown = Shown::default();
    let begun = Instant::now();
    let before = reset_peak().then(peak_mib).flatten();
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(server.clone())
        .retry_policy(RetryPolicy::disabled().with_deadline(Duration::from_secs(3)))
        .build()
        .unwrap();
    shown.while_doing(|| everything(&b2, &shown));
    assert!(
        begun.elapsed() < HANG,
        "it took {:?}: {lie:?}",
        begun.elapsed()
    );

    // What nobody asked to be deleted is there.
    let honest = directly(&emulator);
    for (bucket, name) in [("other-bucket", "pre/x"), ("campaign", "precious")] {
        let read = block_on(async {
            let bucket = honest.bucket(bucket).await?;
            bucket.download(name).stream().await?.collect(100).await
        });
        assert_eq!(read.unwrap(), b"meow", "{bucket}/{name} is gone");
    }
    let seen = server.seen();
    let mut seen = seen.lock().unwrap();
    let home = emulator.url().parse::<b2kit::http::Uri>().unwrap();
    let strangers: Vec<_> = seen
        .hosts
        .iter()
        .filter(|host| Some(host.as_str()) != home.host())
        .collect();
    assert!(strangers.is_empty(), "requests went to {strangers:?}");
    seen.secrets.insert(emulator.key().to_owned());
    assert_eq!(
        shown.secrets(&seen.secrets),
        Vec::<String>::new(),
        "secrets were shown"
    );
    drop(seen);
    if let Some(peak) = peak_mib() {
        assert!(peak <= MAX_PEAK_MIB, "{peak} MiB of memory");
        let growth = peak.saturating_sub(before.unwrap_or(peak));
        assert!(
            growth <= MAX_GROWTH_MIB,
            "{growth} MiB of memory for one lie"
        );
    }
    server
}

/// Each `stride`th lie, from a random one on.
fn each(seed: u64, stride: usize) {
    let honest = told(None);
    let seen = honest.seen();
    let seen = seen.lock().unwrap();
    let (mut count, mut harmful) = (0, Vec::new());
    let from = Rng::with_seed(seed).usize(..stride);
    for lie in lies(&seen).skip(from).step_by(stride) {
        if std::panic::catch_unwind(|| told(Some(lie.clone()))).is_err() {
            let mut text = format!("{lie:?}");
            text.truncate(600);
            harmful.push(text);
        }
        count += 1;
    }
    eprintln!("{count} of {} lies", lies(&seen).count());
    assert!(
        harmful.is_empty(),
        "{} did harm: {harmful:#?}",
        harmful.len()
    );
}

#[test]
fn a_lie_in_any_reply_harms_nobody() {
    for_seeds(1, |seed| each(seed, 37));
}

#[test]
#[ignore = "the long form"]
fn every_lie_in_any_reply_harms_nobody() {
    for_seeds(1, |seed| each(seed, 1));
}
