//! FaultKind by seed, and each kind of trouble at each request.

use std::fs;

use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::{HeaderName, HeaderValue, StatusCode};
use b2kit::transfer::FileDownload;
use b2kit::{BucketHandle, ErrorKind, Phase};
use fastrand::Rng;
use tempfile::tempdir;

use super::{Net, bytes, files};
use crate::seeds::for_seeds;

/// What passes, at some byte of a body or before it.
fn passing(at: u64) -> Vec<FaultKind> {
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
        FaultKind::LoseReply,
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

/// Somebody on the way says no, which says nothing about B2. Twice in one call it passes.
fn foreign() -> Vec<FaultKind> {
    let status = |status| StatusCode::from_u16(status).unwrap();
    [302, 307, 400, 401, 403, 404, 416]
        .map(|code| FaultKind::html(status(code)))
        .into()
}

/// What is no answer to what was asked; it passes when it comes once.
fn wrong() -> Vec<FaultKind> {
    vec![
        FaultKind::garbage(),
        set("content-range", "bytes 1-2/3"),
        set("x-bz-file-name", "another"),
        FaultKind::RemoveHeader(HeaderName::from_static("x-bz-file-id")),
    ]
}

/// What does not pass.
fn lasting() -> Vec<(FaultKind, ErrorKind)> {
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

#[test]
fn each_kind_of_trouble_at_each_request_is_survived_or_told() {
    let file = bytes(6 * 10_000);
    let passing = passing(3_333).into_iter().chain(wrong()).chain(foreign());
    let passing = passing.map(|trouble| (trouble, None));
    let lasting = lasting()
        .into_iter()
        .map(|(trouble, kind)| (trouble, Some(kind)));
    let more = [
        set("content-length", "3"),
        FaultKind::CorruptByte { at: 77 },
    ];
    let more = more.map(|trouble| (trouble, None));
    for (trouble, kind) in passing.chain(lasting).chain(more) {
        for index in 1..=6 {
            for concurrency in [2, 6] {
                let what = format!("{trouble:?} at request {index}, {concurrency} at once");
                let (net, dir) = (Net::new(0), tempdir().unwrap());
                let (bucket, _) = net.with_file(&file);
                let path = dir.path().join("f");
                fs::write(&path, "old").unwrap();
                let fault = net.nth(index, trouble.clone());
                let download = bucket.download("f").range_size(10_000);
                let done = net.run(download.concurrency(concurrency).to_path(&path));
                assert_eq!(net.emulator.faults().hits(fault), 1, "{what}");
                assert_eq!(files(dir.path()), ["f"], "{what}");
                let now = fs::read(&path).unwrap();
                let asked = net.asked().len();
                match (done, kind) {
                    (Ok(_), None) => assert!(now == file, "{what}"),
                    (Err(error), Some(kind)) => {
                        assert_eq!(error.kind(), kind, "{what}: {error}");
                        assert_eq!(now, b"old", "{what}");
                    }
                    (done, _) => panic!("{what}: {done:?}"),
                }
                let most = match trouble {
                    FaultKind::CorruptByte { .. } => 12,
                    // A lost token is lost for all that were under way with it.
                    FaultKind::ExpireToken | FaultKind::ForgetToken => 12,
                    _ => 7,
                };
                assert!(asked <= most, "{what}: {asked} requests");
            }
        }
    }
}

fn some_file(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.u8(..8) {
        0 => 0,
        1 => 1,
        2 => rng.usize(..400_000),
        _ => rng.usize(..60_000),
    };
    bytes(len)
}

fn some_download(bucket: &BucketHandle, rng: &mut Rng) -> FileDownload {
    let mut download = bucket.download("f").concurrency(rng.usize(1..9));
    download = download.range_size(rng.u64(2_000..60_000));
    if rng.bool() {
        download.resume()
    } else {
        download
    }
}

fn takes_the_token(trouble: &FaultKind) -> bool {
    matches!(trouble, FaultKind::ExpireToken | FaultKind::ForgetToken)
}

/// Troubles for the next requests, each once; and how many.
fn some_troubles(net: &Net, len: usize, rng: &mut Rng) -> usize {
    let count = rng.usize(..9);
    let mut has_lost_a_token = false;
    for _ in 0..count {
        let mut troubles = passing(rng.u64(..=len as u64));
        if has_lost_a_token {
            // A call has its token renewed once.
            troubles.retain(|trouble| !takes_the_token(trouble));
        }
        let trouble = troubles.swap_remove(rng.usize(..troubles.len()));
        has_lost_a_token |= takes_the_token(&trouble);
        net.nth(rng.u64(1..12), trouble);
    }
    if rng.bool() {
        let mut troubles = wrong();
        let trouble = troubles.swap_remove(rng.usize(..troubles.len()));
        net.nth(rng.u64(1..12), trouble);
        return count + 1;
    }
    count
}

#[test]
fn whatever_the_network_does_a_path_gets_the_same_bytes() {
    for_seeds(0..250, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let (net, dir) = (Net::new(seed), tempdir().unwrap());
        let file = some_file(rng);
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let download = some_download(&bucket, rng);
        let troubles = some_troubles(&net, file.len(), rng);
        let corrupt = if rng.u8(..4) == 0 { 1 } else { 0 };
        if corrupt == 1 {
            // Of the bytes of the file: a token with a byte changed is another token.
            let corrupt = FaultKind::CorruptByte {
                at: rng.u64(..2_000),
            };
            let call = ["b2_download_file_by_name", "b2_download_file_by_id"][rng.usize(..2)];
            net.fault(Fault::new(corrupt).on(call).nth(rng.u64(1..12)));
        }
        net.run(download.clone().to_path(&path)).unwrap();
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
        let asked = net.asked();
        // Without trouble, for comparison.
        net.emulator.faults().clear();
        net.run(download.to_path(&path)).unwrap();
        let ideal = net.asked().len();
        // A lost token is lost for up to eight.
        let most = ideal * (1 + corrupt) + 2 * troubles + 8;
        assert!(
            asked.len() <= most,
            "{} requests, ideal are {ideal}",
            asked.len()
        );
    });
}

#[test]
fn whatever_the_network_does_a_stream_gives_the_same_bytes_in_order() {
    for_seeds(0..250, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let net = Net::new(seed);
        let file = some_file(rng);
        let (bucket, _) = net.with_file(&file);
        let troubles = some_troubles(&net, file.len(), rng);
        let read = net.run(async {
            let stream = bucket.download("f").stream().await?;
            stream.collect(file.len()).await
        });
        assert!(read.unwrap() == file);
        assert!(net.asked().len() <= 2 + 2 * troubles);
    });
}

#[test]
fn in_a_storm_a_target_is_old_or_new_and_nothing_between() {
    for_seeds(0..200, |seed| {
        let rng = &mut Rng::with_seed(seed);
        let (net, dir) = (Net::new(seed), tempdir().unwrap());
        let file = some_file(rng);
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        let all = passing(rng.u64(..=file.len() as u64))
            .into_iter()
            .chain(wrong());
        let all = all.chain(lasting().into_iter().map(|(trouble, _)| trouble));
        let all = all.chain([FaultKind::CorruptByte {
            at: rng.u64(..2_000),
        }]);
        for trouble in all {
            net.fault(Fault::new(trouble).probability(0.015));
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
fn a_download_that_fails_again_and_again_is_gone_on_with_until_it_is_there() {
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
                // From some request on nothing goes any more.
                let gone = FaultKind::download_cap_exceeded();
                let from = rng.u64(1..6);
                for n in from..from + 40 {
                    net.nth(n, gone.clone());
                }
            }
            if rng.u8(..8) == 0 {
                net.nth(
                    rng.u64(1..6),
                    FaultKind::CorruptByte {
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
