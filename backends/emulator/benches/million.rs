//! An account with a million small files: the memory for each, and the time of a page of a listing and of a start from
//! the journal.
//!
//! `cargo bench -p b2kit-emulator --bench million -- [--files N] [--pages]`. Linux only. Files are uploaded in-process,
//! one by one, in the order of their names, which fills B-trees the least. Each measurement is a process of its own.
//! With `--pages` nothing but the bucket and its pages, for callgrind.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

#[path = "../tests/raw_client/mod.rs"]
mod raw_client;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use b2kit_emulator::{Emulator, ManualClock};
use raw_client::{RawClient, upload_request};
use serde_json::{Value, json};

const MILLION: u64 = 1_000_000;

/// Number of files in the smaller bucket.
const FEW: u64 = 10_000;

/// Number of pages that are timed.
const PAGES: u64 = 100;

const ROWS: u64 = 1000;

/// The content of each file.
const CONTENT: &[u8] = b"sixteen bytes...";

/// The file info that most clients send with a file.
const INFO: (&str, &str) = ("x-bz-info-src_last_modified_millis", "1770334812998");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|it| it == name);
    let after = |name: &str| {
        let at = arguments.iter().position(|it| it == name);
        at.map(|at| arguments[at + 1].as_str())
    };
    let files = after("--files").map_or(MILLION, |number| number.parse().unwrap());
    if has("--pages") {
        return pages(files);
    }
    if has("--memory") {
        return memory(files);
    }
    if let Some(directory) = after("--fill") {
        return fill(Path::new(directory), files);
    }
    if let Some(directory) = after("--start") {
        return start(Path::new(directory), files);
    }
    if let Some(directory) = after("--parse") {
        return parse(Path::new(directory));
    }
    let directory = tempfile::tempdir_in(after("--in").unwrap_or("/tmp")).unwrap();
    let (few, files) = (FEW.to_string(), files.to_string());
    let path = directory.path().to_str().unwrap();
    println!("| | |\n|---|---|");
    run(&["--memory", "--files", &files]);
    run(&["--pages", "--files", &few]);
    run(&["--pages", "--files", &files]);
    run(&["--fill", path, "--files", &files]);
    run(&["--parse", path]);
    run(&["--start", path, "--files", &files]);
    // a start may rewrite the journal
    run(&["--parse", path]);
    run(&["--start", path, "--files", &files]);
}

fn run(arguments: &[&str]) {
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success());
}

/// Resident memory for each file.
fn memory(files: u64) {
    let client = RawClient::new();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    // allocate what is needed once before the measurement
    upload(&client, &bucket, 0..FEW);
    let before = resident();
    let from = Instant::now();
    upload(&client, &bucket, FEW..FEW + files);
    let (grown, took) = (resident() - before, from.elapsed());
    let (each, of_each) = (grown / files, took / u32::try_from(files).unwrap());
    println!(
        "| memory for each of {files} files, of {} bytes | {each} bytes |",
        CONTENT.len()
    );
    println!("| an upload, in-process | {of_each:.1?} |");
}

/// The median time of pages spread over the whole bucket.
fn pages(files: u64) {
    let client = RawClient::new();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    upload(&client, &bucket, 0..files);
    for call in ["b2_list_file_names", "b2_list_file_versions"] {
        let mut times: Vec<Duration> = (0..PAGES)
            .map(|page| {
                let start = name(page * 7919 % (files / ROWS) * ROWS);
                let query =
                    json!({"bucketId": bucket, "startFileName": start, "maxFileCount": ROWS});
                let from = Instant::now();
                let response = client.post(call, &query);
                let took = from.elapsed();
                assert_eq!(
                    response.ok()["files"].as_array().unwrap().len() as u64,
                    ROWS
                );
                took
            })
            .collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        println!("| `{call}`, a page of {ROWS} of {files} files | {median:.1?} |");
    }
}

/// Fills an account on disk.
fn fill(directory: &Path, files: u64) {
    let client = open(directory);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let from = Instant::now();
    upload(&client, &bucket, 0..files);
    let of_each = from.elapsed() / u32::try_from(files).unwrap();
    println!("| an upload to disk, in-process | {of_each:.1?} |");
}

/// Starts with an account on disk.
fn start(directory: &Path, files: u64) {
    let before = resident();
    let from = Instant::now();
    let emulator = Emulator::builder().open(directory).unwrap();
    let took = from.elapsed();
    assert_eq!(emulator.recovery_warnings(), [""; 0]);
    assert_eq!(emulator.snapshot().versions as u64, files);
    let (grown, peak) = ((resident() - before) / files, peak() / files);
    println!("| a start with {files} files on disk | {took:.2?} |");
    println!("| memory for each after that start | {grown} bytes, {peak} at its peak |");
}

/// Reads the journal and parses its lines, without applying them.
fn parse(directory: &Path) {
    let path = directory.join("journal");
    let len = fs::metadata(&path).unwrap().len();
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).unwrap());
    let from = Instant::now();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        if let Some(at) = line.iter().position(|byte| *byte == b'[') {
            let records: Value = serde_json::from_slice(&line[at..]).unwrap();
            drop(records);
        }
        line.clear();
    }
    let took = from.elapsed();
    println!(
        "| its journal of {} MB, parsed by serde_json | {took:.2?} |",
        len / 1_000_000
    );
}

fn open(directory: &Path) -> RawClient {
    let clock = ManualClock::default();
    let emulator = Emulator::builder().clock(clock.clone()).open(directory);
    RawClient::with(emulator.unwrap(), clock)
}

fn upload(client: &RawClient, bucket: &str, numbers: std::ops::Range<u64>) {
    let url = client.upload_url(bucket);
    for number in numbers {
        let response = client.send(upload_request(&url, &name(number), CONTENT, &[INFO]));
        assert_eq!(response.status, 200);
    }
}

fn name(number: u64) -> String {
    format!("photos/2026/{number:08}.jpg")
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}
