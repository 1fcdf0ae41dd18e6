//! A random workload, checked against a model of its effects.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use b2kit::api::{DeleteFileVersion, ListFileNames};
use b2kit::backend::emulator::{Builder, Emulator, Server};
use b2kit::transfer::{Source, Verified};
use b2kit::types::ListedFile;
use b2kit::{BucketHandle, Bytes, Client, Credentials, Error, ErrorKind, HttpClient, RetryPolicy};
use fastrand::Rng;
use futures::TryStreamExt as _;
use futures::executor::block_on;

use crate::model::Model;
use crate::process::{CapturedOutput, peak_mib};
use crate::proxy::Proxy;

/// The emulator's minimum part size.
pub const PART: u64 = 20_000;
const NAMES: [&str; 4] = ["a", "dir/b", "dir/c c", "dir/\u{fc}"];
/// The deadline of a call, including retries. A step is a few calls.
const DEADLINE: Duration = Duration::from_secs(30);
/// Much longer than every deadline, even on a busy machine.
const HANG_TIMEOUT: Duration = Duration::from_secs(240);
/// The memory limit of the process, including the server. No file is larger than a megabyte.
const MAX_MIB: u64 = 400;

/// The counts of a scenario.
#[derive(Debug, Default)]
pub struct Outcome {
    pub steps: u64,
    pub failed_steps: u64,
    pub exchanges: u64,
    pub faults: BTreeMap<&'static str, u64>,
}

impl Outcome {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.failed_steps += other.failed_steps;
        self.exchanges += other.exchanges;
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

/// Short backoff and many attempts.
pub fn fast_retry_policy() -> RetryPolicy {
    let mut policy = RetryPolicy::default().with_deadline(DEADLINE);
    policy.max_api_attempts = 12;
    policy.max_upload_attempts = 12;
    policy.max_download_attempts = 12;
    policy.min_retry_duration = Duration::ZERO;
    policy.initial_backoff = Duration::from_millis(4);
    policy.max_backoff = Duration::from_millis(60);
    policy
}

/// An emulator with small parts.
pub fn emulator() -> Builder {
    Emulator::builder()
        .absolute_minimum_part_size(PART)
        .recommended_part_size(2 * PART)
}

/// A client of the emulator without a network.
pub fn direct_client(emulator: &Emulator) -> Client {
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap()
}

/// Runs `steps` steps through `backend` over a network that fails `percent` of the exchanges, then compares the model
/// with the emulator.
pub fn run(backend: Arc<dyn HttpClient>, seed: u64, percent: u64, steps: usize) -> Outcome {
    let emulator = emulator().build();
    emulator.create_bucket("campaign", false).unwrap();
    let proxy = Proxy::start(seed, percent);
    let server = Server::builder().url(proxy.url()).start(&emulator).unwrap();
    proxy.forward_to(server.address());
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(proxy.url())
        .backend(backend)
        .retry_policy(fast_retry_policy())
        .stall_timeout(Duration::from_secs(2))
        .rng_seed(seed)
        .build()
        .unwrap();
    let shown = CapturedOutput::default();
    let mut run = Run {
        rng: Rng::with_seed(seed),
        model: Model::default(),
        shown: shown.clone(),
        outcome: Outcome::default(),
        directory: tempfile_dir(seed),
        numbers: 0,
    };
    shown.capture(|| {
        let bucket = loop {
            match block_on(b2.bucket("campaign")) {
                Ok(bucket) => break bucket,
                Err(error) => run.shown.error(&error),
            }
        };
        for _ in 0..steps {
            run.step(&bucket);
        }
        proxy.stop_faults();
        run.tidy(&b2, &emulator);
    });
    fs::remove_dir_all(&run.directory).unwrap();

    let direct_client = block_on(direct_client(&emulator).bucket("campaign")).unwrap();
    run.model.check(&direct_client);
    let mut secrets = proxy.tokens();
    secrets.insert(emulator.key().to_owned());
    assert_eq!(
        shown.secrets(&secrets),
        Vec::<String>::new(),
        "secrets were shown"
    );
    if let Some(mib) = peak_mib() {
        assert!(mib <= MAX_MIB, "{mib} MiB of memory");
    }
    Outcome {
        exchanges: proxy.exchanges(),
        faults: proxy.fault_counts(),
        ..run.outcome
    }
}

fn tempfile_dir(seed: u64) -> std::path::PathBuf {
    let number = fastrand::u64(..);
    let path = std::env::temp_dir().join(format!("b2kit-campaign-{seed}-{number:016x}"));
    fs::create_dir(&path).unwrap();
    path
}

struct Run {
    rng: Rng,
    model: Model,
    shown: CapturedOutput,
    outcome: Outcome,
    directory: std::path::PathBuf,
    numbers: u8,
}

impl Run {
    fn step(&mut self, bucket: &BucketHandle) {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let begun = Instant::now();
        let what = self.rng.u8(..12);
        let outcome = match what {
            0..4 => self.upload(bucket, name),
            4 | 5 => self.download(bucket, name),
            6 | 7 => self.download_to_path(bucket, name),
            8 => self.list(bucket),
            9 | 10 => self.copy(bucket, name),
            _ => self.delete(bucket),
        };
        self.outcome.steps += 1;
        if let Err(error) = outcome {
            self.outcome.failed_steps += 1;
            self.shown.error(&error);
        }
        assert!(
            begun.elapsed() < HANG_TIMEOUT,
            "a step of kind {what} took {:?}",
            begun.elapsed()
        );
    }

