//! What a download leaves behind when it is dropped, at each of its polls.

use std::fs;
use std::pin::pin;
use std::task::Poll;

use b2kit::backend::emulator::FaultKind;
use tempfile::tempdir;

use super::{Net, bytes, wait_for_files};

/// Drops a download at its `k`th poll, for each `k`, until it completes first.
pub(super) fn at_each_poll(mut body: impl FnMut(u64) -> bool) {
    let mut done = 0;
    for k in 0..2_000 {
        done = if body(k) { done + 1 } else { 0 };
        // The number of polls depends on threads.
        if done == 5 {
            return;
        }
    }
    panic!("it does not come to its end");
}

fn faulty_net(file: &[u8]) -> (Net, b2kit::BucketHandle) {
    let net = Net::new(0);
    let (bucket, _) = net.with_file(file);
    net.nth(2, FaultKind::CutResponse { after: 3_333 });
    net.nth(3, FaultKind::internal_error());
    (net, bucket)
}

/// Whether it completed.
pub(super) fn polled<F: Future<Output: std::fmt::Debug>>(
    net: &Net,
    polls: u64,
    download: F,
) -> bool {
    let mut download = pin!(download);
    let mut run = super::Run::new(&net.timer);
    (0..polls).any(|_| matches!(run.step(&mut download), Poll::Ready(_)))
}

#[test]
fn a_dropped_download_leaves_the_target_unchanged_and_no_other_file() {
    let file = bytes(6 * 10_000);
    at_each_poll(|k| {
        let (net, bucket) = faulty_net(&file);
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        let download = bucket.download("f").range_size(10_000).concurrency(3);
        let done = polled(&net, k, download.to_path(&path));
        wait_for_files(dir.path(), |left| left == ["f"]);
        let now = fs::read(&path).unwrap();
        assert!(
            if done {
                now == file
            } else {
                now == file || now == b"old"
            },
            "at {k}"
        );
        // No task is waiting any more.
        assert_eq!(net.timer.sleepers(), 0, "at {k}");
        done
    });
}

#[test]
fn a_download_dropped_at_any_poll_can_be_resumed() {
    let file = bytes(6 * 10_000);
    at_each_poll(|k| {
        let (net, bucket) = faulty_net(&file);
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        let download = || {
            bucket
                .download("f")
                .range_size(10_000)
                .concurrency(3)
                .resume()
        };
        let done = polled(&net, k, download().to_path(&path));
        // The directory contains the file, its partial file, or nothing yet.
        wait_for_files(dir.path(), |left| {
            let parts = left.iter().filter(|name| name.ends_with(".b2part")).count();
            let states = left.iter().filter(|name| name.ends_with(".json")).count();
            parts == states && parts <= 1 && left.len() <= 2
        });
        assert!(!path.exists() || fs::read(&path).unwrap() == file);
        net.emulator.faults().clear();
        net.run(download().to_path(&path)).unwrap();
        assert!(fs::read(&path).unwrap() == file, "at {k}");
        wait_for_files(dir.path(), |left| left == ["f"]);
        done
    });
}

#[test]
fn a_dropped_stream_stops_at_once() {
    let file = bytes(400_000);
    at_each_poll(|k| {
        let net = Net::new(0);
        let (bucket, _) = net.with_file(&file);
        net.nth(1, FaultKind::CutResponse { after: 140_000 });
        net.nth(2, FaultKind::StallResponse { after: 140_000 });
        let done = polled(&net, k, async {
            let stream = bucket.download("f").stream().await.unwrap();
            assert!(stream.collect(400_000).await.unwrap() == file);
        });
        assert_eq!(net.timer.sleepers(), 0, "at {k}");
        let requests = net.requests().len();
        while net.timer.advance_to_next() {}
        assert_eq!(net.requests().len(), 0, "at {k}");
        assert!(requests <= 3);
        done
    });
}

#[test]
fn a_download_completes_after_earlier_ones_of_the_client_were_dropped() {
    let file = bytes(100_000);
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    for polls in 0..60 {
        let download = bucket.download("f").range_size(1_000).concurrency(64);
        polled(&net, polls, download.to_path(dir.path().join("f")));
    }
    let path = dir.path().join("g");
    net.run(bucket.download("f").range_size(1_000).to_path(&path))
        .unwrap();
    assert!(fs::read(&path).unwrap() == file);
}
