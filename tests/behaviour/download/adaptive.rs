//! Downloads that add streams while they wait for the network: under faults, dropped, and resumed.

use std::fs;
use std::path::Path;

use b2kit::backend::emulator::FaultKind;
use b2kit::http::StatusCode;
use b2kit::transfer::FileDownload;
use b2kit::types::FileInfo;
use b2kit::{BucketHandle, ErrorKind};
use fastrand::Rng;
use tempfile::tempdir;

use super::cancellation::{at_each_poll, polled};
use super::fault_matrix::{all_faults, inject_random_faults, random_file};
use super::stalling::{EXPECTED, UNEXPECTED, stall_first};
use super::{BY_ID, Net, RecordedRequest, bytes, files, left_in, put, wait_for_files};
use crate::seeds::for_seeds;

const LEN: usize = 60_000;
const PART: u64 = 10_000;

/// The most requests that a joined download by three streams makes if none fails: how long a range
/// is depends on how much has arrived, and this is their number if each stream waits for the
/// previous one.
const MOST: usize = 14;

/// A file whose download is joined by ranges: its first response stalls after 500 bytes, until so
/// many ranges are requested.
fn joined(until: usize) -> (Net, BucketHandle, Vec<u8>) {
    let (net, file) = (Net::with_part_size(0, PART), bytes(LEN));
    let (bucket, _) = net.with_file(&file);
    stall_first(&net, 500, (until, EXPECTED), |_| {});
    (net, bucket, file)
}

/// How many of these requests are for ranges, beside the first stream.
fn ranges(requests: &[RecordedRequest]) -> usize {
    let ranges = requests.iter().filter(|request| request.call == BY_ID);
    ranges.count()
}

/// The error that a fault of a permanent kind, or a wrong length of the whole file, is reported with.
fn expected_error(
    fault_kind: &FaultKind,
    kind: Option<ErrorKind>,
    index: u64,
) -> Option<ErrorKind> {
    match fault_kind {
        // Later responses contradict the first one, by which the version's length is known.
        FaultKind::SetHeader(name, _) if name == "content-length" && index == 1 => {
            Some(ErrorKind::Integrity)
        }
        _ => kind,
    }
}

#[test]
fn each_fault_at_the_first_stream_or_at_a_range_is_survived_or_reported() {
    let (net, bucket, _) = joined(1);
    let dir = tempdir().unwrap();
    let download = bucket.download("f").concurrency(3);
    net.run(download.to_path(dir.path().join("f"))).unwrap();
    let requests = net.requests().len();
    assert!((5..=MOST).contains(&requests), "{requests}");
    for (fault_kind, kind) in all_faults() {
        for index in 1..=3 {
            let what = format!("{fault_kind:?} at request {index}");
            let (net, bucket, file) = joined(1);
            let dir = tempdir().unwrap();
            let path = dir.path().join("f");
            fs::write(&path, "old").unwrap();
            let fault = net.nth(index, fault_kind.clone());
            let done = net.run(bucket.download("f").concurrency(3).to_path(&path));
            assert_eq!(net.emulator.faults().hits(fault), 1, "{what}");
            assert_eq!(files(dir.path()), ["f"], "{what}");
            let now = fs::read(&path).unwrap();
            match (done, expected_error(&fault_kind, kind, index)) {
                (Ok(_), None) => assert!(now == file, "{what}"),
                (Err(error), Some(kind)) => {
                    assert_eq!(error.kind(), kind, "{what}: {error}");
                    assert_eq!(now, b"old", "{what}");
                }
                (done, _) => panic!("{what}: {done:?}"),
            }
            let requests = net.requests();
            let most = match fault_kind {
                // The second download does not wait for the network.
                FaultKind::CorruptResponse { .. } => MOST + 1,
                // An invalidated token fails every request in flight with it.
                FaultKind::ExpireToken | FaultKind::ForgetToken => MOST + 3,
                _ => MOST + 2,
            };
            assert!(requests.len() <= most, "{what}: {requests:?}");
        }
    }
}

