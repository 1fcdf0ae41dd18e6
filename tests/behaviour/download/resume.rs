//! Downloads that resume what an earlier process left.

use std::fs::{self, File};
use std::path::Path;
use std::pin::pin;

use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::{HeaderName, HeaderValue, StatusCode};
use b2kit::transfer::{Downloaded, FileDownload, Progress, Verified};
use b2kit::types::{ByteRange, CustomerKey, EncryptionSetting, FileInfo, FileName};
use b2kit::{BucketHandle, ErrorKind};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::{BY_NAME, Net, Run, bytes, files, left_in, put, wait_for_files};
use crate::seeds::for_seeds;

/// A download in ranges of 10,000 bytes, one after the other.
pub(super) fn resumable(bucket: &BucketHandle) -> FileDownload {
    bucket
        .download("f")
        .range_size(10_000)
        .concurrency(2)
        .resume()
}

/// A directory with the first 40,000 of 100,000 bytes, and the state that an ended process left.
pub(super) fn left_behind() -> (Net, BucketHandle, Vec<u8>, TempDir) {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    break_off(&net, &bucket, dir.path());
    (net, bucket, file, dir)
}

pub(super) fn break_off(net: &Net, bucket: &BucketHandle, dir: &Path) {
    for n in 5..100 {
        net.nth(n, FaultKind::download_cap_exceeded());
    }
    let error = net.run(resumable(bucket).to_path(dir.join("f")));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::CapExceeded);
    left_in(dir, &[]);
    net.emulator.faults().clear();
    net.requests();
}

pub(super) fn finish(net: &Net, download: FileDownload, dir: &Path) -> (Downloaded, Vec<u8>) {
    let path = dir.join("f");
    let done = net.run(download.to_path(&path)).unwrap();
    assert_eq!(files(dir), ["f"]);
    (done, fs::read(path).unwrap())
}

#[test]
fn a_resumed_download_requests_only_missing_ranges() {
    let (net, bucket, file, dir) = left_behind();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file);
    assert_eq!(done.verified, Verified::Sha1);
    assert!(done.resumed_bytes >= 30_000, "{}", done.resumed_bytes);
    let requests = net.requests();
    assert_eq!(requests.len() as u64, 10 - done.resumed_bytes / 10_000);
    assert_eq!(requests[0].call, BY_NAME);
    // Of two ranges at once, the second may have been complete and the first not.
    let mut ranges: Vec<_> = requests
        .iter()
        .filter_map(|one| one.range.clone())
        .collect();
    ranges.sort();
    ranges.dedup();
    assert_eq!(ranges.len(), requests.len(), "{requests:?}");
    let len = |range: &String| {
        let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        last.parse::<u64>().unwrap() + 1 - first.parse::<u64>().unwrap()
    };
    let requested: u64 = ranges.iter().map(len).sum();
    assert_eq!(requested, 100_000 - done.resumed_bytes, "{requests:?}");
}

#[test]
fn a_resumed_download_with_concurrency_1_gets_all_of_a_gap_in_one_request() {
    let (net, bucket, file, dir) = left_behind();
    let (_, state) = left_in(dir.path(), &[]);
    let state: Value = serde_json::from_slice(&fs::read(state).unwrap()).unwrap();
    let (_, now) = finish(&net, resumable(&bucket).concurrency(1), dir.path());
    assert!(now == file);
    // Of two ranges at once, the second may have been complete and the first not.
    let gaps = state["done"].as_array().unwrap().len();
    assert_eq!(net.requests().len(), gaps, "{state}");
}

#[test]
fn a_dropped_download_can_be_resumed() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let path = dir.path().join("f");
    {
        let mut download = pin!(resumable(&bucket).to_path(path));
        let mut run = Run::new(&net.timer);
        while net.requests().is_empty() || !has(dir.path(), 20_000) {
            assert!(run.step(&mut download).is_pending());
            net.meddle(|_, _| {});
        }
    }
    wait_for_files(dir.path(), |left| left.len() == 2);
    left_in(dir.path(), &[]);
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes > 0);
}

/// Whether the partial file has this many bytes.
fn has(dir: &Path, bytes: u64) -> bool {
    let part = files(dir)
        .into_iter()
        .find(|name| name.ends_with(".b2part"));
    let length = part.and_then(|part| Some(fs::metadata(dir.join(part)).ok()?.len()));
    length.is_some_and(|length| length >= bytes)
}

