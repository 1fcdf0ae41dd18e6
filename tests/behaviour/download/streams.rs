//! How many requests a download to a path makes: one, and more only while it waits for the network.

use std::fs;
use std::sync::atomic::Ordering;

use b2kit::transfer::{Progress, Verified};
use tempfile::tempdir;

use super::stalling::{EXPECTED, UNEXPECTED, stall_first};
use super::{BY_ID, BY_NAME, Net, RecordedRequest, bytes};

/// Several of the ranges that a download with these parts has.
const LEN: u64 = 600_000;
const PART: u64 = 200_000;

/// Where the first response stalls.
const STALLS_AT: u64 = 50_000;

/// The requested range, from its first byte to its end.
fn requested(request: &RecordedRequest) -> (u64, u64) {
    let range = request.range.as_deref().unwrap();
    let (first, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .unwrap();
    (first.parse().unwrap(), last.parse::<u64>().unwrap() + 1)
}

fn net() -> Net {
    Net::with_part_size(0, PART)
}

#[test]
fn a_download_that_never_waits_for_the_network_is_one_request() {
    let (net, file, dir) = (net(), bytes(LEN as usize), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let (path, progress) = (dir.path().join("f"), Progress::new());
    let download = bucket.download("f").progress(&progress).to_path(&path);
    let done = net.run(download).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!((done.verified, done.bytes), (Verified::Sha1, LEN));
    let requests = net.requests();
    assert_eq!((requests.len(), requests[0].call), (1, BY_NAME));
    assert_eq!(requests[0].range, None);
    assert_eq!((progress.now().parts, progress.now().total_parts), (0, 0));
}

#[test]
fn a_download_of_less_than_a_quarter_of_the_recommended_part_size_is_one_request() {
    let (net, file) = (Net::with_part_size(0, 100_000), bytes(24_000));
    let (bucket, _) = net.with_file(&file);
    let dir = tempdir().unwrap();
    stall_first(&net, 500, (1, UNEXPECTED), |_| {});
    let path = dir.path().join("f");
    net.run(bucket.download("f").to_path(&path)).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(net.requests().len(), 1);
}

#[test]
fn a_download_that_waits_for_the_network_requests_ranges_and_cuts_off_one_stream() {
    for concurrency in [1, 2] {
        let (net, file, dir) = (net(), bytes(LEN as usize), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let polls = if concurrency > 1 {
            EXPECTED
        } else {
            UNEXPECTED
        };
        let read = stall_first(&net, STALLS_AT as usize, (1, polls), |_| {});
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
        let read = read.load(Ordering::SeqCst);
        if concurrency == 1 {
            assert_eq!((requests.len(), read, now.total_parts), (1, LEN, 0));
            continue;
        }
        // The first stream ends after 200,000 bytes more. The ranges follow without gaps.
        let mut at = STALLS_AT + PART;
        for request in &requests[1..] {
            assert_eq!(request.call, BY_ID);
            let (first, end) = requested(request);
            assert!(first == at && end - first <= PART, "{requests:?}");
            at = end;
        }
        assert_eq!(at, LEN);
        assert_eq!(requested(&requests[1]), (250_000, 450_000));
        assert!((3..=10).contains(&requests.len()), "{requests:?}");
        let parts = requests.len() as u32;
        assert_eq!((now.parts, now.total_parts), (parts, parts));
        // What is in the chunk that it is cut off in.
        assert!((250_000..350_000).contains(&read), "{read} bytes");
    }
}

#[test]
fn a_download_that_waits_for_the_clients_own_bandwidth_limit_is_one_request() {
    let (net, file, dir) = (net(), bytes(LEN as usize), tempdir().unwrap());
    let (_, version) = net.with_file(&file);
    // Six seconds at this rate.
    let client = net.builder().bandwidth_limit(LEN / 6).build().unwrap();
    let path = dir.path().join("f");
    net.run(client.download(version.file_id).to_path(&path))
        .unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(net.requests().len(), 1);
}