#[test]
fn no_stream_is_added_before_the_first_one_has_been_waited_for() {
    let (net, file) = (Net::with_part_size(0, PART), bytes(LEN));
    let (bucket, _) = net.with_file(&file);
    net.nth(1, FaultKind::StallResponse { after: 500 });
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    net.run(bucket.download("f").concurrency(3).to_path(&path))
        .unwrap();
    assert!(fs::read(&path).unwrap() == file);
    // Nothing but the limit for a silent response wakes it.
    let requests = net.requests();
    let waited = requests[1].at - requests[0].at;
    assert!(waited.as_secs() >= 20, "{requests:?}");
}

#[test]
fn a_first_stream_that_breaks_after_it_was_cut_off_continues_only_to_its_new_end() {
    let (net, bucket, file) = joined(1);
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    net.nth(1, FaultKind::CutResponse { after: 3_000 });
    net.run(bucket.download("f").concurrency(2).to_path(&path))
        .unwrap();
    assert!(fs::read(&path).unwrap() == file);
    let requests = net.requests();
    let resumed = requests
        .iter()
        .filter_map(|request| request.range.as_deref())
        .find(|range| range.starts_with("bytes=3000-"));
    assert_eq!(resumed, Some("bytes=3000-10499"), "{requests:?}");
}

#[test]
fn a_joined_download_writes_the_same_bytes_under_random_faults() {
    for_seeds(0..150, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let net = Net::with_part_size(seed, rng.u64(2_000..30_000));
        let (dir, file) = (tempdir().unwrap(), random_file(rng));
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let (after, until) = (rng.usize(..20_000), rng.usize(1..4));
        stall_first(&net, after, (until, UNEXPECTED), |_| {});
        let faults = inject_random_faults(&net, file.len(), rng);
        if rng.u8(..4) == 0 {
            let corrupt = FaultKind::CorruptResponse {
                at: rng.u64(..2_000),
            };
            net.fault(
                b2kit::backend::emulator::Fault::new(corrupt)
                    .on(BY_ID)
                    .nth(1),
            );
        }
        let mut download = bucket.download("f").concurrency(rng.usize(1..9));
        if rng.bool() {
            download = download.resume();
        }
        let done = net.run(download.to_path(&path));
        assert!(done.is_ok(), "{done:?} with {faults} faults");
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
    });
}

fn faulty() -> (Net, BucketHandle, Vec<u8>) {
    let (net, bucket, file) = joined(2);
    net.nth(1, FaultKind::CutResponse { after: 3_333 });
    net.nth(3, FaultKind::internal_error());
    (net, bucket, file)
}

#[test]
fn a_joined_download_that_is_dropped_leaves_the_target_unchanged_and_no_other_file() {
    let mut joined = 0;
    at_each_poll(|k| {
        let (net, bucket, file) = faulty();
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        let done = polled(&net, k, bucket.download("f").concurrency(3).to_path(&path));
        wait_for_files(dir.path(), |left| left == ["f"]);
        let now = fs::read(&path).unwrap();
        assert!(now == file || (!done && now == b"old"), "at {k}");
        // No task is waiting any more.
        assert_eq!(net.timer.sleepers(), 0, "at {k}");
        joined += ranges(&net.requests());
        done
    });
    assert!(joined > 0);
}

#[test]
fn a_joined_download_that_is_dropped_at_any_poll_can_be_resumed() {
    at_each_poll(|k| {
        let (net, bucket, file) = faulty();
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        let download = || bucket.download("f").concurrency(3).resume();
        let done = polled(&net, k, download().to_path(&path));
        // The directory contains the file, its partial file, or nothing yet.
        wait_for_files(dir.path(), |left| {
            let parts = left.iter().filter(|name| name.ends_with(".b2part")).count();
            let states = left.iter().filter(|name| name.ends_with(".json")).count();
            parts == states && parts <= 1 && left.len() <= 2
        });
        assert!(!path.exists() || fs::read(&path).unwrap() == file);
        net.emulator.faults().clear();
        net.requests();
        // What resumes it is joined too.
        stall_first(&net, 200, (1, UNEXPECTED), |_| {});
        net.run(download().to_path(&path)).unwrap();
        assert!(fs::read(&path).unwrap() == file, "at {k}");
        wait_for_files(dir.path(), |left| left == ["f"]);
        done
    });
}

