//! Upload hosts that misbehave while receiving the body or when they should respond.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind};
use b2kit::http::StatusCode;
use b2kit::{Client, HttpClient as _, ManualTimer, Request, Timer as _};

use crate::chaos::Chaos;
use crate::seeds::for_seeds;
use crate::uploading::{bucket, content, ranges, stored, unfinished, versions};
use crate::{call_of, client_of, client_over};

fn emulator() -> Emulator {
    Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build()
}

/// Uploads this many bytes, at once or in parts of 100, and checks the result. Returns how long it took, and whether it
/// is a possible duplicate.
fn assert_arrives(
    emulator: &Emulator,
    timer: &ManualTimer,
    b2: &Client,
    len: usize,
) -> (Duration, bool) {
    let content = content(len);
    timer.run(async {
        let bucket = bucket(b2).await;
        let began = timer.now();
        let uploaded = bucket.upload("f", ranges(&content)).await.unwrap();
        let took = timer.now() - began;
        for version in versions(&bucket).await {
            assert_eq!(stored(b2, &version.file_id).await, content);
        }
        assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
        assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 1);
        (took, uploaded.file.possible_duplicate)
    })
}

fn refusal(code: &str, message: &str) -> FaultKind {
    FaultKind::error(StatusCode::BAD_REQUEST, code, message)
}

#[test]
fn an_upload_cut_off_by_its_host_is_retried_at_another() {
    for len in [1, 50, 500] {
        // The bytes that one host receives: a SHA-1's 40 digits follow the content, except for parts hashed beforehand.
        let sent = len.min(100) as u64 + if len == 500 { 0 } else { 40 };
        let mut fault_kinds = vec![
            refusal(
                "auth_token_limit",
                "more than one upload using auth token 4_x",
            ),
            refusal("bad_request", "more than one upload using auth token 4_x"),
            FaultKind::ExpireToken,
            FaultKind::CorruptUpload { at: 0 },
        ];
        for after in [0, 1, sent / 2, sent - 1] {
            fault_kinds.extend([
                FaultKind::CutUpload { after },
                FaultKind::ResetUpload { after },
            ]);
        }
        for fault_kind in fault_kinds {
            let (emulator, timer) = (emulator(), ManualTimer::new());
            let (upload, url) = match len {
                500 => ("b2_upload_part", "b2_get_upload_part_url"),
                _ => ("b2_upload_file", "b2_get_upload_url"),
            };
            let fault = emulator
                .faults()
                .add(Fault::new(fault_kind.clone()).on(upload).nth(1));
            let b2 = client_of(&emulator, &timer);
            let (took, twice) = assert_arrives(&emulator, &timer, &b2, len);
            let what = format!("{len} bytes, {fault_kind:?}");
            assert_eq!(emulator.faults().hits(fault), 1, "{what}");
            assert!(took < Duration::from_secs(1) && !twice, "{what}: {took:?}");
            let snapshot = emulator.snapshot();
            let (uploads, urls) = if len == 500 { (5, 4) } else { (1, 1) };
            assert_eq!(snapshot.calls_of(upload), uploads + 1, "{what}");
            assert_eq!(snapshot.calls_of(url), urls + 1, "{what}");
            assert_eq!(snapshot.versions, 1, "{what}");
        }
    }
}

#[test]
fn a_host_that_stops_reading_is_abandoned_after_20_seconds() {
    for len in [50, 500] {
        let (emulator, timer) = (emulator(), ManualTimer::new());
        let stall = Fault::new(FaultKind::StallUpload { after: 25 });
        emulator.faults().add(stall.on("b2_upload_file").nth(1));
        let stall = Fault::new(FaultKind::StallUpload { after: 25 });
        emulator.faults().add(stall.on("b2_upload_part").nth(1));
        let b2 = client_of(&emulator, &timer);
        let (took, twice) = assert_arrives(&emulator, &timer, &b2, len);
        assert!(
            took >= Duration::from_secs(20) && took < Duration::from_secs(30),
            "{took:?}"
        );
        assert!(!twice && emulator.snapshot().versions == 1);
    }
}

#[test]
fn a_host_that_never_responds_is_abandoned_after_two_minutes() {
    for len in [50, 500] {
        let (emulator, timer) = (emulator(), ManualTimer::new());
        let (network, uploads) = (emulator.clone(), Arc::new(AtomicUsize::new(0)));
        let mute = move |request: Request| {
            let is_upload = call_of(&request).starts_with("b2_upload_");
            let is_first = is_upload && uploads.fetch_add(1, Ordering::Relaxed) == 0;
            let network = network.clone();
            async move {
                if is_first {
                    let mut body = request.into_body().open().unwrap();
                    while let Some(bytes) = futures::StreamExt::next(&mut body).await {
                        bytes.unwrap();
                    }
                    return std::future::pending().await;
                }
                network.send(request).await
            }
        };
        let b2 = client_over(&emulator, &timer, mute);
        let (took, twice) = assert_arrives(&emulator, &timer, &b2, len);
        assert!(
            took >= Duration::from_secs(120) && took < Duration::from_secs(150),
            "{took:?}"
        );
        // A file may still be stored after its timeout; a part would only replace itself.
        assert_eq!((twice, emulator.snapshot().versions), (len == 50, 1));
    }
}

#[test]
fn boundary_sizes_arrive_despite_many_faults() {
    for_seeds(0..200, |seed| {
        let content = content([0, 1, 100][seed as usize % 3]);
        let (b2, chaos) = Chaos::seeded(seed, 20);
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let calm = bucket(&calm).await;
            let there = b2.bucket("holiday-photos").await.unwrap();
            let uploaded = there.upload("f", content.clone()).await.unwrap();
            let files = versions(&calm).await;
            for file in &files {
                assert_eq!(stored(calm.client(), &file.file_id).await, content);
            }
            let (_, faults) = chaos.tally();
            assert!(!files.is_empty() && files.len() <= 1 + faults);
            assert!(
                uploaded.file.possible_duplicate || files.len() == 1,
                "{files:?}"
            );
        });
    });
}
