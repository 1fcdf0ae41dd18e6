//! Local directories in which neighbours place pipes, links, forged states and foreign files, before and during
//! resumed downloads. The target gets B2's bytes or the download fails with a typed error, and nothing else of this
//! user is read, written or waited for.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "a hang has to be noticed")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind};
use b2kit::http::{HeaderName, HeaderValue};
use b2kit::transfer::FileDownload;
use b2kit::{
    BucketHandle, Client, Credentials, Error, ErrorKind, HttpClient, HttpError, Request, Response,
    async_trait,
};
use b2kit_campaign::seeds::for_seeds;
use b2kit_campaign::workload::emulator;
use fastrand::Rng;
use futures::executor::block_on;
use tempfile::tempdir;

/// Generous, since nothing here waits for a network; opening a pipe without a writer would block forever.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);
const LEN: usize = 100_000;

/// Is called between two requests.
type Hook = Box<dyn FnMut(u64) + Send>;

/// The emulator, with a neighbour who acts between requests.
#[derive(Clone)]
struct Watched {
    emulator: Emulator,
    requests: Arc<AtomicU64>,
    hook: Arc<Mutex<Option<Hook>>>,
}

#[async_trait]
impl HttpClient for Watched {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(hook) = &mut *self.hook.lock().unwrap() {
            hook(number);
        }
        self.emulator.send(request).await
    }
}

/// What a neighbour places at an unused path.
fn plant(path: &Path, outside: &Path, states: &[Vec<u8>], rng: &mut Rng) -> &'static str {
    let private = || fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    match rng.u8(..10) {
        0 => {
            let made = Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
            "pipe"
        }
        1 => {
            symlink(outside.join("treasure"), path).unwrap();
            "link"
        }
        2 => {
            symlink(outside.join("absent"), path).unwrap();
            "dangling link"
        }
        3 => {
            fs::hard_link(outside.join("treasure"), path).unwrap();
            "hard link"
        }
        4 => {
            fs::create_dir(path).unwrap();
            fs::write(path.join("x"), "x").unwrap();
            "directory"
        }
        5 => {
            fs::write(path, "foreign").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
            // Only root may do this; for others it is their own file that everybody may write to.
            if std::os::unix::fs::chown(path, Some(12_345), Some(12_345)).is_err() {
                static ONCE: std::sync::Once = std::sync::Once::new();
                ONCE.call_once(|| eprintln!("left out: foreign owners, which only root can set"));
            }
            "foreign file"
        }
        6 => {
            let mut bytes = vec![0; rng.usize(..2 * LEN)];
            rng.fill(&mut bytes);
            fs::write(path, bytes).unwrap();
            private();
            "own file"
        }
        7 | 8 => {
            let mut state = rng.choice(states).cloned().unwrap_or_default();
            for _ in 0..rng.u8(..3) {
                let at = rng.usize(..state.len().max(1));
                if let Some(byte) = state.get_mut(at) {
                    *byte = rng.u8(b'0'..=b'9');
                }
            }
            fs::write(path, state).unwrap();
            private();
            "forged state"
        }
        _ => {
            fs::write(path, vec![b'['; 2 << 20]).unwrap();
            private();
            "endless state"
        }
    }
}

fn remove(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
        fs::remove_dir_all(path).unwrap();
    } else {
        // A job of the download may have removed it already.
        let _ = fs::remove_file(path);
    }
}

/// The contents of a directory: each name with its bytes, owner and mode.
fn contents(directory: &Path) -> BTreeMap<String, (Vec<u8>, u32, u32)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let there = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        (name, (bytes, there.uid(), there.mode()))
    });
    entries.collect()
}

/// The names that a download to `f` uses, in this and in earlier versions, and the target itself.
fn names(bucket: &BucketHandle, emulator: &Emulator) -> (Vec<String>, Vec<Vec<u8>>) {
    let dir = tempdir().unwrap();
    partly(bucket, emulator, &dir.path().join("f"));
    let entries: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let part = entries
        .iter()
        .map(|entry| entry.file_name().into_string().unwrap());
    let part = part.min_by_key(String::len).unwrap();
    let state = fs::read(dir.path().join(format!("{part}.json"))).unwrap();
    let unsigned = ".f.4a0a19218e082a34.b2part".to_owned();
    let old = format!(
        r#"{{"b2kit_partial_download":1,"file_id":"4_z","content_length":{LEN},
        "wanted":[0,{LEN}],"done":[[0,{LEN}]]}}"#
    );
    let mut names = vec!["f".to_owned()];
    for part in [part, unsigned] {
        names.extend([format!("{part}.json"), format!("{part}.json.new"), part]);
    }
    (names, vec![state, old.into_bytes()])
}

fn download(bucket: &BucketHandle) -> FileDownload {
    bucket.download("f").range_size(10_000).concurrency(2)
}

/// Leaves the files of a download that was stopped halfway.
fn partly(bucket: &BucketHandle, emulator: &Emulator, path: &Path) {
    let refusals: Vec<_> = (5..20)
        .map(|n| Fault::new(FaultKind::download_cap_exceeded()).nth(n))
        .map(|fault| emulator.faults().add(fault))
        .collect();
    block_on(download(bucket).resume().to_path(path)).unwrap_err();
    refusals
        .into_iter()
        .for_each(|it| emulator.faults().remove(it));
}

