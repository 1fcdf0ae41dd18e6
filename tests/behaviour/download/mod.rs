//! Downloads on virtual time, against an emulator behind a faulty network.

mod adaptive; // downloads that add streams while they wait for the network
mod cancellation; // what a dropped download leaves behind
#[cfg(unix)]
mod descriptors; // without free file descriptors
mod fault_matrix; // each fault at each request, and random faults by seed
#[cfg(unix)]
mod hostile; // directories in which another user or an earlier process has placed files
#[cfg(unix)]
mod modes; // permissions of downloaded files
mod path; // downloads to a local path
mod resume; // downloads resumed by a later process
mod stalling; // a response that stalls
mod stream; // streams: bytes in order, under every fault
mod streams; // how many requests a download to a path makes

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use b2kit::api::{CreateBucket, UploadFile};
use b2kit::backend::emulator::{Emulator, Fault, FaultId, FaultKind, ManualClock};
use b2kit::types::{BucketName, BucketType, FileInfo, FileName, FileVersion};
use b2kit::{
    BucketHandle, Client, ClientBuilder, Credentials, HttpClient, HttpError, ManualTimer, Request,
    Response, Timer as _, async_trait,
};

pub(crate) const BY_NAME: &str = "b2_download_file_by_name";
pub(crate) const BY_ID: &str = "b2_download_file_by_id";

/// A request for bytes, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedRequest {
    pub(crate) call: &'static str,
    pub(crate) range: Option<String>,
    pub(crate) at: Duration,
    pub(crate) head: bool,
}

type RequestHook = dyn Fn(usize, &mut Request) + Send + Sync;
type ResponseHook = dyn Fn(usize, Response) -> Response + Send + Sync;

/// An emulator, and a network that records what is requested.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) emulator: Emulator,
    pub(crate) timer: ManualTimer,
    began: Instant,
    log: Arc<Mutex<Vec<RecordedRequest>>>,
    meddle: Arc<Mutex<Option<Box<RequestHook>>>>,
    spoil: Arc<Mutex<Option<Box<ResponseHook>>>>,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_part_size(seed, 100)
    }

    /// The account's recommended part size is also that of a download's ranges.
    pub(crate) fn with_part_size(seed: u64, recommended: u64) -> Self {
        let timer = ManualTimer::new();
        Self {
            emulator: Emulator::builder()
                .seed(seed)
                .clock(ManualClock::default())
                .absolute_minimum_part_size(10)
                .recommended_part_size(recommended)
                .build(),
            began: timer.now(),
            timer,
            log: Arc::default(),
            meddle: Arc::default(),
            spoil: Arc::default(),
        }
    }

    /// Sees each request for bytes, by its number from 0, before it is sent.
    pub(crate) fn meddle(&self, meddle: impl Fn(usize, &mut Request) + Send + Sync + 'static) {
        *self.meddle.lock().unwrap() = Some(Box::new(meddle));
    }

    /// Sees each response with bytes before it arrives.
    pub(crate) fn spoil(
        &self,
        spoil: impl Fn(usize, Response) -> Response + Send + Sync + 'static,
    ) {
        *self.spoil.lock().unwrap() = Some(Box::new(spoil));
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder()
            .credentials(Credentials::new(self.emulator.key_id(), self.emulator.key()).unwrap())
            .endpoint(self.emulator.url())
            .backend(self.clone())
            .timer(self.timer.clone())
            .rng_seed(7)
    }

    /// A bucket with one file, whose name is `f`.
    pub(crate) fn with_file(&self, bytes: &[u8]) -> (BucketHandle, FileVersion) {
        let client = self.client();
        self.run(async {
            let name = BucketName::new("holiday-photos").unwrap();
            let made = CreateBucket::new(name.clone(), BucketType::AllPrivate);
            let made = client.call(made).await.unwrap();
            let bucket = BucketHandle::new(client.clone(), made.bucket_id, name);
            let version = put(&bucket, bytes, FileInfo::new()).await;
            (bucket, version)
        })
    }

    pub(crate) fn fault(&self, fault: Fault) -> FaultId {
        self.emulator.faults().add(fault)
    }

    /// Injects a fault into the `n`th request from now on, counted from 1.
    pub(crate) fn nth(&self, n: u64, kind: FaultKind) -> FaultId {
        self.fault(Fault::new(kind).nth(n))
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.timer.run(future)
    }
}

#[async_trait]
impl HttpClient for Net {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        let path = request.uri().path();
        let call = if path.starts_with("/file/") {
            BY_NAME
        } else if path.ends_with(BY_ID) {
            BY_ID
        } else {
            return self.emulator.send(request).await;
        };
        let number = {
            let mut log = self.log.lock().unwrap();
            let range = request.headers().get("range");
            log.push(RecordedRequest {
                call,
                range: range.map(|range| range.to_str().unwrap().to_owned()),
                at: self.timer.now() - self.began,
                head: request.method() == b2kit::http::Method::HEAD,
            });
            log.len() - 1
        };
        if let Some(meddle) = &*self.meddle.lock().unwrap() {
            meddle(number, &mut request);
        }
        let response = self.emulator.send(request).await?;
        let spoil = self.spoil.lock().unwrap();
        Ok(match &*spoil {
            Some(spoil) => spoil(number, response),
            None => response,
        })
    }
}

pub(crate) async fn put(bucket: &BucketHandle, bytes: &[u8], info: FileInfo) -> FileVersion {
    let name = FileName::new("f").unwrap();
    let upload = UploadFile::new(bucket.id(), name, bytes.to_vec()).file_info(info);
    bucket.client().call(upload).await.unwrap()
}

/// Bytes that don't repeat, so that a misplaced range is noticed.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}

/// The files in a directory, by name.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The partial file in a directory, and its state. Only `besides` may be there too.
pub(crate) fn left_in(directory: &Path, besides: &[&str]) -> (PathBuf, PathBuf) {
    let mut names = files(directory);
    names.retain(|name| !besides.contains(&name.as_str()));
    let [part, state] = &names[..] else {
        panic!("{names:?}");
    };
    assert!(part.starts_with('.') && part.ends_with(".b2part"), "{part}");
    assert_eq!(*state, format!("{part}.json"));
    (directory.join(part), directory.join(state))
}

/// Waits until the directory is as expected: a job that was running when the future was dropped
/// runs to its end.
pub(crate) fn wait_for_files(dir: &Path, is_right: impl Fn(&[String]) -> bool) {
    for _ in 0..2_000 {
        if is_right(&files(dir)) {
            return;
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    panic!("{:?} stays", files(dir));
}

/// Polls a future on this thread, one poll at a time. If nothing wakes it, the clock is advanced; if nothing sleeps
/// either, waits for the thread of the pool that works for it.
pub(crate) struct Run {
    timer: ManualTimer,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool, Thread);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
        self.1.unpark();
    }
}

impl Run {
    pub(crate) fn new(timer: &ManualTimer) -> Self {
        Self {
            timer: timer.clone(),
            woken: Arc::new(Woken(AtomicBool::new(true), thread::current())),
        }
    }

    /// One poll, when it is due.
    pub(crate) fn step<F: Future>(
        &mut self,
        future: &mut std::pin::Pin<&mut F>,
    ) -> Poll<F::Output> {
        let mut parked = 0;
        while !self.woken.0.swap(false, Ordering::AcqRel) {
            if !self.timer.advance_to_next() {
                thread::park_timeout(Duration::from_millis(100));
                parked += 1;
                assert!(parked < 600, "nobody wakes the future");
            }
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
