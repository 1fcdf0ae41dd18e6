//! Resumable downloads in a process that has no free file descriptors: progress is never lost.

use std::env;
use std::fs::{self, File};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit::backend::emulator::FaultKind;
use b2kit::{BucketHandle, ErrorKind, RetryPolicy};
use tempfile::tempdir;

use super::hostile::again;
use super::resume::{finish, left_behind, resumable};
use super::{Net, bytes, files};

/// Set in the child process that has few descriptors: its directory.
const FEW: &str = "B2KIT_TESTS_FEW_DESCRIPTORS";

/// Runs the test in a child process that is limited to 64 descriptors. Returns `true` in that process.
fn is_limited() -> bool {
    if env::var_os(FEW).is_some() {
        return true;
    }
    let dir = tempdir().unwrap();
    let limited = ["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"];
    let output = again(FEW, dir.path(), &limited);
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Opens files until only `free` descriptors are left.
fn take_all_but(free: usize) -> Vec<File> {
    let open = || File::open("/dev/null").ok();
    let mut taken: Vec<_> = std::iter::from_fn(open).collect();
    taken.truncate(taken.len() - free);
    taken
}

/// The same bucket with a deadline, so that waiting for a descriptor ends.
fn hurried(bucket: &BucketHandle) -> BucketHandle {
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(5));
    let client = bucket.client().with_retry_policy(policy);
    BucketHandle::new(client, bucket.id().clone(), bucket.name().clone())
}

#[test]
fn a_resumed_download_without_free_descriptors_fails_and_keeps_the_partial_file() {
    if !is_limited() {
        return;
    }
    let mut failures = 0;
    for free in 0..8 {
        let (net, bucket, file, dir) = left_behind();
        let before = files(dir.path());
        let taken = take_all_but(free);
        let path = dir.path().join("f");
        let outcome = net.run(resumable(&hurried(&bucket)).to_path(&path));
        drop(taken);
        match outcome {
            Ok(done) => {
                assert!(done.resumed_bytes >= 30_000, "{free}: {done:?}");
                assert!(fs::read(&path).unwrap() == file);
            }
            Err(error) => {
                failures += 1;
                assert_eq!(error.kind(), ErrorKind::Destination, "{free}: {error:#}");
                assert!(format!("{error:#}").contains("Too many open files"));
                assert_eq!(files(dir.path()), before, "{free}");
                let (done, now) = finish(&net, resumable(&bucket), dir.path());
                assert!(now == file && done.resumed_bytes >= 30_000, "{free}");
            }
        }
    }
    assert!((1..8).contains(&failures), "{failures} failures");
}

#[test]
fn a_directory_below_the_root_is_entered_once_a_descriptor_is_free() {
    if !is_limited() {
        return;
    }
    let (net, bucket, file, dir) = left_behind();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    let taken = Arc::new(Mutex::new(take_all_but(1)));
    let download = bucket.download("f").to_path_below(dir.path(), "a/b/f");
    let (timer, there) = (net.timer.clone(), Arc::clone(&taken));
    let room = async move {
        b2kit::Timer::sleep(&timer, Duration::from_secs(1)).await;
        there.lock().unwrap().clear();
    };
    let (done, ()) = net.run(futures::future::join(download, room));
    taken.lock().unwrap().clear();
    done.unwrap();
    assert!(fs::read(dir.path().join("a/b/f")).unwrap() == file);
}

#[test]
fn a_download_that_fails_without_free_descriptors_can_be_resumed() {
    if !is_limited() {
        return;
    }
    for free in 0..4 {
        let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let there = Arc::clone(&taken);
        net.meddle(move |number, _| {
            if number == 4 {
                *there.lock().unwrap() = take_all_but(free);
            }
        });
        for n in 5..100 {
            net.nth(n, FaultKind::download_cap_exceeded());
        }
        let path = dir.path().join("f");
        let error = net.run(resumable(&bucket).to_path(path)).unwrap_err();
        assert!(taken.lock().unwrap().len() > 10);
        taken.lock().unwrap().clear();
        assert_eq!(error.kind(), ErrorKind::CapExceeded, "{free}: {error:#}");
        net.emulator.faults().clear();
        net.meddle(|_, _| {});
        let (done, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(
            now == file && done.resumed_bytes >= 20_000,
            "{free}: {done:?}"
        );
    }
}
