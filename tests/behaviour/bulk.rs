//! Many files at once, and the limits that all transfers of a client share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use b2kit::api::DeleteFileVersion;
use b2kit::http::header::AUTHORIZATION;
use b2kit::transfer::Source;
use b2kit::types::{FileVersion, Sha1};
use b2kit::{
    BucketHandle, Bytes, Client, ErrorKind, HttpClient as _, Request, Timer as _, UnfinishedState,
};
use futures::future::join_all;
use futures::{StreamExt as _, stream};

use crate::chaos::{Chaos, NetworkFault};
use crate::seeds::for_seeds;
use crate::uploading::{bucket, content, polled, stored, unfinished, versions};
use crate::{call_of, client_of};

/// The same bucket through another client.
fn through(client: &Client, bucket: &BucketHandle) -> BucketHandle {
    BucketHandle::new(client.clone(), bucket.id().clone(), bucket.name().clone())
}

#[test]
fn upload_many_returns_each_outcome_and_one_failure_stops_no_other() {
    for concurrency in [0, 1, 3, 100] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            // Every fourth name is invalid.
            let inputs: Vec<usize> = (0..20).collect();
            let over: Vec<_> = bucket
                .upload_many(stream::iter(inputs), concurrency, |bucket, number| {
                    let name = if number % 4 == 3 {
                        String::new()
                    } else {
                        format!("f{number}")
                    };
                    bucket.upload(name, content(number * 20))
                })
                .collect()
                .await;
            assert_eq!(over.len(), 20);
            for (number, outcome) in over {
                match outcome {
                    Ok(uploaded) => {
                        assert_eq!(uploaded.file.file_name, format!("f{number}"));
                        let there = stored(&b2, &uploaded.file.file_id).await;
                        assert_eq!(there, content(number * 20));
                    }
                    Err(error) => {
                        assert_eq!((error.kind(), number % 4), (ErrorKind::Invalid, 3));
                    }
                }
            }
            assert_eq!(versions(&bucket).await.len(), 15);
        });
    }
}

#[test]
fn upload_many_sends_up_to_its_concurrency_and_returns_in_order_of_completion() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (requests, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // The first upload takes longest.
        let inputs = stream::iter([1_000, 50, 50, 50, 50, 50]);
        let mut outcomes = bucket.upload_many(inputs, 3, |bucket, len| {
            requests.fetch_add(1, Ordering::Relaxed);
            let under_way = requests.load(Ordering::Relaxed) - over.load(Ordering::Relaxed);
            assert!(under_way <= 3);
            bucket
                .upload(format!("f{len}"), content(*len))
                .concurrency(1)
        });
        let mut order = Vec::new();
        while let Some((len, outcome)) = outcomes.next().await {
            over.fetch_add(1, Ordering::Relaxed);
            outcome.unwrap();
            order.push(len);
        }
        assert_eq!(order, [50, 50, 50, 50, 50, 1_000]);
    });
}

#[test]
fn a_thousand_concurrent_uploads_succeed_though_every_tenth_request_fails() {
    for_seeds(0..200, |seed| {
        // A thousand uploads take a third of a second in a debug build. The seed varies which requests fail and how,
        // for which a hundred suffice; what fails only in a crowd fails with any seed.
        let crowd = if seed < 4 { 1_000 } else { 100 };
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        let (_, chaos) = Chaos::new(move |number, call| {
            let transient: Vec<_> = NetworkFault::ALL
                .into_iter()
                .filter(|t| t.passes())
                .collect();
            let fault = transient[chance.lock().unwrap().usize(..transient.len())];
            (number % 10 == 9 && call != "b2_authorize_account").then_some(fault)
        });
        // The upload tokens in use.
        let in_use: Arc<Mutex<HashSet<String>>> = Arc::default();
        let (network, used) = (chaos.clone(), Arc::clone(&in_use));
        let watched = move |request: Request| {
            let (network, used) = (network.clone(), Arc::clone(&used));
            async move {
                let upload = call_of(&request).starts_with("b2_upload_");
                let token = request.headers().get(AUTHORIZATION).unwrap();
                let token = token.to_str().unwrap().to_owned();
                if upload {
                    assert!(
                        used.lock().unwrap().insert(token.clone()),
                        "seed {seed}: used twice"
                    );
                }
                let answer = network.send(request).await;
                used.lock().unwrap().remove(&token);
                answer
            }
        };
        let b2 = chaos.builder(seed).backend(watched).build().unwrap();
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let calm = bucket(&calm).await;
            let bucket = through(&b2, &calm);
            b2.session().await.unwrap();
            let uploads = bucket.upload_many(stream::iter(0..crowd), crowd, |bucket, number| {
                bucket.upload(format!("f{number:04}"), number.to_string())
            });
            let over: Vec<_> = uploads.collect().await;
            for (number, outcome) in &over {
                assert!(outcome.is_ok(), "seed {seed}, {number}: {outcome:?}");
            }
            let files = versions(&calm).await;
            for file in &files {
                let number: usize = file.file_name.as_str()[1..].parse().unwrap();
                let sha1 = Sha1::of(number.to_string().as_bytes());
                assert_eq!(file.content_sha1.sha1(), Some(&sha1), "seed {seed}");
            }
            let names: HashSet<_> = files.iter().map(|file| &file.file_name).collect();
            assert_eq!(names.len(), crowd, "seed {seed}");
            let (requests, faults) = chaos.tally();
            assert!(files.len() <= crowd + faults, "seed {seed}");
            let urls = chaos.count("b2_get_upload_url");
            assert!(urls <= crowd + faults, "seed {seed}: {urls} URLs");
            assert!(
                requests <= 2 * crowd + 4 * faults,
                "seed {seed}: {requests}"
            );
            assert!(
                chaos.count("b2_authorize_account") <= 1 + faults,
                "seed {seed}"
            );
        });
        assert!(in_use.lock().unwrap().is_empty(), "seed {seed}");
    });
}

