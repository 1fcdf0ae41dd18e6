//! Each fault at each request, and random faults by seed.

use std::fs;

use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::{HeaderName, HeaderValue, StatusCode};
use b2kit::transfer::FileDownload;
use b2kit::{BucketHandle, ErrorKind, Phase};
use fastrand::Rng;
use tempfile::tempdir;

use super::{Net, bytes, files};
use crate::seeds::for_seeds;

/// Transient faults, at this byte of a body or before it.
fn transient_faults(at: u64) -> Vec<FaultKind> {
    let status = |status| StatusCode::from_u16(status).unwrap();
    vec![
        FaultKind::internal_error(),
        FaultKind::service_unavailable(),
        FaultKind::request_timeout(),
        FaultKind::too_many_requests().retry_after(HeaderValue::from_static("2")),
        FaultKind::error(status(503), "", ""),
        FaultKind::html(status(502)),
        FaultKind::html(status(504)),
        FaultKind::LoseRequest(Phase::NotSent),
        FaultKind::LoseRequest(Phase::MaybeReceived),
        FaultKind::LoseResponse,
        FaultKind::ExpireToken,
        FaultKind::ForgetToken,
        FaultKind::CutResponse { after: 0 },
        FaultKind::CutResponse { after: at },
        FaultKind::StallResponse { after: 0 },
        FaultKind::StallResponse { after: at },
    ]
}

fn set(name: &'static str, value: &'static str) -> FaultKind {
    let name = HeaderName::from_static(name);
    FaultKind::SetHeader(name, HeaderValue::from_static(value))
}

/// Errors of an intermediary, which say nothing about B2. They are survived twice in one call.
fn intermediary_errors() -> Vec<FaultKind> {
    let status = |status| StatusCode::from_u16(status).unwrap();
    [302, 307, 400, 401, 403, 404, 416]
        .map(|code| FaultKind::html(status(code)))
        .into()
}

/// Responses that don't fit the request; each is survived once.
fn invalid_responses() -> Vec<FaultKind> {
    vec![
        FaultKind::truncated_json(),
        set("content-range", "bytes 1-2/3"),
        set("x-bz-file-name", "another"),
        FaultKind::RemoveHeader(HeaderName::from_static("x-bz-file-id")),
    ]
}

/// Permanent faults.
fn permanent_faults() -> Vec<(FaultKind, ErrorKind)> {
    let error = |status, code| FaultKind::error(StatusCode::from_u16(status).unwrap(), code, "");
    vec![
        (FaultKind::download_cap_exceeded(), ErrorKind::CapExceeded),
        (
            FaultKind::transaction_cap_exceeded(),
            ErrorKind::CapExceeded,
        ),
        (error(403, "access_denied"), ErrorKind::Unauthorized),
        (error(401, "unauthorized"), ErrorKind::Unauthorized),
        (error(404, "not_found"), ErrorKind::NotFound),
        (error(400, "bad_request"), ErrorKind::Rejected),
    ]
}

/// All faults, and the error that a permanent one is reported with.
pub(super) fn all_faults() -> impl Iterator<Item = (FaultKind, Option<ErrorKind>)> {
    let transient_faults = transient_faults(3_333)
        .into_iter()
        .chain(invalid_responses())
        .chain(intermediary_errors());
    let transient_faults = transient_faults.map(|fault_kind| (fault_kind, None));
    let permanent_faults = permanent_faults()
        .into_iter()
        .map(|(fault_kind, kind)| (fault_kind, Some(kind)));
    let more = [
        set("content-length", "3"),
        FaultKind::CorruptResponse { at: 77 },
    ];
    let more = more.map(|fault_kind| (fault_kind, None));
    transient_faults.chain(permanent_faults).chain(more)
}

#[test]
fn each_fault_at_each_request_of_a_download_is_survived_or_reported() {
    let file = bytes(6 * 10_000);
    for (fault_kind, kind) in all_faults() {
        for index in 1..=6 {
            for concurrency in [2, 6] {
                let what = format!("{fault_kind:?} at request {index}, {concurrency} at once");
                let (net, dir) = (Net::new(0), tempdir().unwrap());
                let (bucket, _) = net.with_file(&file);
                let path = dir.path().join("f");
                fs::write(&path, "old").unwrap();
                let fault = net.nth(index, fault_kind.clone());
                let download = bucket.download("f").range_size(10_000);
                let done = net.run(download.concurrency(concurrency).to_path(&path));
                assert_eq!(net.emulator.faults().hits(fault), 1, "{what}");
                assert_eq!(files(dir.path()), ["f"], "{what}");
                let now = fs::read(&path).unwrap();
                let requests = net.requests().len();
                match (done, kind) {
                    (Ok(_), None) => assert!(now == file, "{what}"),
                    (Err(error), Some(kind)) => {
                        assert_eq!(error.kind(), kind, "{what}: {error}");
                        assert_eq!(now, b"old", "{what}");
                    }
                    (done, _) => panic!("{what}: {done:?}"),
                }
                let most = match fault_kind {
                    FaultKind::CorruptResponse { .. } => 12,
                    // An invalidated token fails every request in flight with it.
                    FaultKind::ExpireToken | FaultKind::ForgetToken => 12,
                    _ => 7,
                };
                assert!(requests <= most, "{what}: {requests} requests");
            }
        }
    }
}

pub(super) fn random_file(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.u8(..8) {
        0 => 0,
        1 => 1,
        2 => rng.usize(..400_000),
        _ => rng.usize(..60_000),
    };
    bytes(len)
}

