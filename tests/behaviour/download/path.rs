//! Downloads to a local path: complete and verified, or not at all.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
#[cfg(unix)]
use std::{process::Command, thread};

use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::{HeaderName, HeaderValue};
use b2kit::transfer::{Progress, Stage, Verified};
use b2kit::types::{ByteRange, FileInfo};
use b2kit::{BucketHandle, Error, ErrorKind};
use tempfile::tempdir;

use super::{BY_ID, BY_NAME, Net, bytes, files, put};

/// Beyond 64 MiB, bytes are flushed while others arrive.
#[test]
fn a_file_of_80_mb_arrives_complete() {
    let (net, file, dir) = (Net::new(0), bytes(80 << 20), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    for concurrency in [1, 4] {
        let path = dir.path().join("f");
        let download = bucket.download("f").concurrency(concurrency);
        let done = net
            .run(download.range_size(20 << 20).to_path(&path))
            .unwrap();
        assert_eq!(done.verified, Verified::Sha1);
        assert!(fs::read(&path).unwrap() == file);
    }
}

#[test]
fn a_file_that_fits_in_one_range_takes_one_call() {
    for len in [1, 100_000] {
        let (net, file, dir) = (Net::new(0), bytes(len), tempdir().unwrap());
        let (bucket, version) = net.with_file(&file);
        let path = dir.path().join("f");
        let download = bucket.download("f").range_size(100_000);
        let done = net.run(download.to_path(&path)).unwrap();
        assert_eq!(done.file.file_id, version.file_id);
        assert_eq!((done.bytes, done.verified), (len as u64, Verified::Sha1));
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
        assert_eq!(net.requests().len(), 1);
    }
}

#[test]
fn an_empty_file_is_requested_without_a_range() {
    for (range_size, calls) in [(None, 1), (Some(1_000), 2)] {
        let (net, dir) = (Net::new(0), tempdir().unwrap());
        let (bucket, _) = net.with_file(b"");
        let path = dir.path().join("f");
        let mut download = bucket.download("f").require_verified();
        if let Some(size) = range_size {
            download = download.range_size(size);
        }
        let done = net.run(download.to_path(&path)).unwrap();
        assert_eq!((done.bytes, done.verified), (0, Verified::Sha1));
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(net.requests().len(), calls);
    }
}

#[test]
fn ranges_are_requested_side_by_side_and_each_byte_once() {
    for concurrency in [1, 2, 4, 99] {
        let (net, file, dir) = (Net::new(0), bytes(1_000_001), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let (path, progress) = (dir.path().join("f"), Progress::new());
        let download = bucket.download("f").range_size(200_000).progress(&progress);
        let done = net
            .run(download.concurrency(concurrency).to_path(&path))
            .unwrap();
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(done.verified, Verified::Sha1);
        let requests = net.requests();
        let ranges: Vec<_> = requests
            .iter()
            .filter_map(|request| request.range.as_deref())
            .collect();
        let now = progress.now();
        assert_eq!((now.bytes, now.stage), (1_000_001, Stage::Done));
        if concurrency == 1 {
            assert_eq!((requests.len(), ranges.len(), now.total_parts), (1, 0, 0));
            continue;
        }
        assert_eq!(requests[0].call, BY_NAME);
        assert!(requests[1..].iter().all(|request| request.call == BY_ID));
        let expected = [
            "bytes=0-199999",
            "bytes=200000-399999",
            "bytes=400000-599999",
            "bytes=600000-799999",
            "bytes=800000-999999",
            "bytes=1000000-1000000",
        ];
        assert_eq!(ranges, expected);
        assert_eq!((now.parts, now.total_parts), (6, 6));
    }
}

#[test]
fn a_byte_range_is_written_to_its_own_file() {
    let ranges = [
        (ByteRange::inclusive(10, 99_999).unwrap(), 10..100_000, 4),
        (ByteRange::from_offset(50_000), 50_000..100_000, 2),
        (ByteRange::suffix(70_000).unwrap(), 30_000..100_000, 1),
        (ByteRange::inclusive(5, 900_000).unwrap(), 5..100_000, 4),
    ];
    for (range, expected, calls) in ranges {
        let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let download = bucket.download("f").range(range).range_size(25_000);
        let done = net.run(download.to_path(&path)).unwrap();
        assert_eq!(done.verified, Verified::Range);
        assert!(fs::read(&path).unwrap() == file[expected], "{range}");
        assert_eq!(net.requests().len(), calls, "{range}");
    }
}

#[test]
fn modified_time_restores_the_uploaders_time() {
    let noted = |millis: &str| {
        FileInfo::new()
            .with("src_last_modified_millis", millis)
            .unwrap()
    };
    let in_2001 = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000_123);
    let in_1967 = SystemTime::UNIX_EPOCH - Duration::from_millis(86_400_000_123);
    let cases = [
        ("1000000000123", Some(in_2001)),
        ("soon", None),
        ("99999999999999999999", None),
        ("9223372036854775807", None),
        ("-9223372036854775808", None),
        ("-86400000123", Some(in_1967)),
    ];
    for (millis, expected) in cases {
        let (net, dir) = (Net::new(0), tempdir().unwrap());
        let (bucket, _) = net.with_file(b"");
        net.run(put(&bucket, b"x", noted(millis)));
        let path = dir.path().join("f");
        net.run(bucket.download("f").to_path(&path)).unwrap();
        let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_ne!(modified(&path), in_2001, "not unless it is asked for");
        net.run(bucket.download("f").modified_time().to_path(&path))
            .unwrap();
        if let Some(expected) = expected {
            assert_eq!(modified(&path), expected);
        }
        assert_eq!(files(dir.path()), ["f"], "{millis}");
    }
}

/// Downloads over an existing file, and asserts that it is unchanged.
fn fails(net: &Net, bucket: &BucketHandle) -> Error {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "old").unwrap();
    let download = bucket.download("f").range_size(20_000).concurrency(3);
    let error = net.run(download.to_path(&path)).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(files(dir.path()), ["f"]);
    error
}