    /// Bytes that are unique to an upload.
    fn content(&mut self) -> Bytes {
        self.numbers += 1;
        let len = match self.rng.u8(..6) {
            0 => 0,
            1 | 2 => self.rng.usize(..30_000),
            _ => self.rng.usize(30_000..300_000),
        };
        let mut bytes = vec![self.numbers; len + 1];
        self.rng.fill(&mut bytes[1..]);
        Bytes::from(bytes)
    }

    fn upload(&mut self, bucket: &BucketHandle, name: &str) -> Result<(), Error> {
        let content = self.content();
        let source = match self.rng.u8(..3) {
            0 => Source::bytes(content.clone()),
            1 => {
                let path = self.directory.join("source");
                fs::write(&path, &content).unwrap();
                Source::path(path)
            }
            _ => {
                let pieces: Vec<_> = content.chunks(9_000).map(Bytes::copy_from_slice).collect();
                Source::stream(futures::stream::iter(pieces.into_iter().map(Ok)))
            }
        };
        let upload = bucket.upload(name, source).part_size(2 * PART);
        let uploaded = block_on(upload.concurrency(self.rng.usize(1..5)).into_future());
        self.model
            .stored(name, &content, uploaded.as_ref().map(|it| &it.file));
        uploaded.map(drop)
    }

    fn download(&mut self, bucket: &BucketHandle, name: &str) -> Result<(), Error> {
        let read = block_on(async {
            let stream = bucket.download(name).stream().await?;
            let verified = stream.verified();
            Ok((stream.collect(1 << 20).await?.to_vec(), verified))
        });
        self.check_read(name, read)
    }

    fn download_to_path(&mut self, bucket: &BucketHandle, name: &str) -> Result<(), Error> {
        let directory = self.directory.join("down");
        fs::create_dir(&directory).unwrap();
        let path = directory.join("file");
        let download = bucket
            .download(name)
            .range_size(self.rng.u64(5_000..100_000));
        let done = block_on(download.to_path(&path));
        let left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        let expected = if done.is_ok() { vec!["file"] } else { vec![] };
        assert_eq!(left, expected, "{done:?}");
        let read = done.map(|done| (fs::read(&path).unwrap(), done.verified));
        fs::remove_dir_all(&directory).unwrap();
        self.check_read(name, read)
    }

    fn check_read(
        &self,
        name: &str,
        read: Result<(Vec<u8>, Verified), Error>,
    ) -> Result<(), Error> {
        match read {
            Ok((bytes, verified)) => assert!(
                self.model.may_read(name, &bytes, verified),
                "{name}: {} bytes of upload {:?}, {verified:?}; stored there were {:?}",
                bytes.len(),
                bytes.first(),
                self.model.of_name(name)
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    self.model.may_be_missing(name),
                    "{name} was not found: {error}"
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn list(&self, bucket: &BucketHandle) -> Result<(), Error> {
        let rows = bucket
            .client()
            .paginate(ListFileNames::new(bucket.id()).prefix("dir/"));
        let rows: Vec<ListedFile> = block_on(rows.try_collect())?;
        let names: Vec<_> = rows.iter().map(ListedFile::file_name).collect();
        assert!(
            names.is_sorted() && names.iter().all(|name| NAMES.contains(name)),
            "{names:?}"
        );
        for name in NAMES.iter().filter(|name| name.starts_with("dir/")) {
            let is_there = names.contains(name);
            assert!(
                is_there || self.model.may_be_missing(name),
                "{name} is not in {names:?}"
            );
        }
        Ok(())
    }

    fn copy(&mut self, bucket: &BucketHandle, name: &str) -> Result<(), Error> {
        let present = self.model.present();
        let Some((version, content)) = self.rng.choice(present) else {
            return Ok(());
        };
        let copied = block_on(bucket.copy(&version, name).into_future());
        self.model
            .stored(name, &content, copied.as_ref().map(|it| &it.file));
        copied.map(drop)
    }

    fn delete(&mut self, bucket: &BucketHandle) -> Result<(), Error> {
        let present = self.model.present();
        let Some((version, _)) = self.rng.choice(present) else {
            return Ok(());
        };
        let call = DeleteFileVersion::new(version.file_name.as_str(), &version.file_id);
        let deleted = block_on(bucket.client().call(call)).map(drop);
        self.model.deleted(&version, deleted.as_ref().copied());
        deleted
    }

    /// Asserts that every unfinished file at B2 is tracked by the client, and cancels them.
    fn tidy(&self, b2: &Client, emulator: &Emulator) {
        let unfinished = emulator.snapshot().unfinished_large_files;
        let ledger = b2.unfinished();
        assert!(
            unfinished <= ledger.len(),
            "{unfinished} unfinished files, the ledger has {ledger:?}"
        );
        let failed = block_on(b2.cancel_orphaned_uploads());
        assert!(failed.is_empty(), "{failed:?}");
        let left = emulator.snapshot().unfinished_large_files;
        assert_eq!(left, 0, "{:?} was on the ledger", ledger);
    }
}