#[test]
fn download_many_returns_each_outcome() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        for number in (0..12).filter(|number| number % 4 != 3) {
            let upload = bucket.upload(format!("f{number}"), content(number * 30));
            upload.await.unwrap();
        }
        let arrived: Vec<Mutex<Vec<u8>>> = (0..12).map(|_| Mutex::default()).collect();
        let downloads = bucket.download_many(stream::iter(0..12), 5, |bucket, number| {
            let (download, number) = (bucket.download(format!("f{number}")), *number);
            let arrived = &arrived;
            async move {
                let mut bytes = Vec::new();
                let downloaded = download.to_writer(&mut bytes).await?;
                *arrived[number].lock().unwrap() = bytes;
                Ok(downloaded)
            }
        });
        let over: Vec<_> = downloads.collect().await;
        assert_eq!(over.len(), 12);
        for (number, outcome) in over {
            match outcome {
                Ok(downloaded) => {
                    assert_eq!(downloaded.bytes, number as u64 * 30);
                    assert_eq!(*arrived[number].lock().unwrap(), content(number * 30));
                }
                Err(error) => {
                    assert_eq!((error.kind(), number % 4), (ErrorKind::NotFound, 3));
                }
            }
        }
    });
}

#[test]
fn delete_many_returns_each_outcome() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let mut files: Vec<FileVersion> = Vec::new();
        for number in 0..10 {
            let uploaded = bucket.upload(format!("f{number}"), "x").await.unwrap();
            files.push(uploaded.file);
        }
        // One of the files is already deleted.
        let gone = files[3].clone();
        let delete = |version: &FileVersion| {
            DeleteFileVersion::new(version.file_name.as_str(), &version.file_id)
        };
        b2.call(delete(&gone)).await.unwrap();
        let over: Vec<_> = b2
            .delete_many(stream::iter(files), 4, delete)
            .collect()
            .await;
        assert_eq!(over.len(), 10);
        for (version, outcome) in over {
            assert_eq!(outcome.is_err(), version == gone, "{outcome:?}");
        }
        assert!(versions(&bucket).await.is_empty());
    });
}

/// Bytes that are counted while they exist.
#[derive(Clone, Default)]
struct Held(Arc<(AtomicUsize, AtomicUsize)>);

struct Counted(Vec<u8>, Held);

impl Held {
    fn bytes(&self, bytes: Vec<u8>) -> Bytes {
        let now = self.0.0.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        self.0.1.fetch_max(now, Ordering::Relaxed);
        Bytes::from_owner(Counted(bytes, self.clone()))
    }

    /// The bytes in chunks of ten, each made when it is polled.
    fn source(&self, content: Bytes) -> Source {
        let held = self.clone();
        let chunks = (0..content.len().div_ceil(10)).map(move |at| {
            let end = content.len().min(at * 10 + 10);
            Ok(held.bytes(content[at * 10..end].to_vec()))
        });
        Source::stream(stream::iter(chunks))
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.0.0.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

#[test]
fn streams_are_buffered_within_the_clients_memory_limit() {
    // Parts have 100 bytes; a limit below that still admits one part.
    for (budget, most) in [
        (Some(250), 250),
        (Some(100), 100),
        (Some(30), 100),
        (None, 2_000),
    ] {
        let (_, chaos) = Chaos::calm();
        let mut builder = chaos.builder(7);
        if let Some(budget) = budget {
            builder = builder.memory_budget(budget);
        }
        let (b2, held) = (builder.build().unwrap(), Held::default());
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let uploads = bucket.upload_many(stream::iter(0..12), 5, |bucket, number| {
                let content = content(number * 70);
                let source = held.source(content);
                bucket.upload(format!("f{number}"), source).part_size(100)
            });
            let over: Vec<_> = uploads.collect().await;
            for (number, outcome) in over {
                let file = outcome.unwrap().file;
                assert_eq!(stored(&b2, &file.file_id).await, content(number * 70));
            }
        });
        // Each transfer has read at most one chunk ahead, to see whether there is more.
        assert!(held.most() <= most + 5 * 10, "{budget:?}: {}", held.most());
        assert!(held.most() >= most / 3, "{budget:?}: {}", held.most());
        assert_eq!(held.now(), 0);
    }
}