#[test]
fn a_corrupted_bit_is_downloaded_again_before_the_target_is_replaced() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let path = dir.path().join("f");
    fs::write(&path, "old").unwrap();
    net.nth(3, FaultKind::CorruptResponse { at: 7 });
    let seen = path.clone();
    net.meddle(move |_, _| assert_eq!(fs::read(&seen).unwrap(), b"old"));
    let progress = Progress::new();
    let download = bucket.download("f").range_size(20_000).progress(&progress);
    net.run(download.to_path(&path)).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(files(dir.path()), ["f"]);
    assert_eq!(net.requests().len(), 10);
    assert_eq!((progress.now().bytes, progress.now().retries), (100_000, 1));
}

#[test]
fn bytes_that_are_wrong_each_time_fail_after_three_downloads() {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    for round in 0..3 {
        net.nth(2 + 5 * round, FaultKind::CorruptResponse { at: round });
    }
    let error = fails(&net, &bucket);
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(
        error.to_string().starts_with("\"f\": the file's SHA-1 is "),
        "{error}"
    );
    assert_eq!(net.requests().len(), 15);
}

#[test]
fn a_wrong_stored_sha1_costs_two_downloads_and_no_third() {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    let wrong = HeaderValue::from_static("0000000000000000000000000000000000000000");
    let name = HeaderName::from_static("x-bz-content-sha1");
    net.fault(Fault::new(FaultKind::SetHeader(name, wrong)));
    assert_eq!(fails(&net, &bucket).kind(), ErrorKind::Integrity);
    assert_eq!(net.requests().len(), 10);
}

