//! One value in a server's replies is tampered with: each number, URL, name and list, each header, each whole body. The
//! client doesn't panic, hang, use much memory, contact foreign hosts, show a secret, or delete anything it was not
//! asked to.

#![allow(clippy::disallowed_methods, reason = "hangs are detected in real time")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::cell::Cell;
use std::collections::BTreeSet;
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
use b2kit_campaign::hostile_server::{HostileServer, Tampering, echoes, tamperings};
use b2kit_campaign::process::{CapturedOutput, peak_mib, reset_peak};
use b2kit_campaign::seeds::for_seeds;
use b2kit_campaign::workload::{self, PART, direct_client};
use fastrand::Rng;
use futures::TryStreamExt as _;
use futures::executor::block_on;

/// How much the process's memory may grow during one tampering, which has up to a megabyte. The server's memory is
/// included.
const MAX_GROWTH_MIB: u64 = 100;
/// The memory limit of the process after thousands of tamperings.
const MAX_PEAK_MIB: u64 = 300;
/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(3);
/// No operation makes more consecutive calls that each take that long; the rest is for a busy machine.
const HANG_TIMEOUT: Duration = Duration::from_secs(6 * 3 + 12);

fn emulator_with_files() -> Emulator {
    let emulator = workload::emulator().build();
    let other = emulator.create_bucket("other-bucket", false).unwrap();
    let mine = emulator.create_bucket("campaign", false).unwrap();
    let b2 = direct_client(&emulator);
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

/// Every operation of a program; errors go to `shown`.
fn run_every_operation(b2: &Client, shown: &CapturedOutput) {
    let directory = tempfile::tempdir().unwrap();
    let begun = Cell::new(Instant::now());
    let check_error = |outcome: Result<(), Error>| {
        let took = begun.replace(Instant::now()).elapsed();
        assert!(took < HANG_TIMEOUT, "an operation took {took:?}");
        if let Err(error) = outcome {
            shown.error(&error);
            let longest = format!("{error}").len();
            assert!(longest < 8_192, "an error's text has {longest} bytes");
        }
    };
    let bucket = match block_on(b2.bucket("campaign")) {
        Ok(bucket) => bucket,
        Err(error) => return check_error(Err(error)),
    };
    let large = Bytes::from(vec![7; 3 * PART as usize]);
    let path = directory.path().join("down");
    check_error(block_on(async {
        bucket.upload("new/small", "meow").await.map(drop)
    }));
    check_error(block_on(async {
        let upload = bucket.upload("new/large", Source::bytes(large.clone()));
        upload
            .part_size(PART)
            .on_failure(OnFailure::Keep)
            .await
            .map(drop)
    }));
    check_error(block_on(async {
        let upload = bucket.upload("new/large", Source::bytes(large.clone()));
        upload.part_size(PART).resume().await.map(drop)
    }));
    check_error(block_on(async {
        let read = bucket
            .download("pre/x")
            .stream()
            .await?
            .collect(1 << 20)
            .await?;
        assert_eq!(read, b"meow", "bytes that were never stored");
        Ok(())
    }));
    check_error(block_on(async {
        let done = bucket
            .download("pre/x")
            .range_size(1)
            .to_path(&path)
            .await?;
        assert_eq!(fs::read(&path).unwrap(), b"meow", "{done:?}");
        Ok(())
    }));
    check_error(block_on(async {
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
    check_error(block_on(async {
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
    check_error(block_on(async {
        let files = b2.paginate(ListUnfinishedLargeFiles::new(bucket.id()));
        for file in files.try_collect::<Vec<_>>().await? {
            b2.paginate(ListParts::new(&file.file_id))
                .try_collect::<Vec<_>>()
                .await?;
        }
        Ok(())
    }));
    check_error(block_on(b2.paginate(ListKeys::new()).try_collect::<Vec<_>>()).map(drop));
    check_error(block_on(b2.call(ListBuckets::new())).map(drop));
    check_error(
        block_on(b2.call(HideFile::new(bucket.id(), "new/small".try_into().unwrap()))).map(drop),
    );
    check_error(block_on(async {
        let rows = b2.paginate(ListFileVersions::new(bucket.id()).prefix("new/s"));
        for version in rows
            .try_collect::<Vec<_>>()
            .await?
            .into_iter()
            .filter_map(|row| row.into_version())
        {
            b2.call(DeleteFileVersion::new(
                version.file_name.as_str(),
                &version.file_id,
            ))
            .await?;
        }
        Ok(())
    }));
    let deleted = bucket.delete_prefix("pre/", DeleteMode::Delete { concurrency: 2 });
    check_error(block_on(
        deleted.try_for_each(|(_, outcome)| std::future::ready(outcome)),
    ));
    drop(block_on(b2.cancel_orphaned_uploads()));
}

/// Runs every operation against a server with this tampering, and checks that it does no harm.
fn run_against(tampering: Option<Tampering>) -> HostileServer {
    let emulator = emulator_with_files();
    let server = HostileServer::new(emulator.clone(), tampering.clone());
    let shown = CapturedOutput::default();
    let before = reset_peak().then(peak_mib).flatten();
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(server.clone())
        .retry_policy(RetryPolicy::disabled().with_deadline(DEADLINE))
        .build()
        .unwrap();
    shown.capture(|| run_every_operation(&b2, &shown));

    // Files that were not to be deleted still exist.
    let honest = direct_client(&emulator);
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
    let foreign_hosts: Vec<_> = seen
        .hosts
        .iter()
        .filter(|host| Some(host.as_str()) != home.host())
        .collect();
    assert!(
        foreign_hosts.is_empty(),
        "requests went to {foreign_hosts:?}"
    );
    seen.secrets.insert(emulator.key().to_owned());
    assert_eq!(
        shown.secrets(&seen.secrets),
        Vec::<String>::new(),
        "secrets were printed"
    );
    drop(seen);
    if let Some(peak) = peak_mib() {
        assert!(peak <= MAX_PEAK_MIB, "{peak} MiB of memory");
        let growth = peak.saturating_sub(before.unwrap_or(peak));
        assert!(
            growth <= MAX_GROWTH_MIB,
            "{growth} MiB of memory for one tampered reply"
        );
    }
    server
}

/// Runs every `stride`th tampering, starting at a random one.
fn run_tamperings(seed: u64, stride: usize) {
    let honest = run_against(None);
    let seen = honest.seen();
    let seen = seen.lock().unwrap();
    let (mut count, mut strikes, mut harmful) = (0, 0, Vec::new());
    let from = Rng::with_seed(seed).usize(..stride);
    let all = || tamperings(&seen).chain(echoes(&seen));
    for tampering in all().skip(from).step_by(stride) {
        match std::panic::catch_unwind(|| run_against(Some(tampering.clone()))) {
            Ok(server) => strikes += u64::from(server.seen().lock().unwrap().strikes > 0),
            Err(_) => {
                let mut text = format!("{tampering:?}");
                text.truncate(600);
                harmful.push(text);
            }
        }
        count += 1;
    }
    eprintln!(
        "{count} of {} tamperings, {} of them echoes of secrets; {strikes} met a call",
        all().count(),
        echoes(&seen).count()
    );
    assert!(
        harmful.is_empty(),
        "{} tamperings did harm: {harmful:#?}",
        harmful.len()
    );
}

#[test]
fn the_client_withstands_a_sample_of_tampered_replies() {
    for_seeds(1, |seed| run_tamperings(seed, 67));
}

/// Each kind of text that a server sends, in each form.
#[test]
fn no_output_shows_a_secret_that_the_server_echoes() {
    let honest = run_against(None);
    let seen = honest.seen();
    let seen = seen.lock().unwrap();
    let mut places = BTreeSet::new();
    for tampering in echoes(&seen) {
        let (Tampering::Echo { form, .. } | Tampering::Refusal { form, .. }) = &tampering else {
            unreachable!("they are echoes");
        };
        let place = match &tampering {
            Tampering::Echo { pointer, .. } => pointer.rsplit('/').next().unwrap().to_owned(),
            _ => "refusal".to_owned(),
        };
        if places.insert((place, format!("{form:?}"))) {
            run_against(Some(tampering));
        }
    }
    eprintln!("{} fields and forms", places.len());
    assert!(places.len() > 40, "{places:?}");
}

#[test]
#[ignore = "the long form"]
fn the_client_withstands_every_tampered_reply() {
    for_seeds(1, |seed| run_tamperings(seed, 1));
}
