//! A random workload, checked against a model of its effects.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use b2kit::backend::emulator::{Builder, Emulator, Server};
use b2kit::{BucketHandle, Bytes, Client, Credentials, HttpClient, RetryPolicy};
use fastrand::Rng;
use futures::executor::block_on;

use crate::fault::Fault;
use crate::model::Model;
use crate::operations::Operation;
use crate::process::{CapturedOutput, peak_mib};
use crate::proxy::Proxy;

/// The emulator's minimum part size.
pub const PART: u64 = 20_000;
pub(crate) const NAMES: [&str; 4] = ["a", "dir/b", "dir/c c", "dir/\u{fc}"];
/// The deadline of a call, including retries: a request that arrives byte by byte takes ten seconds of it.
const DEADLINE: Duration = Duration::from_secs(30);
/// What a busy machine may add to the deadlines of a step.
const SLACK: Duration = Duration::from_secs(15);
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

/// Runs `steps` random steps through `backend` over a network that fails `percent` of the exchanges, then compares the
/// model with the emulator.
pub fn run(backend: Arc<dyn HttpClient>, seed: u64, percent: u64, steps: usize) -> Outcome {
    let mut run = Run::start(backend, seed, percent);
    for _ in 0..steps {
        let operation = *run.rng.choice(&Operation::ALL).unwrap();
        run.step(operation);
    }
    run.finish()
}

/// A client of an emulator behind a proxy, and its results.
#[derive(Debug)]
pub struct Run {
    pub(crate) rng: Rng,
    pub(crate) model: Model,
    pub(crate) shown: CapturedOutput,
    pub(crate) directory: std::path::PathBuf,
    /// The bucket over the hostile network.
    pub(crate) bucket: BucketHandle,
    /// The same bucket without a network.
    pub(crate) direct: BucketHandle,
    pub(crate) emulator: Emulator,
    outcome: Outcome,
    proxy: Proxy,
    _server: Server,
    numbers: u32,
}

impl Run {
    pub fn start(backend: Arc<dyn HttpClient>, seed: u64, percent: u64) -> Self {
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
        let direct = block_on(direct_client(&emulator).bucket("campaign")).unwrap();
        let shown = CapturedOutput::default();
        let bucket = shown.capture(|| {
            loop {
                match block_on(b2.bucket("campaign")) {
                    Ok(bucket) => break bucket,
                    Err(error) => shown.error(&error),
                }
            }
        });
        Self {
            rng: Rng::with_seed(seed),
            model: Model::default(),
            shown,
            directory: tempfile_dir(seed),
            bucket,
            direct,
            emulator,
            outcome: Outcome::default(),
            proxy,
            _server: server,
            numbers: 0,
        }
    }

    /// Does one operation, which succeeds or fails within its deadlines.
    pub fn step(&mut self, operation: Operation) {
        let shown = self.shown.clone();
        let begun = Instant::now();
        let outcome = shown.capture(|| self.perform(operation));
        let (took, most) = (begun.elapsed(), DEADLINE * operation.calls() + SLACK);
        assert!(took < most, "{operation:?} took {took:?} of {most:?}");
        self.outcome.steps += 1;
        if let Err(error) = outcome {
            self.outcome.failed_steps += 1;
            self.shown.error(&error);
        }
    }

    /// Does an operation until this fault has struck one of its exchanges: a random one, or the first.
    pub fn strike(&mut self, operation: Operation, fault: Fault) {
        for passes in [self.rng.u64(..3), 0, 0] {
            self.proxy.arm(fault, passes);
            self.step(operation);
            if self.proxy.disarm() {
                return;
            }
        }
        panic!("{fault:?} did not strike {operation:?}");
    }

    /// Compares the client's results with what B2 has, and looks for secrets in what it printed.
    pub fn finish(mut self) -> Outcome {
        self.proxy.stop_faults();
        let shown = self.shown.clone();
        shown.capture(|| self.tidy());
        fs::remove_dir_all(&self.directory).unwrap();
        self.model.check(&self.direct);
        let mut secrets = self.proxy.tokens();
        secrets.insert(self.emulator.key().to_owned());
        assert_eq!(
            self.shown.secrets(&secrets),
            Vec::<String>::new(),
            "secrets were shown"
        );
        if let Some(mib) = peak_mib() {
            assert!(mib <= MAX_MIB, "{mib} MiB of memory");
        }
        self.outcome.exchanges = self.proxy.exchanges();
        self.outcome.faults = self.proxy.fault_counts();
        std::mem::take(&mut self.outcome)
    }

    /// Bytes that are unique to an upload.
    pub(crate) fn content(&mut self, len: usize) -> Bytes {
        self.numbers += 1;
        let mut bytes = vec![0; len + 4];
        self.rng.fill(&mut bytes);
        bytes[..4].copy_from_slice(&self.numbers.to_le_bytes());
        Bytes::from(bytes)
    }

    /// A name that nothing else has.
    pub(crate) fn fresh_name(&mut self, kind: &str) -> String {
        self.numbers += 1;
        format!("{kind}-{}", self.numbers)
    }

    /// Asserts that every unfinished file at B2 is tracked by the client, and cancels them.
    fn tidy(&self) {
        let b2 = self.bucket.client();
        let unfinished = self.emulator.snapshot().unfinished_large_files;
        let tracked = b2.unfinished();
        assert!(
            unfinished <= tracked.len(),
            "{unfinished} unfinished files, the client knows of {tracked:?}"
        );
        let failed = block_on(b2.cancel_orphaned_uploads());
        assert!(failed.is_empty(), "{failed:?}");
        // What a failed upload kept to be resumed is no orphan.
        let kept = b2.unfinished();
        let is_kept = |it: &&b2kit::Unfinished| it.state == b2kit::UnfinishedState::Kept;
        let kept = kept.iter().filter(is_kept).count();
        let left = self.emulator.snapshot().unfinished_large_files;
        assert_eq!(left, kept, "the client knew of {tracked:?}");
    }
}

fn tempfile_dir(seed: u64) -> std::path::PathBuf {
    let number = fastrand::u64(..);
    let path = std::env::temp_dir().join(format!("b2kit-campaign-{seed}-{number:016x}"));
    fs::create_dir(&path).unwrap();
    path
}