fn random_download(bucket: &BucketHandle, rng: &mut Rng) -> FileDownload {
    let mut download = bucket.download("f").concurrency(rng.usize(1..9));
    download = download.range_size(rng.u64(2_000..60_000));
    if rng.bool() {
        download.resume()
    } else {
        download
    }
}

fn invalidates_the_token(fault_kind: &FaultKind) -> bool {
    matches!(fault_kind, FaultKind::ExpireToken | FaultKind::ForgetToken)
}

/// Faults for the next requests, each once; and how many.
pub(super) fn inject_random_faults(net: &Net, len: usize, rng: &mut Rng) -> usize {
    let count = rng.usize(..9);
    let mut has_lost_a_token = false;
    for _ in 0..count {
        let mut kinds = transient_faults(rng.u64(..=len as u64));
        if has_lost_a_token {
            // A call renews its token only once.
            kinds.retain(|fault_kind| !invalidates_the_token(fault_kind));
        }
        let fault_kind = kinds.swap_remove(rng.usize(..kinds.len()));
        has_lost_a_token |= invalidates_the_token(&fault_kind);
        net.nth(rng.u64(1..12), fault_kind);
    }
    if rng.bool() {
        let mut kinds = invalid_responses();
        let fault_kind = kinds.swap_remove(rng.usize(..kinds.len()));
        net.nth(rng.u64(1..12), fault_kind);
        return count + 1;
    }
    count
}

#[test]
fn a_download_to_a_path_writes_the_same_bytes_under_random_faults() {
    for_seeds(0..250, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let (net, dir) = (Net::new(seed), tempdir().unwrap());
        let file = random_file(rng);
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let download = random_download(&bucket, rng);
        let faults = inject_random_faults(&net, file.len(), rng);
        let corrupt = if rng.u8(..4) == 0 { 1 } else { 0 };
        if corrupt == 1 {
            // Only downloads are corrupted: a token with a changed byte would be a different token.
            let corrupt = FaultKind::CorruptResponse {
                at: rng.u64(..2_000),
            };
            let call = ["b2_download_file_by_name", "b2_download_file_by_id"][rng.usize(..2)];
            net.fault(Fault::new(corrupt).on(call).nth(rng.u64(1..12)));
        }
        net.run(download.clone().to_path(&path)).unwrap();
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
        let requests = net.requests();
        // The same download without faults, for comparison.
        net.emulator.faults().clear();
        net.run(download.to_path(&path)).unwrap();
        let ideal = net.requests().len();
        // An invalidated token fails up to eight requests.
        let most = ideal * (1 + corrupt) + 2 * faults + 8;
        assert!(
            requests.len() <= most,
            "{} requests, ideal are {ideal}",
            requests.len()
        );
    });
}

#[test]
fn a_stream_returns_the_same_bytes_in_order_under_random_faults() {
    for_seeds(0..250, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let net = Net::new(seed);
        let file = random_file(rng);
        let (bucket, _) = net.with_file(&file);
        let faults = inject_random_faults(&net, file.len(), rng);
        let read = net.run(async {
            let stream = bucket.download("f").stream().await?;
            stream.collect(file.len()).await
        });
        assert!(read.unwrap() == file);
        assert!(net.requests().len() <= 2 + 2 * faults);
    });
}

#[test]
fn under_many_faults_a_target_is_old_or_new_and_never_mixed() {
    for_seeds(0..200, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let (net, dir) = (Net::new(seed), tempdir().unwrap());
        let file = random_file(rng);
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        let all = transient_faults(rng.u64(..=file.len() as u64))
            .into_iter()
            .chain(invalid_responses());
        let all = all.chain(
            permanent_faults()
                .into_iter()
                .map(|(fault_kind, _)| fault_kind),
        );
        let all = all.chain([FaultKind::CorruptResponse {
            at: rng.u64(..2_000),
        }]);
        for fault_kind in all {
            net.fault(Fault::new(fault_kind).probability(0.015));
        }
        let mut download = bucket.download("f").range_size(rng.u64(2_000..60_000));
        download = download.concurrency(rng.usize(1..9));
        let done = net.run(download.to_path(&path));
        let now = fs::read(&path).unwrap();
        if done.is_ok() {
            assert!(now == file);
        } else {
            assert_eq!(now, b"old");
        }
        assert_eq!(files(dir.path()), ["f"]);
    });
}

#[test]
fn a_repeatedly_failing_download_is_resumed_until_it_is_complete() {
    for_seeds(0..200, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let (net, dir) = (Net::new(seed), tempdir().unwrap());
        let file = bytes(rng.usize(1..200_000));
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let (size, concurrency) = (rng.u64(2_000..60_000), rng.usize(1..6));
        let mut tries = 0;
        loop {
            tries += 1;
            assert!(tries < 200);
            net.emulator.faults().clear();
            if rng.u8(..4) > 0 {
                // From some request on, every download fails.
                let gone = FaultKind::download_cap_exceeded();
                let from = rng.u64(1..6);
                for n in from..from + 40 {
                    net.nth(n, gone.clone());
                }
            }
            if rng.u8(..8) == 0 {
                net.nth(
                    rng.u64(1..6),
                    FaultKind::CorruptResponse {
                        at: rng.u64(..2_000),
                    },
                );
            }
            let download = bucket.download("f").range_size(size).resume();
            match net.run(download.concurrency(concurrency).to_path(&path)) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::CapExceeded, "{error}"),
            }
            assert!(!path.exists());
            let left = files(dir.path());
            assert!(left.is_empty() || left.len() == 2, "{left:?}");
        }
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
    });
}
