//! `b2kit-object-store` compared with `BucketHandle`: the same work through both, alternately, over HTTP to an emulator
//! in this process; and with `object_store`'s in-memory store, which has no network.
//!
//! `cargo bench --package b2kit-benches --bench object_store [-- ROUNDS]`. Without `--bench`, as under `cargo test`,
//! everything runs once with small sizes.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::future_not_send, reason = "everything runs on one thread")]

use std::ops::Range;
use std::time::{Duration, Instant};

use b2kit::api::ListFileNames;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::transfer::Source;
use b2kit::types::ByteRange;
use b2kit::{BucketHandle, Bytes, Client, Credentials};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::memory::InMemory;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rustix::time::{ClockId, clock_gettime};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const CONCURRENCY: usize = 10;

/// Distance of ranges, so large that each is a separate request.
const STRIDE: u64 = MIB + 128 * KIB;
const PART: usize = 16 << 20;

/// The sizes of all tasks.
#[derive(Debug, Clone, Copy)]
struct Load {
    rounds: usize,
    puts: usize,
    parts: usize,
    gets: usize,
    ranges: u64,
    listed: usize,
}

const FULL: Load = Load {
    rounds: 5,
    puts: 1_000,
    parts: 64,
    gets: 1_000,
    ranges: 1_000,
    listed: 100_000,
};
const SMALL: Load = Load {
    rounds: 1,
    puts: 3,
    parts: 2,
    gets: 3,
    ranges: 3,
    listed: 100,
};

