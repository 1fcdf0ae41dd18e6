//! Uploads and downloads over connections that fail at a given byte, with each HTTP library.

use std::thread;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use b2kit::{BucketHandle, Bytes};
use futures::executor::block_on;

use crate::clients::BACKENDS;
use crate::runtimes::{bucket, client};

const LEN: usize = 300_000;

/// Runs the test with all libraries concurrently, since it waits between attempts.
fn through_each(test: impl Fn(&str, &Emulator, &BucketHandle) + Sync) {
    thread::scope(|scope| {
        for (name, make) in BACKENDS {
            let test = &test;
            scope.spawn(move || {
                let emulator = Emulator::new();
                let server = Server::start(&emulator).unwrap();
                let b2 = client(&server, &emulator, make(None)).build().unwrap();
                test(name, &emulator, &bucket(&b2));
            });
        }
    });
}

fn content() -> Bytes {
    (0..LEN).map(|at| (at / 3) as u8).collect()
}

/// The offsets at which the connection fails.
fn cut_offsets(len: usize) -> [u64; 5] {
    [0, 1, len / 2, len - 1, len].map(|at| at as u64)
}

#[test]
fn an_upload_whose_connection_fails_at_any_byte_is_stored_once_and_complete() {
    // The SHA-1 follows the bytes.
    let mut faults = vec![FaultKind::CorruptUpload { at: 7 }, FaultKind::ExpireToken];
    for after in cut_offsets(LEN + 40) {
        faults.extend([
            FaultKind::CutUpload { after },
            FaultKind::ResetUpload { after },
        ]);
    }
    through_each(|name, emulator, bucket| {
        for kind in &faults {
            let what = format!("{name}, {kind:?}");
            let fault = Fault::new(kind.clone()).on("b2_upload_file").nth(1);
            let fault = emulator.faults().add(fault);
            let before = emulator.snapshot();
            let file = format!("{kind:?}");
            let uploaded = block_on(bucket.upload(&*file, content()).into_future());
            let uploaded = uploaded.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert_eq!(emulator.faults().hits(fault), 1, "{what}");
            let after = emulator.snapshot();
            let more = |call| after.calls_of(call) - before.calls_of(call);
            assert_eq!(more("b2_upload_file"), 2, "{what}");
            assert_eq!(more("b2_authorize_account"), 0, "{what}");
            assert_eq!(after.versions, before.versions + 1, "{what}");
            assert!(!uploaded.file.possible_duplicate, "{what}");
            let back = block_on(async {
                let stream = bucket.download(&*file).require_verified().stream().await?;
                stream.collect(LEN).await
            });
            assert!(back.unwrap() == content(), "{what}");
        }
    });
}

#[test]
fn a_download_whose_connection_fails_at_any_byte_resumes_there() {
    through_each(|name, emulator, bucket| {
        block_on(bucket.upload("f", content()).into_future()).unwrap();
        // A failure after the last byte is not noticed.
        for after in &cut_offsets(LEN)[..4] {
            let after = *after;
            for kind in [
                FaultKind::CutResponse { after },
                FaultKind::ResetResponse { after },
            ] {
                let what = format!("{name}, {kind:?}");
                let fault = emulator
                    .faults()
                    .add(Fault::new(kind).on("b2_download_file_by_name").nth(1));
                let read = block_on(async {
                    let stream = bucket.download("f").require_verified().stream().await?;
                    stream.collect(LEN).await
                });
                assert!(read.unwrap() == content(), "{what}");
                assert_eq!(emulator.faults().hits(fault), 1, "{what}");
            }
        }
    });
}