/// Fails if the download does not end.
fn to_path(download: FileDownload, path: PathBuf) -> Result<u64, Error> {
    let (told, outcome) = mpsc::channel();
    thread::spawn(move || {
        let done = block_on(download.to_path(path));
        told.send(done.map(|done| done.resumed_bytes))
    });
    outcome
        .recv_timeout(HANG_TIMEOUT)
        .expect("the download ends")
}

#[derive(Debug, Default)]
struct Counts {
    plants: Cell<u64>,
    done: Cell<u64>,
    failed: Cell<u64>,
    resumed: Cell<u64>,
}

fn bump(count: &Cell<u64>, by: u64) {
    count.set(count.get() + by);
}

fn scenario(seed: u64, counts: &Counts) {
    let mut rng = Rng::with_seed(seed);
    let emulator = emulator().build();
    emulator.create_bucket("campaign", false).unwrap();
    let watched = Watched {
        emulator: emulator.clone(),
        requests: Arc::default(),
        hook: Arc::default(),
    };
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(watched.clone())
        .build()
        .unwrap();
    let bucket = block_on(b2.bucket("campaign")).unwrap();
    let mut bytes = vec![0; LEN];
    rng.fill(&mut bytes);
    block_on(bucket.upload("f", bytes.clone()).into_future()).unwrap();
    let verifies = rng.bool();
    if !verifies {
        let header = HeaderName::from_static("x-bz-content-sha1");
        let none = HeaderValue::from_static("none");
        let none = FaultKind::SetHeader(header, none);
        emulator.faults().add(Fault::new(none));
    }
    let (names, states) = names(&bucket, &emulator);

    let (dir, outside) = (tempdir().unwrap(), tempdir().unwrap());
    let (dir, outside) = (dir.path().to_owned(), outside.path().to_owned());
    fs::create_dir_all(&dir).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("treasure"), "treasure").unwrap();
    fs::set_permissions(outside.join("treasure"), Permissions::from_mode(0o600)).unwrap();
    let before = contents(&outside);
    let target = dir.join("f");
    if rng.bool() {
        partly(&bucket, &emulator, &target);
    }
    let meddle = {
        let (dir, outside) = (dir.clone(), outside.clone());
        move |rng: &mut Rng| {
            let path = dir.join(rng.choice(&names).unwrap());
            remove(&path);
            plant(&path, &outside, &states, rng);
        }
    };
    let early = rng.u64(..3);
    (0..early).for_each(|_| meddle(&mut rng));
    let mut late: Vec<u64> = (0..rng.u64(..3)).map(|_| rng.u64(1..8)).collect();
    late.sort_unstable();
    bump(&counts.plants, early + late.len() as u64);
    let begun = watched.requests.load(Ordering::Relaxed);
    let mut its = rng.fork();
    *watched.hook.lock().unwrap() = Some(Box::new(move |number| {
        let due = late.iter().filter(|at| begun + **at == number).count();
        (0..due).for_each(|_| meddle(&mut its));
    }));
    let resumed = rng.u8(..4) > 0;
    let download_now = match resumed {
        true => download(&bucket).resume(),
        false => download(&bucket),
    };
    let outcome = to_path(download_now, target.clone());
    *watched.hook.lock().unwrap() = None;

    match &outcome {
        // A neighbour's file placed after the rename can't be prevented, or told apart from one placed before.
        Ok(resumed_bytes) => {
            bump(&counts.done, 1);
            bump(&counts.resumed, u64::from(*resumed_bytes > 0));
            let there = fs::symlink_metadata(&target).unwrap();
            assert!(there.is_file() && there.nlink() == 1, "{there:?}");
            assert!(
                fs::read(&target).unwrap() == bytes,
                "other bytes, {verifies}"
            );
        }
        Err(error) => {
            bump(&counts.failed, 1);
            assert_eq!(error.kind(), ErrorKind::Destination, "{error:#}");
        }
    }
    assert_eq!(contents(&outside), before, "something outside has changed");

    // Nothing left behind harms the next download.
    remove(&target);
    match to_path(download(&bucket).resume(), target.clone()) {
        Ok(_) => assert!(fs::read(&target).unwrap() == bytes, "other bytes later"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Destination, "{error:#}"),
    }
    assert_eq!(
        contents(&outside),
        before,
        "something outside has changed later"
    );
    fs::remove_dir_all(&dir).unwrap();
    fs::remove_dir_all(&outside).unwrap();
}

fn rounds(count: u64) {
    let counts = Counts::default();
    let ran = for_seeds(count, |seed| scenario(seed, &counts));
    eprintln!("{ran} seeds, {counts:?}");
    if ran > 10 {
        assert!(counts.plants.get() > ran && counts.done.get() > ran / 4);
        assert!(counts.resumed.get() > 0 && counts.failed.get() > 0);
    }
}

#[test]
fn downloads_into_hostile_directories_end_with_b2s_bytes_or_an_error() {
    rounds(60);
}

#[test]
#[ignore = "the long form"]
fn downloads_into_hostile_directories_end_with_b2s_bytes_or_an_error_many_times() {
    rounds(3_000);
}