#[test]
fn a_resumed_download_of_another_version_starts_over() {
    for len in [100_000, 50_000, 5_000, 0] {
        let (net, bucket, _, dir) = left_behind();
        let new = vec![7; len];
        net.run(put(&bucket, &new, FileInfo::new()));
        let (done, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(now == new && done.resumed_bytes == 0, "{len}");
        // One for the rest of the old version, and all of the new one's ranges.
        if len == 100_000 {
            assert_eq!(net.requests().len(), 11);
        }
    }
}

#[test]
fn a_resumed_download_whose_range_is_refused_by_a_proxy_or_ignored_starts_over() {
    for is_ignored in [true, false] {
        let (net, bucket, file, dir) = left_behind();
        if is_ignored {
            net.meddle(|_, request| {
                request.headers_mut().remove("range");
            });
        } else {
            // The call survives two such responses.
            let refused = FaultKind::html(StatusCode::RANGE_NOT_SATISFIABLE);
            net.fault(Fault::new(refused).times(3));
        }
        let (done, now) = finish(&net, resumable(&bucket).concurrency(1), dir.path());
        assert!(now == file && done.resumed_bytes == 0, "{is_ignored}");
    }
}

#[test]
fn bytes_on_disk_are_kept_if_a_proxy_refuses_all_requests_or_answers_them_wrongly() {
    let elsewhere = HeaderValue::from_static("bytes 1-10/100000");
    let content_range = HeaderName::from_static("content-range");
    for fault in [
        FaultKind::html(StatusCode::RANGE_NOT_SATISFIABLE),
        FaultKind::SetHeader(content_range, elsewhere),
    ] {
        let (net, bucket, file, dir) = left_behind();
        net.fault(Fault::new(fault));
        net.run(resumable(&bucket).to_path(dir.path().join("f")))
            .unwrap_err();
        left_in(dir.path(), &[]);
        net.emulator.faults().clear();
        let (done, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(now == file && done.resumed_bytes >= 30_000);
    }
}

#[test]
fn a_download_by_id_resumes_even_if_its_name_has_a_new_version() {
    let (net, bucket, file, dir) = left_behind();
    let id = net.run(async {
        let id = bucket
            .download("f")
            .stream()
            .await
            .unwrap()
            .file()
            .file_id
            .clone();
        put(&bucket, b"new", FileInfo::new()).await;
        id
    });
    net.requests();
    let download = bucket.client().download(id).range_size(10_000).resume();
    let (done, now) = finish(&net, download, dir.path());
    assert!(now == file && done.resumed_bytes >= 30_000);
}

#[test]
fn bytes_that_changed_on_disk_are_detected_and_downloaded_again() {
    let (net, bucket, file, dir) = left_behind();
    let (part, _) = left_in(dir.path(), &[]);
    let mut bytes = fs::read(&part).unwrap();
    bytes[5] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes == 0);
}

#[test]
fn an_invalid_state_starts_over() {
    type Damage = fn(&Path, &Path);
    let damages: [Damage; 9] = [
        |_, state| fs::write(state, "").unwrap(),
        |_, state| fs::write(state, "{").unwrap(),
        |_, state| fs::write(state, vec![b'['; 2 << 20]).unwrap(),
        |_, state| fs::remove_file(state).unwrap(),
        |_, state| {
            let text = fs::read_to_string(state).unwrap();
            let later = text.replace("download\":2", "download\":3");
            assert_ne!(later, text);
            fs::write(state, later).unwrap();
        },
        |part, _| fs::write(part, "").unwrap(),
        |part, _| fs::remove_file(part).unwrap(),
        |part, _| fs::write(part, bytes(200_000)).unwrap(),
        |_, state| {
            let text = fs::read_to_string(state).unwrap();
            let other = text.replace("\"wanted\":[0,100000]", "\"wanted\":[0,90000]");
            assert_ne!(other, text);
            fs::write(state, other).unwrap();
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (net, bucket, file, dir) = left_behind();
        let (part, state) = left_in(dir.path(), &[]);
        damage(&part, &state);
        let (_, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(now == file, "damage {number}: {} bytes", now.len());
    }
}

#[test]
fn a_byte_range_resumes_only_the_same_range() {
    let range = |first, last| ByteRange::inclusive(first, last).unwrap();
    let (net, bucket, file, dir) = left_behind();
    let download = resumable(&bucket).range(range(5, 60_004));
    let (done, now) = finish(&net, download, dir.path());
    assert!(now == file[5..60_005] && done.resumed_bytes == 0);
    let download = || resumable(&bucket).range(range(20_000, 79_999));
    net.requests();
    for n in 4..99 {
        net.nth(n, FaultKind::download_cap_exceeded());
    }
    let path = dir.path().join("g");
    let error = net.run(download().to_path(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CapExceeded);
    net.emulator.faults().clear();
    let progress = Progress::new();
    let done = net.run(download().progress(&progress).to_path(&path));
    let done = done.unwrap();
    assert!(fs::read(path).unwrap() == file[20_000..80_000] && done.resumed_bytes > 0);
    let now = progress.now();
    assert_eq!((now.bytes, now.total_bytes), (60_000, Some(60_000)));
}

#[test]
fn an_error_while_it_is_resumed_leaves_the_partial_file() {
    let (net, bucket, file, dir) = left_behind();
    net.nth(1, FaultKind::download_cap_exceeded());
    let error = net.run(resumable(&bucket).to_path(dir.path().join("f")));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::CapExceeded);
    left_in(dir.path(), &[]);
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes >= 30_000);
}

#[test]
fn a_complete_partial_file_costs_one_head_request() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    let path = dir.path().join("f");
    let in_the_way = path.clone();
    net.meddle(move |number, _| {
        if number == 9 {
            fs::create_dir(&in_the_way).unwrap();
        }
    });
    let error = net.run(resumable(&bucket).to_path(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
    fs::remove_dir(&path).unwrap();
    net.requests();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes == 100_000);
    let requests = net.requests();
    assert!(requests.len() == 1 && requests[0].head, "{requests:?}");
}

/// B2 has no SHA-1 of the file.
pub(super) fn nothing_verifies(net: &Net) {
    let none = HeaderValue::from_static("none");
    let name = HeaderName::from_static("x-bz-content-sha1");
    net.fault(Fault::new(FaultKind::SetHeader(name, none)));
}

#[test]
fn unverifiable_bytes_are_resumed_if_their_state_is_signed() {
    // The larger file passes a checkpoint.
    for len in [100_000, 24 << 20] {
        let (net, file, dir) = (Net::new(0), bytes(len), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        nothing_verifies(&net);
        let download = || {
            let download = bucket.download("f").range_size((len / 12) as u64);
            download.concurrency(2).resume()
        };
        let gone = (11..99).map(|n| net.nth(n, FaultKind::download_cap_exceeded()));
        let gone: Vec<_> = gone.collect();
        let error = net
            .run(download().to_path(dir.path().join("f")))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CapExceeded);
        left_in(dir.path(), &[]);
        gone.into_iter()
            .for_each(|fault| net.emulator.faults().remove(fault));
        // Renaming the directory changes nothing.
        let moved = dir.path().with_extension("moved");
        fs::rename(dir.path(), &moved).unwrap();
        let (done, now) = finish(&net, download(), &moved);
        fs::rename(&moved, dir.path()).unwrap();
        assert!(now == file && done.verified == Verified::LengthOnly);
        assert!(
            done.resumed_bytes >= len as u64 / 2,
            "{}",
            done.resumed_bytes
        );
    }
}

#[test]
fn the_state_is_saved_after_16_mebibytes_so_that_a_killed_download_can_be_resumed() {
    let file = bytes(24 << 20);
    for (after, is_saved) in [(15 << 20, false), (18 << 20, true)] {
        let (net, dir, copy) = (Net::new(0), tempdir().unwrap(), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        net.nth(1, FaultKind::StallResponse { after });
        let mut download = pin!(bucket.download("f").resume().to_path(dir.path().join("f")));
        let mut run = Run::new(&net.timer);
        let mut requests = 0;
        while requests < 2 {
            assert!(run.step(&mut download).is_pending());
            requests += net.requests().len();
        }
        let left = files(dir.path());
        let has_state = left.iter().any(|name| name.ends_with(".json"));
        assert_eq!(has_state, is_saved, "{left:?}");
        // As the process leaves it that is killed now.
        for name in left {
            fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
        }
        let path = copy.path().join("f");
        let done = net
            .run(bucket.download("f").resume().to_path(&path))
            .unwrap();
        assert_eq!(
            done.resumed_bytes >= 16 << 20,
            is_saved,
            "{}",
            done.resumed_bytes
        );
        assert!(fs::read(path).unwrap() == file);
    }
}

#[test]
fn unverifiable_bytes_in_another_file_are_downloaded_again() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(&file);
    nothing_verifies(&net);
    let gone = (5..100).map(|n| net.nth(n, FaultKind::download_cap_exceeded()));
    let gone: Vec<_> = gone.collect();
    net.run(resumable(&bucket).to_path(dir.path().join("f")))
        .unwrap_err();
    left_in(dir.path(), &[]);
    gone.into_iter()
        .for_each(|fault| net.emulator.faults().remove(fault));
    // Copies have the same names and states, but their bytes could be anybody's.
    let elsewhere = tempdir().unwrap();
    for name in files(dir.path()) {
        fs::copy(dir.path().join(&name), elsewhere.path().join(&name)).unwrap();
    }
    let (done, now) = finish(&net, resumable(&bucket), elsewhere.path());
    assert!(now == file && done.resumed_bytes == 0);
    // The original partial file is still valid.
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes >= 30_000);
}

#[test]
fn two_downloads_to_one_path_use_separate_files() {
    for_seeds(0..200, |seed| {
        let (net, file, dir) = (Net::new(seed), bytes(100_000), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let two = futures::future::join(
            resumable(&bucket).to_path(&path),
            resumable(&bucket).to_path(&path),
        );
        let (one, other) = net.run(two);
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
    });
}

#[test]
fn a_partial_file_locked_by_another_download_is_left_alone() {
    let (net, bucket, file, dir) = left_behind();
    let (part, _) = left_in(dir.path(), &[]);
    let before = fs::read(&part).unwrap();
    let other = File::open(&part).unwrap();
    other.lock().unwrap();
    let path = dir.path().join("f");
    let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
    assert_eq!(done.resumed_bytes, 0);
    assert!(fs::read(&path).unwrap() == file && fs::read(&part).unwrap() == before);
    left_in(dir.path(), &["f"]);
    drop(other);
    finish(&net, bucket.download("f"), dir.path());
}

#[cfg(unix)]
#[test]
fn a_link_or_a_file_writable_by_others_is_not_resumed() {
    use std::os::unix::fs::PermissionsExt as _;
    let (net, bucket, file, dir) = left_behind();
    let (part, _) = left_in(dir.path(), &[]);
    let path = dir.path().join("f");
    fs::set_permissions(&part, fs::Permissions::from_mode(0o666)).unwrap();
    let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
    assert_eq!(done.resumed_bytes, 0);
    assert!(fs::read(&path).unwrap() == file);

    let treasure = dir.path().join("treasure");
    fs::write(&treasure, "treasure").unwrap();
    assert!(!part.exists(), "what is open to others is of no use");
    std::os::unix::fs::symlink(&treasure, &part).unwrap();
    let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
    assert_eq!(done.resumed_bytes, 0);
    assert_eq!(fs::read(&treasure).unwrap(), b"treasure");
}

#[test]
fn partial_files_are_private_and_hold_no_secret() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, _) = net.with_file(b"");
    let key = || CustomerKey::new(*b"the customer's own key, 32 bytes");
    net.run(async {
        let name = FileName::new("f").unwrap();
        let upload = b2kit::api::UploadFile::new(bucket.id(), name, file.clone())
            .server_side_encryption(EncryptionSetting::SseC(key()));
        bucket.client().call(upload).await.unwrap();
    });
    for n in 5..100 {
        net.nth(n, FaultKind::download_cap_exceeded());
    }
    let download = || resumable(&bucket).customer_key(key());
    net.run(download().to_path(dir.path().join("f")))
        .unwrap_err();
    let (part, state) = left_in(dir.path(), &[]);
    let document = fs::read_to_string(&state).unwrap();
    let fields = [
        "b2kit_partial_download",
        "file_id",
        "content_length",
        "wanted",
        "done",
        "inode",
        "signature",
    ];
    assert!(!document.contains(net.emulator.key()));
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let mut names: Vec<_> = document.as_object().unwrap().keys().collect();
    names.sort();
    let mut expected = fields.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
    #[cfg(unix)]
    for path in [&part, &state] {
        use std::os::unix::fs::PermissionsExt as _;
        let found = fs::metadata(path).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }
    net.emulator.faults().clear();
    let (done, now) = finish(&net, download(), dir.path());
    assert!(now == file && done.resumed_bytes > 0);
}
