//! How many requests a download to a path makes: one, and more only while it waits for the network.

use std::fs;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use b2kit::transfer::{Progress, Verified};
use b2kit::{Bytes, HttpError, ManualTimer, Response, ResponseBody};
use futures::Stream;
use tempfile::tempdir;

use super::{BY_ID, BY_NAME, Net};

const MIB: u64 = 1 << 20;

/// Several of the ranges that a download has by default.
const LEN: u64 = 130 * MIB;

/// What a poll of a stalled response costs: little, so that the disk and the hash, which are busy in
/// real time, end their work long before a request times out.
const POLL: Duration = Duration::from_micros(100);

/// The number of polls after which a stalled response continues: three times what a download observes.
const STALLED_POLLS: u32 = 3_000;

/// A response that stalls after its first MiB, until another request is made if one is expected.
struct Stalling {
    body: ResponseBody,
    timer: ManualTimer,
    /// How many bytes the client has received.
    taken: Arc<AtomicU64>,
    /// Whether the client has made another request.
    is_joined: Arc<AtomicBool>,
    is_joined_expected: bool,
    polls: u32,
}

impl Stalling {
    fn is_stalled(&self) -> bool {
        let is_over = if self.is_joined_expected {
            self.is_joined.load(Ordering::SeqCst)
        } else {
            self.polls >= STALLED_POLLS
        };
        self.taken.load(Ordering::SeqCst) >= MIB && !is_over
    }
}

impl Stream for Stalling {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_stalled() {
            self.polls += 1;
            self.timer.advance(POLL);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(Pin::new(&mut self.body).poll_next(cx));
        if let Some(Ok(bytes)) = &next {
            self.taken.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        Poll::Ready(next)
    }
}

/// Downloads a file whose first response stalls. Returns how much of that response was read.
fn stall(net: &Net, is_joined_expected: bool) -> Arc<AtomicU64> {
    let timer = net.timer.clone();
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
        let stalling = Stalling {
            body,
            timer: timer.clone(),
            taken: Arc::clone(&taken),
            is_joined: Arc::clone(&is_joined),
            is_joined_expected,
            polls: 0,
        };
        Response::from_parts(head, ResponseBody::new(len, stalling))
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
        let read = stall(&net, concurrency > 1);
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
