//! The time and memory of a plan: merges 10 million synthetic rows of each side, with at most 10,000 entries in a
//! directory.
//!
//! It prints the time and the process's peak memory, and fails above 32 MiB. `ROWS` sets another number of rows. See
//! README.md beside this file.

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::Emulator;
use b2kit::sync::{Action, Entry, LocalFile, SyncPolicy, Synchronizer};
use b2kit::types::{BucketName, BucketType, FileId, Timestamp};
use b2kit::{BucketHandle, Client, Credentials, Error, SystemTimer, Timer as _};
use futures::executor::block_on;
use futures::{StreamExt as _, TryStreamExt as _, stream};

const LIMIT: u64 = 32 << 20;
const DIRECTORY: u64 = 10_000;

fn path(row: u64) -> String {
    format!("{:06}/{:04}.jpg", row / DIRECTORY, row % DIRECTORY)
}

fn modified(row: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + row as i64)
}

/// All rows but every 1,000th, of which every second one is newer.
fn local(rows: u64) -> impl Iterator<Item = Entry> {
    let rows = (0..rows).filter(|row| row % 1_000 != 1);
    rows.map(|row| {
        let newer = if row % 2_000 == 0 { 1 } else { 0 };
        let modified = Timestamp::from_millis(modified(row).as_millis() + newer);
        Entry::local(path(row), LocalFile::new(1_000, modified))
    })
}

fn remote(rows: u64) -> impl Iterator<Item = Entry> {
    (0..rows).map(|row| {
        let id = FileId::from(format!(
            "4_z27c88f1d182b150646ff0b16_f1004ba650fe24e6b_{row:08}"
        ));
        let file = b2kit::sync::RemoteFile::new(id, 1_000, modified(row));
        Entry::remote(path(row), file)
    })
}

fn main() {
    // cargo passes `--bench` unless it only tests.
    let rows = match std::env::args().any(|arg| arg == "--bench") {
        true => 10_000_000,
        false => 10_000,
    };
    let rows = std::env::var("ROWS").map_or(rows, |rows| rows.parse().expect("a number"));
    block_on(merged(rows)).expect("nothing can fail");
}

async fn merged(rows: u64) -> Result<(), Error> {
    let emulator = Emulator::new();
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(emulator.url())
        .backend(emulator)
        .build()?;
    let name = BucketName::new("holiday-photos")?;
    let id = b2
        .call(CreateBucket::new(name.clone(), BucketType::AllPrivate))
        .await?
        .bucket_id;
    let bucket = BucketHandle::new(b2, id, name);
    let sync = Synchronizer::up("/nowhere", &bucket, "").policy(SyncPolicy::new());
    let (timer, begun) = (SystemTimer, SystemTimer.now());
    let plan = sync.plan_entries(
        stream::iter(local(rows)).map(Ok),
        stream::iter(remote(rows)).map(Ok),
    )?;
    let count = |(uploads, skips): (u64, u64), action| async move {
        Ok(match action {
            Action::Upload { .. } => (uploads + 1, skips),
            Action::Skip { .. } => (uploads, skips + 1),
            _ => (uploads, skips),
        })
    };
    let (uploads, skips) = plan.try_fold((0, 0), count).await?;
    let seconds = timer.now().duration_since(begun).as_secs_f64();
    assert_eq!(
        (uploads, skips),
        (rows.div_ceil(2_000), rows - rows.div_ceil(2_000))
    );
    let peak = peak();
    println!(
        "{rows} rows on each side: {seconds:.1} s, peak {:.1} MiB",
        peak as f64 / f64::from(1 << 20)
    );
    assert!(peak <= LIMIT, "more than 32 MiB");
    Ok(())
}

/// The peak resident memory, if the system reports it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}
