//! What becomes of transfers when the runtime goes that they run on, through each HTTP library.

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

use crate::makers::{self, MAKERS, Maker};

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

/// A bucket to begin with.
pub(crate) fn bucket(b2: &Client) -> BucketHandle {
    let name = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
    let id = block_on(b2.call(create)).unwrap().bucket_id;
    BucketHandle::new(b2.clone(), id, name)
}

/// Waits until bytes have moved.
async fn begun(progress: &Progress, transfer: &JoinHandle<()>) {
    while progress.now().bytes == 0 {
        assert!(!transfer.is_finished(), "it is over before it has begun");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_transfer_whose_runtime_goes_ends_with_it_and_leaves_no_half_file() {
    for (name, make) in MAKERS {
        for made_within in [true, false] {
            for runtime in runtimes() {
                let what = format!("{name}, made within: {made_within}");
                ends_with_its_runtime(&what, *make, made_within, runtime);
            }
        }
    }
}

fn ends_with_its_runtime(what: &str, make: Maker, made_within: bool, runtime: Runtime) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(100_000)
        .recommended_part_size(100_000)
        .build();
    let server = Server::start(&emulator).unwrap();
    let calm = client(&server, &emulator, makers::isahc(None))
        .build()
        .unwrap();
    let there = bucket(&calm);
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
    // What there is takes seconds, so that it is under way when the runtime goes.
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
        begun(&up, &upload).await;
        let download = same(&b2)
            .download("there")
            .progress(&down)
            .to_path(path.clone());
        let download = tokio::spawn(async { drop(download.await) });
        begun(&down, &download).await;
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
    // Whether or not its library has lost the ground under it, the client answers.
    let reaped = block_on(b2.cancel_orphaned_uploads());
    if reaped.is_empty() {
        assert!(b2.unfinished().is_empty(), "{what}");
    } else {
        assert!(made_within, "{what}: {reaped:?}");
        assert_eq!(b2.unfinished().len(), 1, "{what}");
    }
    let versions = calm.paginate(ListFileVersions::new(there.id()));
    let versions: Vec<_> = block_on(versions.try_collect()).unwrap();
    let listed = format!("{versions:?}");
    // An upload that nobody has finished is listed as begun.
    let files = versions.into_iter().filter_map(ListedFile::into_version);
    let files = files.filter(|file| file.action == Action::Upload);
    assert_eq!(files.count(), 1, "{what}: {listed}");
}