fn main() {
    let mut load = SMALL;
    if std::env::args().any(|argument| argument == "--bench") {
        load = FULL;
        let rounds = std::env::args().find_map(|argument| argument.parse().ok());
        load.rounds = rounds.unwrap_or(load.rounds);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(compare(load));
}

async fn compare(load: Load) {
    println!(
        "median of {} rounds; CPU is this process's, the emulator's included\n",
        load.rounds
    );
    println!("| | BucketHandle | object_store | wall | CPU | in memory |");
    println!("|---|---|---|---|---|---|");
    writing(load).await;
    reading(load).await;
    listing(load).await;
}

/// An emulator's server with a bucket. The emulator may discard contents.
struct Setup {
    bucket: BucketHandle,
    store: B2Store,
    emulator: Emulator,
    _server: Server,
}

impl Setup {
    async fn new(discard: bool) -> Self {
        let emulator = Emulator::builder()
            .discard_contents(discard)
            .storage_cap(u64::MAX)
            .build();
        emulator.create_bucket("benchmarks", false).unwrap();
        let server = Server::start(&emulator).unwrap();
        let credentials = Credentials::new(emulator.key_id(), emulator.key()).unwrap();
        let client = Client::builder()
            .credentials(credentials)
            .endpoint(server.url())
            .build()
            .unwrap();
        let bucket = client.bucket("benchmarks").await.unwrap();
        let store = B2Store::new(bucket.clone());
        Self {
            bucket,
            store,
            emulator,
            _server: server,
        }
    }
}

async fn writing(load: Load) {
    let setup = Setup::new(true).await;
    let memory = InMemory::new();
    let (bucket, store, memory) = (&setup.bucket, &setup.store, &memory);
    let bytes = Bytes::from(vec![7; MIB as usize]);
    let put = async |store: &dyn ObjectStore| {
        let puts = stream::iter(0..load.puts).map(|number| {
            let (path, payload) = (
                Path::from(format!("{number}")),
                PutPayload::from(bytes.clone()),
            );
            async move { store.put(&path, payload).await }
        });
        puts.buffer_unordered(CONCURRENCY)
            .try_for_each(async |_| Ok(()))
            .await
            .unwrap();
    };
    let direct = async || {
        let puts = stream::iter(0..load.puts).map(|number| {
            bucket
                .upload(format!("{number}"), bytes.clone())
                .into_future()
        });
        puts.buffer_unordered(CONCURRENCY)
            .try_for_each(async |_| Ok(()))
            .await
            .unwrap();
    };
    row(
        &format!("put {} x 1 MiB, 10 at once", load.puts),
        load.rounds,
        direct,
        async || put(store).await,
        async || put(memory).await,
    )
    .await;

    let part = Bytes::from(vec![7; PART]);
    let in_parts = async |store: &dyn ObjectStore| {
        let mut upload = store.put_multipart(&Path::from("large")).await.unwrap();
        let parts: Vec<_> = (0..load.parts)
            .map(|_| upload.put_part(part.clone().into()))
            .collect();
        stream::iter(parts)
            .buffer_unordered(4)
            .try_for_each(async |()| Ok(()))
            .await
            .unwrap();
        upload.complete().await.unwrap();
    };
    let direct = async || {
        let whole = part.clone();
        let source = Source::ranges((PART * load.parts) as u64, move |range: Range<u64>| {
            Ok(stream::iter([Ok(
                whole.slice(..(range.end - range.start) as usize)
            )]))
        });
        bucket
            .upload("large", source)
            .part_size(PART as u64)
            .hash_first(false)
            .await
            .unwrap();
    };
    row(
        &format!("multipart {} x 16 MiB, 4 at once", load.parts),
        load.rounds,
        direct,
        async || in_parts(store).await,
        async || in_parts(memory).await,
    )
    .await;
}

async fn reading(load: Load) {
    let setup = Setup::new(false).await;
    let memory = InMemory::new();
    let (bucket, store, memory) = (&setup.bucket, &setup.store, &memory);
    let path = Path::from("large");
    let content = vec![7; (STRIDE * load.ranges) as usize];
    memory.put(&path, content.clone().into()).await.unwrap();
    bucket
        .upload("large", content)
        .hash_first(false)
        .await
        .unwrap();
    let small = Path::from("small");
    memory.put(&small, vec![7; 64 << 10].into()).await.unwrap();
    bucket.upload("small", vec![7; 64 << 10]).await.unwrap();

    let get = async |store: &dyn ObjectStore| {
        for _ in 0..load.gets {
            store.get(&small).await.unwrap().bytes().await.unwrap();
        }
    };
    let direct = async || {
        for _ in 0..load.gets {
            bucket
                .download("small")
                .stream()
                .await
                .unwrap()
                .collect(1 << 20)
                .await
                .unwrap();
        }
    };
    row(
        &format!("get_opts {} x 64 KiB, one by one", load.gets),
        load.rounds,
        direct,
        async || get(store).await,
        async || get(memory).await,
    )
    .await;

    let ranges: Vec<_> = (0..load.ranges)
        .map(|number| number * STRIDE..number * STRIDE + 64 * KIB)
        .collect();
    let (ranges, path) = (&ranges, &path);
    let get = async |store: &dyn ObjectStore| {
        assert_eq!(
            store.get_ranges(path, ranges).await.unwrap().len(),
            load.ranges as usize
        );
    };
    let direct = async || {
        let downloads = stream::iter(ranges).map(async |range| {
            let range = ByteRange::inclusive(range.start, range.end - 1)?;
            bucket
                .download("large")
                .range(range)
                .stream()
                .await?
                .collect(1 << 20)
                .await
        });
        let all: Vec<_> = downloads.buffered(CONCURRENCY).try_collect().await.unwrap();
        assert_eq!(all.len(), load.ranges as usize);
    };
    row(
        &format!("get_ranges {} x 64 KiB, 10 at once", load.ranges),
        load.rounds,
        direct,
        async || get(store).await,
        async || get(memory).await,
    )
    .await;
}

async fn listing(load: Load) {
    let setup = Setup::new(false).await;
    let memory = InMemory::new();
    // Uploaded in-process, since only the listing is measured.
    let credentials = Credentials::new(setup.emulator.key_id(), setup.emulator.key()).unwrap();
    let within = Client::builder()
        .credentials(credentials)
        .endpoint(setup.emulator.url());
    let within = within.backend(setup.emulator.clone()).build().unwrap();
    let filled = within.bucket("benchmarks").await.unwrap();
    for number in 0..load.listed {
        let name = format!("table/part={}/{number:06}.parquet", number % 100);
        memory
            .put(&Path::from(name.as_str()), "x".into())
            .await
            .unwrap();
        filled.upload(name, "x").await.unwrap();
    }
    let (bucket, store, memory) = (&setup.bucket, &setup.store, &memory);
    let list = async |store: &dyn ObjectStore| {
        let count = store
            .list(None)
            .try_fold(0, async |count, _| Ok(count + 1))
            .await
            .unwrap();
        assert_eq!(count, load.listed);
    };
    let direct = async || {
        let rows = bucket.client().paginate(ListFileNames::new(bucket.id()));
        let count = rows
            .try_fold(0, async |count, _| Ok(count + 1))
            .await
            .unwrap();
        assert_eq!(count, load.listed);
    };
    row(
        &format!("list {}", load.listed),
        load.rounds,
        direct,
        async || list(store).await,
        async || list(memory).await,
    )
    .await;
}

/// Measures alternately, so that other load on the machine affects all alike, and prints the comparison.
async fn row(
    name: &str,
    rounds: usize,
    direct: impl AsyncFn(),
    adapter: impl AsyncFn(),
    memory: impl AsyncFn(),
) {
    let (mut one, mut other, mut third) = (Vec::new(), Vec::new(), Vec::new());
    direct().await; // warms up connections and caches
    adapter().await;
    for _ in 0..rounds {
        one.push(measure(&direct).await);
        other.push(measure(&adapter).await);
        third.push(measure(&memory).await);
    }
    let [one, other, third] = [one, other, third].map(Sample::median);
    let percent =
        |one: Duration, other: Duration| (other.as_secs_f64() / one.as_secs_f64() - 1.0) * 100.0;
    println!(
        "| {name} | {:.3} s | {:.3} s | {:+.1} % | {:+.1} % | {:.3} s |",
        one.wall.as_secs_f64(),
        other.wall.as_secs_f64(),
        percent(one.wall, other.wall),
        percent(one.cpu, other.cpu),
        third.wall.as_secs_f64(),
    );
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    wall: Duration,
    cpu: Duration,
}

impl Sample {
    fn median(samples: Vec<Self>) -> Self {
        let middle = |mut of: Vec<Duration>| {
            of.sort();
            of[of.len() / 2]
        };
        Self {
            wall: middle(samples.iter().map(|sample| sample.wall).collect()),
            cpu: middle(samples.iter().map(|sample| sample.cpu).collect()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]
async fn measure(work: &impl AsyncFn()) -> Sample {
    let (wall, cpu) = (Instant::now(), cpu_time());
    work().await;
    Sample {
        wall: wall.elapsed(),
        cpu: cpu_time() - cpu,
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