/// Fails a joined download at its third range, and returns what may resume it.
fn break_off(dir: &Path) -> (Net, BucketHandle, Vec<u8>) {
    let (net, bucket, file) = joined(1);
    for n in 4..100 {
        net.nth(n, FaultKind::download_cap_exceeded());
    }
    let error = net.run(resumable(&bucket).to_path(dir.join("f")));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::CapExceeded);
    left_in(dir, &[]);
    net.emulator.faults().clear();
    net.requests();
    (net, bucket, file)
}

fn resumable(bucket: &BucketHandle) -> FileDownload {
    bucket.download("f").concurrency(2).resume()
}

/// The number of bytes in these ranges.
fn requested_bytes(requests: &[RecordedRequest]) -> u64 {
    let lens = requests.iter().map(|request| {
        let range = request.range.as_deref().unwrap();
        let (first, last) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .unwrap();
        last.parse::<u64>().unwrap() + 1 - first.parse::<u64>().unwrap()
    });
    lens.sum()
}

#[test]
fn a_joined_download_that_failed_is_resumed_and_requests_only_what_is_missing() {
    let dir = tempdir().unwrap();
    let (net, bucket, file) = break_off(dir.path());
    let done = net
        .run(resumable(&bucket).to_path(dir.path().join("f")))
        .unwrap();
    assert!(fs::read(dir.path().join("f")).unwrap() == file);
    assert_eq!(files(dir.path()), ["f"]);
    assert!(done.resumed_bytes > 0);
    let requests = net.requests();
    let missing = LEN as u64 - done.resumed_bytes;
    assert_eq!(requested_bytes(&requests), missing, "{requests:?}");
}

#[test]
fn a_resumed_download_is_joined_in_its_first_gap() {
    let dir = tempdir().unwrap();
    let (net, bucket, file) = break_off(dir.path());
    stall_first(&net, 100, (1, EXPECTED), |_| {});
    let done = net
        .run(resumable(&bucket).to_path(dir.path().join("f")))
        .unwrap();
    assert!(fs::read(dir.path().join("f")).unwrap() == file);
    assert!(done.resumed_bytes > 0);
    assert!(ranges(&net.requests()) > 0);
}

#[test]
fn a_version_uploaded_before_the_first_range_is_not_mixed_in() {
    let (net, file, dir) = (Net::with_part_size(0, PART), bytes(LEN), tempdir().unwrap());
    let (bucket, version) = net.with_file(&file);
    let other = bucket.clone();
    stall_first(&net, 500, (2, EXPECTED), move |number| {
        if number == 1 {
            futures::executor::block_on(put(&other, &[7; LEN], FileInfo::new()));
        }
    });
    let path = dir.path().join("f");
    let done = net.run(bucket.download("f").to_path(&path)).unwrap();
    assert_eq!(done.file.file_id, version.file_id);
    assert!(fs::read(&path).unwrap() == file);
    assert!(ranges(&net.requests()) >= 2);
}

#[test]
fn a_version_deleted_before_the_first_range_fails_and_the_target_is_kept() {
    let (net, bucket, _) = joined(1);
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "old").unwrap();
    net.nth(2, FaultKind::error(StatusCode::NOT_FOUND, "not_found", ""));
    let error = net.run(bucket.download("f").to_path(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(files(dir.path()), ["f"]);
}

#[test]
fn bytes_that_change_in_a_joined_range_are_downloaded_again() {
    for index in 1..=3 {
        let (net, bucket, file) = joined(1);
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        net.nth(index, FaultKind::CorruptResponse { at: 77 });
        net.run(bucket.download("f").to_path(&path)).unwrap();
        assert!(fs::read(&path).unwrap() == file);
        let whole = net.requests();
        let whole = whole.iter().filter(|request| request.range.is_none());
        assert_eq!(whole.count(), 2, "it starts over");
    }
}