#[test]
fn uploads_dropped_at_any_poll_block_no_other() {
    for_seeds(0..200, |seed| {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (_, chaos) = Chaos::calm();
        // Four connections, and memory for three parts.
        let (network, connection) = (chaos.clone(), Arc::new(futures::lock::Mutex::new(())));
        let connections = [connection, Arc::default(), Arc::default(), Arc::default()];
        let next = AtomicUsize::new(0);
        let four = move |request: Request| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (network, connection) = (network.clone(), Arc::clone(&connections[number % 4]));
            async move {
                let _connection = connection.lock().await;
                network.send(request).await
            }
        };
        let b2 = chaos.builder(seed).backend(four).memory_budget(300);
        let (b2, held) = (b2.build().unwrap(), Held::default());
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let uploads = (0..if seed < 2 { 200 } else { 20 }).map(|number| {
                let content = content(chance.usize(0..400));
                let source = held.source(content.clone());
                let upload = bucket.upload(format!("f{number}"), source);
                let polls = match chance.u8(0..10) {
                    0 => chance.usize(0..60),
                    _ => usize::MAX,
                };
                async move {
                    let outcome = polled(upload, polls).await;
                    (content, outcome, polls)
                }
            });
            let over = join_all(uploads.collect::<Vec<_>>()).await;
            for (content, outcome, polls) in over {
                match outcome {
                    Some(outcome) => {
                        let file = outcome.unwrap().file;
                        assert_eq!(file.content_length, content.len() as u64, "seed {seed}");
                    }
                    None => assert!(polls < 60),
                }
            }
            assert_eq!(held.now(), 0, "seed {seed}");
            assert!(
                held.most() <= 300 + 200 * 10,
                "seed {seed}: {}",
                held.most()
            );
            // The whole memory limit is available again.
            let whole = bucket
                .upload("whole", held.source(content(300)))
                .part_size(300);
            whole.await.unwrap();
            assert!(b2.cancel_orphaned_uploads().await.is_empty(), "seed {seed}");
            let kept = b2.unfinished();
            assert!(kept.iter().all(|left| left.state == UnfinishedState::Kept));
            assert_eq!(unfinished(&bucket).await.len(), kept.len(), "seed {seed}");
        });
    });
}

/// How long this takes in virtual time, without the duration of its requests.
async fn took<T>(chaos: &Chaos, work: impl Future<Output = T>) -> (f64, T) {
    let began = chaos.timer.now();
    let done = work.await;
    ((chaos.timer.now() - began).as_secs_f64(), done)
}

#[test]
fn uploads_and_downloads_together_stay_within_the_bandwidth_limit() {
    // At 100 bytes per second, 5,000 bytes take longer than the stall timeout.
    for (limit, expected) in [(None, 0.0), (Some(1_000), 5.0), (Some(100), 50.0)] {
        let (_, chaos) = Chaos::calm();
        let mut builder = chaos.builder(7);
        if let Some(limit) = limit {
            builder = builder.bandwidth_limit(limit);
        }
        let b2 = builder.build().unwrap();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let whole = content(5_000);
            // Each request takes 10 ms, and each part has the 40 digits of its SHA-1.
            let near = |seconds: f64, expected: f64| {
                assert!(
                    seconds >= expected * 0.98 - 0.1,
                    "{seconds} s, not {expected}"
                );
                assert!(
                    seconds <= expected * 1.05 + 0.5,
                    "{seconds} s, not {expected}"
                );
            };
            for part_size in [10_000, 1_000] {
                let upload = bucket.upload("f", whole.clone()).part_size(part_size);
                let (seconds, uploaded) = took(&chaos, async { upload.await.unwrap() }).await;
                near(seconds, expected);
                let id = uploaded.file.file_id;
                let (seconds, back) = took(&chaos, stored(&b2, &id)).await;
                near(seconds, expected);
                assert_eq!(back, whole);
                // Concurrent transfers share the limit.
                let upload = bucket.upload("g", whole.clone()).part_size(part_size);
                let both = async { futures::join!(upload.into_future(), stored(&b2, &id)) };
                let (seconds, (uploaded, back)) = took(&chaos, both).await;
                near(seconds, 2.0 * expected);
                assert_eq!(back, whole);
                let there = uploaded.unwrap().file.file_id;
                let calm = client_of(&chaos.emulator, &chaos.timer);
                assert_eq!(stored(&calm, &there).await, whole);
            }
        });
    }
}

#[test]
fn a_limit_of_zero_is_refused() {
    let (_, chaos) = Chaos::calm();
    for builder in [
        chaos.builder(7).memory_budget(0),
        chaos.builder(7).bandwidth_limit(0),
    ] {
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Invalid);
    }
}
