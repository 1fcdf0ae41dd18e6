//! How many requests a download to a path makes: one, and more only while it waits for the network.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fs, thread};

use b2kit::transfer::{Progress, Verified};
use b2kit::{Bytes, HttpError, ManualTimer, Response, ResponseBody};
use futures::Stream;
use tempfile::tempdir;

use super::{BY_ID, BY_NAME, Net, files};

const MIB: u64 = 1 << 20;

/// Several of the ranges that a download has by default.
const LEN: u64 = 130 * MIB;

/// A response of 100 MB/s.
struct Slow {
    body: ResponseBody,
    timer: ManualTimer,
    directory: PathBuf,
    /// How many bytes the client has received.
    taken: Arc<AtomicU64>,
    /// Whether the client has made another request.
    is_joined: Arc<AtomicBool>,
    was_pending: bool,
}

impl Slow {
    /// Whether the received bytes are on disk. Until then no virtual time passes, since only the disk is busy.
    fn is_written(&self) -> bool {
        let len = |name: &String| fs::metadata(self.directory.join(name)).map_or(0, |it| it.len());
        let on_disk = files(&self.directory).iter().map(len).max();
        on_disk.unwrap_or(0) >= self.taken.load(Ordering::SeqCst)
    }
}

impl Stream for Slow {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let is_joined = self.is_joined.load(Ordering::SeqCst);
        let is_idle = self.is_written() && self.was_pending;
        if !(is_joined || is_idle) {
            self.was_pending = self.is_written();
            thread::yield_now();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.was_pending = false;
        let next = ready!(Pin::new(&mut self.body).poll_next(cx));
        if let Some(Ok(bytes)) = &next {
            let len = bytes.len() as u64;
            self.taken.fetch_add(len, Ordering::SeqCst);
            self.timer.advance(Duration::from_nanos(10 * len));
        }
        Poll::Ready(next)
    }
}

/// Downloads a file whose first response is slow. Returns how much of that response was read.
fn slow(net: &Net, directory: &Path) -> Arc<AtomicU64> {
    let (timer, directory) = (net.timer.clone(), directory.to_owned());
    let (taken, is_joined) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let read = Arc::clone(&taken);
    net.spoil(move |number, response| {
        if number > 0 {
            is_joined.store(true, Ordering::SeqCst);
            return response;
        }
        let (head, body) = response.into_parts();
        let len = body.len();
        let slow = Slow {
            body,
            timer: timer.clone(),
            directory: directory.clone(),
            taken: Arc::clone(&taken),
            is_joined: Arc::clone(&is_joined),
            was_pending: false,
        };
        Response::from_parts(head, ResponseBody::new(len, slow))
    });
    read
}

/// A file each MiB of which is different.
fn file() -> Vec<u8> {
    let mut file = vec![7; usize::try_from(LEN).unwrap()];
    for (number, mib) in file.chunks_mut(1 << 20).enumerate() {
        mib.fill(number as u8);
    }
    file
}

#[test]
fn a_download_that_never_waits_for_the_network_is_one_request() {
    let (net, file, dir) = (Net::new(0), file(), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let (path, progress) = (dir.path().join("f"), Progress::new());
    let download = bucket.download("f").progress(&progress).to_path(&path);
    let done = net.run(download).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!((done.verified, done.bytes), (Verified::Sha1, LEN));
    let requests = net.requests();
    assert_eq!((requests.len(), requests[0].call), (1, BY_NAME));
    assert_eq!((&requests[0].range, progress.now().total_parts), (&None, 0));
}

#[test]
fn a_download_that_waits_for_the_network_requests_ranges_and_cuts_off_one_stream() {
    for concurrency in [1, 4] {
        let (net, file, dir) = (Net::new(0), file(), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let read = slow(&net, dir.path());
        let (path, progress) = (dir.path().join("f"), Progress::new());
        let download = bucket.download("f").concurrency(concurrency);
        let done = net
            .run(download.progress(&progress).to_path(&path))
            .unwrap();
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!((done.verified, done.bytes), (Verified::Sha1, LEN));
        let now = progress.now();
        assert_eq!((now.bytes, now.retries), (LEN, 0));
        let requests = net.requests();
        assert_eq!((requests[0].call, &requests[0].range), (BY_NAME, &None));
        let ranges = requests[1..]
            .iter()
            .map(|request| (request.call, request.range.as_deref()));
        let ranges: Vec<_> = ranges.collect();
        let read = read.load(Ordering::SeqCst);
        if concurrency == 1 {
            assert_eq!((ranges.len(), read, now.total_parts), (0, LEN, 0));
            continue;
        }
        let expected = [
            (BY_ID, Some("bytes=67108864-134217727")),
            (BY_ID, Some("bytes=134217728-136314879")),
        ];
        assert_eq!(ranges, expected, "with {concurrency} at once");
        assert_eq!((now.parts, now.total_parts), (3, 3));
        assert!((64 * MIB..65 * MIB).contains(&read), "{read} bytes");
    }
}

#[test]
fn a_download_that_waits_for_the_clients_own_bandwidth_limit_is_one_request() {
    let (net, file, dir) = (Net::new(0), file(), tempdir().unwrap());
    let (_, version) = net.with_file(&file);
    let client = net.builder().bandwidth_limit(100_000_000).build().unwrap();
    let path = dir.path().join("f");
    net.run(client.download(version.file_id).to_path(&path))
        .unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(net.requests().len(), 1);
}
