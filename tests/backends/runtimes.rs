//! Transfers whose async runtime is shut down, with each HTTP library.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use b2kit::api::{CreateBucket, ListFileVersions};
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::transfer::Progress;
use b2kit::types::{Action, BucketName, BucketType, ListedFile};
use b2kit::{BucketHandle, Bytes, Client, ClientBuilder, Credentials, HttpClient, RetryPolicy};
use futures::TryStreamExt as _;
use futures::executor::block_on;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::clients::{self, BACKENDS, MakeBackend};

fn runtimes() -> [Runtime; 2] {
    [Builder::new_multi_thread(), Builder::new_current_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

/// A client of this server.
pub(crate) fn client(
    server: &Server,
    emulator: &Emulator,
    backend: Arc<dyn HttpClient>,
) -> ClientBuilder {
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(server.url())
        .backend(backend)
}

/// Creates a bucket.
pub(crate) fn bucket(b2: &Client) -> BucketHandle {
    let name = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
    let id = block_on(b2.call(create)).unwrap().bucket_id;
    BucketHandle::new(b2.clone(), id, name)
}

/// Waits until the transfer has made progress.
async fn wait_for_progress(progress: &Progress, transfer: &JoinHandle<()>) {
    while progress.now().bytes == 0 {
        assert!(!transfer.is_finished(), "it is over before it has begun");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_transfer_ends_with_its_runtime_and_leaves_no_partial_file() {
    for (name, make) in BACKENDS {
        for made_within in [true, false] {
            for runtime in runtimes() {
                let what = format!("{name}, made within: {made_within}");
                ends_with_its_runtime(&what, *make, made_within, runtime);
            }
        }
    }
}

fn ends_with_its_runtime(what: &str, make: MakeBackend, made_within: bool, runtime: Runtime) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(100_000)
        .recommended_part_size(100_000)
        .build();
    let server = Server::start(&emulator).unwrap();
    let unaffected = client(&server, &emulator, clients::isahc(None))
        .build()
        .unwrap();
    let there = bucket(&unaffected);
    let same = |client: &Client| {
        BucketHandle::new(client.clone(), there.id().clone(), there.name().clone())
    };
    block_on(there.upload("there", vec![7; 6_000_000]).into_future()).unwrap();

    let backend = if made_within {
        let _within = runtime.enter();
        make(None)
    } else {
        make(None)
    };
    // The transfers take seconds, so that they are running when the runtime is shut down.
    let b2 = client(&server, &emulator, backend)
        .bandwidth_limit(1_000_000)
        .retry_policy(RetryPolicy::disabled());
    let b2 = b2.build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "old").unwrap();
    let transfers = runtime.block_on(async {
        let (up, down) = (Progress::new(), Progress::new());
        let upload = same(&b2)
            .upload("f", Bytes::from(vec![1; 30_000_000]))
            .progress(&up);
        let upload = tokio::spawn(async { drop(upload.await) });
        wait_for_progress(&up, &upload).await;
        let download = same(&b2)
            .download("there")
            .progress(&down)
            .to_path(path.clone());
        let download = tokio::spawn(async { drop(download.await) });
        wait_for_progress(&down, &download).await;
        [upload, download]
    });
    drop(runtime);

    for transfer in transfers {
        let error = block_on(transfer).unwrap_err();
        assert!(error.is_cancelled(), "{what}: {error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"old", "{what}");
    let left = b2.unfinished();
    assert_eq!(left.len(), 1, "{what}: {left:?}");
    // The client works whether or not its library has lost its runtime.
    let cancelled = block_on(b2.cancel_orphaned_uploads());
    if cancelled.is_empty() {
        assert!(b2.unfinished().is_empty(), "{what}");
    } else {
        assert!(made_within, "{what}: {cancelled:?}");
        assert_eq!(b2.unfinished().len(), 1, "{what}");
    }
    let versions = unaffected.paginate(ListFileVersions::new(there.id()));
    let versions: Vec<_> = block_on(versions.try_collect()).unwrap();
    let listed = format!("{versions:?}");
    // An unfinished upload is listed with the action `start`.
    let files = versions.into_iter().filter_map(ListedFile::into_version);
    let files = files.filter(|file| file.action == Action::Upload);
    assert_eq!(files.count(), 1, "{what}: {listed}");
}