#[test]
fn require_verified_refuses_unverifiable_files_before_the_first_byte() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(&bytes(100_000));
    let path = dir.path().join("f");
    let range = ByteRange::inclusive(0, 9).unwrap();
    let download = bucket.download("f").range(range).require_verified();
    let error = net.run(download.to_path(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let none = HeaderValue::from_static("none");
    let name = HeaderName::from_static("x-bz-content-sha1");
    net.fault(Fault::new(FaultKind::SetHeader(name, none)));
    let download = bucket.download("f").require_verified();
    let error = net.run(download.to_path(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(files(dir.path()).is_empty());
    let done = net.run(bucket.download("f").to_path(&path)).unwrap();
    assert_eq!(done.verified, Verified::LengthOnly);
}

#[test]
fn a_version_deleted_during_the_download_leaves_nothing() {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    let gone = FaultKind::error(b2kit::http::StatusCode::NOT_FOUND, "not_found", "");
    net.nth(3, gone);
    assert_eq!(fails(&net, &bucket).kind(), ErrorKind::NotFound);
}

#[test]
fn a_missing_file_leaves_nothing() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(b"");
    let error = net.run(bucket.download("g").to_path(dir.path().join("g")));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(files(dir.path()).is_empty());
}

#[test]
fn an_unusable_target_is_refused_before_anything_is_requested() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(b"x");
    let mut bad = vec![
        dir.path().to_owned(),
        dir.path().join("no directory").join("f"),
        dir.path().join(".."),
        "/".into(),
        "".into(),
    ];
    fs::write(dir.path().join("file"), "").unwrap();
    bad.push(dir.path().join("file").join("f"));
    #[cfg(unix)]
    bad.push("/dev/null".into());
    for path in bad {
        for resume in [false, true] {
            let mut download = bucket.download("f");
            if resume {
                download = download.resume();
            }
            let error = net.run(download.to_path(&path)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{path:?}: {error}");
            assert!(
                error.to_string().contains("could not be written"),
                "{error}"
            );
        }
    }
    assert!(net.requests().is_empty());
    assert_eq!(files(dir.path()), ["file"]);
}

/// On other systems, a directory can't vanish while a file in it is open.
#[cfg(unix)]
#[test]
fn a_directory_that_vanishes_is_a_destination_error() {
    for resume in [false, true] {
        let (net, dir) = (Net::new(0), tempdir().unwrap());
        let (below, path) = (dir.path().join("d"), dir.path().join("d").join("f"));
        fs::create_dir(&below).unwrap();
        let error = in_the_middle(&net, &path, resume, move || {
            fs::remove_dir_all(&below).unwrap();
        });
        assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
        assert!(files(dir.path()).is_empty());
    }
}

#[test]
fn a_target_that_can_not_be_replaced_is_a_destination_error() {
    for resume in [false, true] {
        let (net, dir) = (Net::new(0), tempdir().unwrap());
        let path = dir.path().join("g");
        let in_the_way = path.clone();
        let error = in_the_middle(&net, &path, resume, move || {
            fs::create_dir(&in_the_way).unwrap();
            fs::write(in_the_way.join("x"), "").unwrap();
        });
        assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
        let left = files(dir.path());
        assert_eq!(left.len(), if resume { 3 } else { 1 }, "{left:?}");
    }
}

/// Downloads five ranges to this path, and interferes before the third.
fn in_the_middle(
    net: &Net,
    path: &Path,
    resume: bool,
    meddle: impl Fn() + Send + Sync + 'static,
) -> Error {
    let (bucket, _) = net.with_file(&bytes(100_000));
    let mut download = bucket.download("f").range_size(20_000);
    if resume {
        download = download.resume();
    }
    net.requests();
    net.meddle(move |number, _| {
        if number == 3 {
            meddle();
        }
    });
    net.run(download.to_path(path)).unwrap_err()
}

/// Set in the child process whose files can't grow: its directory.
#[cfg(unix)]
const FULL: &str = "B2KIT_TESTS_FULL_DISK";

/// A full disk needs a mount. A limit on the size of files doesn't, and fails `write` in the same
/// way. It belongs to the process, so a child is started.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_destination_error_and_the_old_file_is_kept() {
    if let Some(dir) = std::env::var_os(FULL) {
        return run_out_of_disk(Path::new(&dir));
    }
    let dir = tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let test = thread::current().name().unwrap().to_owned();
    // 2,000 blocks of 512 or 1,024 bytes, depending on the shell; the signal is ignored.
    let limited = "trap '' XFSZ && ulimit -f 2000 && exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(this)
        .args([&*test, "--exact", "--nocapture"])
        .env(FULL, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // The child really ran this test.
    assert_eq!(fs::read(dir.path().join("was-here")).unwrap(), b"yes");
}

#[cfg(unix)]
fn run_out_of_disk(dir: &Path) {
    let net = Net::new(0);
    let (bucket, _) = net.with_file(&bytes(3_000_000));
    let path = dir.join("f");
    fs::write(&path, "old").unwrap();
    for concurrency in [1, 3] {
        let download = || {
            let download = bucket.download("f").range_size(250_000);
            download.concurrency(concurrency)
        };
        let assert_too_large = |error: &Error| {
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            assert!(format!("{error:#}").contains("too large"), "{error:#}");
        };
        assert_too_large(&net.run(download().to_path(&path)).unwrap_err());
        assert_eq!(files(dir), ["f"], "what was written is removed");
        // The resumable partial file is kept, and the next attempt has no more space.
        for _ in 0..2 {
            assert_too_large(&net.run(download().resume().to_path(&path)).unwrap_err());
            let left = files(dir);
            let [part, state, old] = &left[..] else {
                panic!("{left:?}");
            };
            assert!(part.ends_with(".b2part") && state.ends_with(".b2part.json") && old == "f");
        }
        for name in files(dir) {
            if name != "f" {
                fs::remove_file(dir.join(name)).unwrap();
            }
        }
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
    fs::write(dir.join("was-here"), "yes").unwrap();
}

/// Even next to the longest possible file name, the partial file's name is valid.
#[test]
fn a_target_with_the_longest_possible_name_is_written() {
    for name in ["x".repeat(255), "ü".repeat(127), "🦀".repeat(63)] {
        for resume in [false, true] {
            let (net, dir) = (Net::new(0), tempdir().unwrap());
            let (bucket, _) = net.with_file(b"x");
            let mut download = bucket.download("f");
            if resume {
                download = download.resume();
            }
            net.run(download.to_path(dir.path().join(&name))).unwrap();
            assert_eq!(files(dir.path()), [name.as_str()]);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_symlink_at_the_target_is_replaced_and_not_followed() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(b"new");
    let (path, other) = (dir.path().join("f"), dir.path().join("other"));
    fs::write(&other, "other").unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    net.run(bucket.download("f").to_path(&path)).unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"other");
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn two_hundred_ranges_share_one_pause_when_b2_throttles() {
    let (net, file, dir) = (Net::new(0), bytes(200_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let path = dir.path().join("f");
    let busy = FaultKind::too_many_requests().retry_after(HeaderValue::from_static("7"));
    let busy = net.fault(Fault::new(busy).on(BY_ID).times(20));
    let download = bucket.download("f").range_size(1_000).concurrency(200);
    net.run(download.to_path(&path)).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(net.emulator.faults().hits(busy), 20);
    let requests = net.requests();
    let first = requests[1].at;
    let early = |at: &Duration| (first..first + Duration::from_secs(7)).contains(at);
    let at: Vec<_> = requests[1..].iter().map(|request| request.at).collect();
    assert!(
        at.iter().filter(|at| early(at)).all(|at| *at == first),
        "{at:?}"
    );
    assert_eq!(requests.len(), 220);
}

#[test]
fn a_token_that_expires_during_64_ranges_is_renewed_once() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let path = dir.path().join("f");
    net.fault(Fault::new(FaultKind::ExpireToken).on(BY_ID).nth(5));
    let download = bucket.download("f").range_size(1_000).concurrency(64);
    net.run(download.to_path(&path)).unwrap();
    assert!(fs::read(&path).unwrap() == file);
    assert_eq!(net.emulator.snapshot().calls["b2_authorize_account"], 2);
}

#[test]
fn a_version_uploaded_between_ranges_is_not_mixed_in() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, version) = net.with_file(&file);
    let path = dir.path().join("f");
    let other = bucket.clone();
    net.meddle(move |number, _| {
        if number == 2 {
            futures::executor::block_on(put(&other, &[7; 100_000], FileInfo::new()));
        }
    });
    let download = bucket.download("f").range_size(10_000).concurrency(2);
    let done = net.run(download.to_path(&path)).unwrap();
    assert_eq!(done.file.file_id, version.file_id);
    assert!(fs::read(&path).unwrap() == file);
}
