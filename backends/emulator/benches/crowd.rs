//! Memory of the program with many concurrent transfers: `--data`, half of them uploads and half
//! downloads.
//!
//! `cargo bench -p b2kit-emulator --all-features --bench crowd`. Linux only. Each row is a process
//! of its own; bytes are compared both ways.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use common::{Line, authorize, block, hex, sha1_of, upload_head};
use sha1::{Digest as _, Sha1};

fn main() {
    println!("| transfers at once | of | together | peak memory |\n|---|---|---|---|");
    for (transfers, mebibytes) in [(2, 16), (20, 16), (200, 4), (200, 16), (200, 32)] {
        let directory = tempfile::tempdir().unwrap();
        let emulator = Program::start(directory.path());
        let seconds = crowd(emulator.address, transfers, mebibytes);
        let together = (transfers * mebibytes) as f64 * 1.048_576 / seconds;
        let peak = emulator.peak_kib() as f64 / 1024.0;
        println!("| {transfers} | {mebibytes} MiB | {together:.0} MB/s | {peak:.1} MiB |");
    }
}

/// Runs all transfers at once. Returns the time it took.
fn crowd(address: SocketAddr, transfers: usize, mebibytes: usize) -> f64 {
    let mut line = Line::to(address);
    let (token, account) = authorize(&mut line, "key", "secret");
    let bucket = serde_json::json!({
        "accountId": account,
        "bucketName": "a-bucket",
        "bucketType": "allPublic",
    });
    let bucket = line.call("b2_create_bucket", &token, &bucket);
    let bucket = bucket["bucketId"].as_str().unwrap();
    let block = block();
    let sha1 = sha1_of(&block, mebibytes);
    let length = mebibytes << 20;
    let head = upload_head(&mut line, &token, bucket, "served", length, &sha1);
    line.upload(&head, &block, mebibytes);
    let start = Barrier::new(transfers + 1);
    let begun = thread::scope(|scope| {
        for number in 0..transfers {
            let (start, token, sha1, block) = (&start, &token, &sha1, &block);
            scope.spawn(move || {
                let mut line = Line::to(address);
                let name = format!("uploaded-{number}");
                if number % 2 == 0 {
                    let head = upload_head(&mut line, token, bucket, &name, length, sha1);
                    start.wait();
                    // the server compares the SHA-1
                    line.upload(&head, block, mebibytes);
                } else {
                    start.wait();
                    let mut hash = Sha1::new();
                    line.send(
                        "GET /file/a-bucket/served HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        &[],
                    );
                    line.skip(|bytes| hash.update(bytes));
                    assert_eq!(hex(&hash.finalize()), *sha1);
                }
            });
        }
        start.wait();
        Instant::now()
    });
    begun.elapsed().as_secs_f64()
}

struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(directory: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_b2kit-emulator"))
            .args([
                "--port", "0", "--key-id", "key", "--key", "secret", "--data",
            ])
            .arg(directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = out.lines().map(Result::unwrap);
        let url = lines.find_map(|line| {
            Some(
                line.strip_prefix("export B2_ENVIRONMENT=http://")?
                    .to_owned(),
            )
        });
        Self {
            child,
            address: url.unwrap().parse().unwrap(),
        }
    }

    fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
