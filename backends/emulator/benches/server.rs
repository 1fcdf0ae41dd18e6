//! The emulator's server compared with bare hyper, which receives and sends the same bytes.
//!
//! `cargo bench -p b2kit-emulator --all-features --bench server -- [--rounds N]`. Both serve from
//! this process, each on two threads, to the same blocking client. They alternate; ratios are of
//! neighbors, and the median of all rounds is printed. Bare hyper also stores, writes and hashes
//! what it receives, in the simplest way, to show the cost of that alone.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

#[path = "server/bare.rs"]
mod bare;
mod common;

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Instant;

use b2kit_emulator::{Checksums, Emulator, Server};
use bare::{Bare, bare_call};
use bytes::Bytes;
use common::{Line, authorize, block, sha1_of, upload_head};
use http::{Method, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use md5::Md5;
use serde_json::json;
use sha1::{Digest as _, Sha1};
use tokio::net::TcpListener;

/// Size of a file, in blocks of 1 MiB.
const BLOCKS: usize = 256;

/// Number of small calls in a sample.
const CALLS: usize = 5000;

/// Length of a small response, that of `b2_get_file_info`.
const SMALL: usize = 780;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut rounds = 9;
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            rounds = arguments
                .next()
                .and_then(|it| it.parse().ok())
                .expect("--rounds N");
        }
    }
    let block = block();
    let sha1 = sha1_of(&block, BLOCKS);
    let directory = tempfile::tempdir().unwrap();
    let bare = Bare::start(directory.path());
    let subjects = [
        Subject::new("memory, all checksums", Checksums::All, None, &sha1)
            .compared_with("/keep/sha1/md5"),
        Subject::new("memory, SHA-1 only", Checksums::Sha1, None, &sha1)
            .compared_with("/keep/sha1"),
        Subject::new("memory, unverified", Checksums::Unverified, None, &sha1)
            .compared_with("/keep"),
        Subject::discarding("discarded, SHA-1 only", Checksums::Sha1, &sha1).compared_with("/sha1"),
        Subject::discarding("discarded, unverified", Checksums::Unverified, &sha1),
        Subject::new(
            "disk, all checksums",
            Checksums::All,
            Some(&directory.path().join("all")),
            &sha1,
        )
        .compared_with("/write/sha1/md5"),
        Subject::new(
            "disk, unverified",
            Checksums::Unverified,
            Some(&directory.path().join("unverified")),
            &sha1,
        )
        .compared_with("/write"),
    ];

    println!(
        "| rounds: {rounds} | | ÷ bare hyper: min, median, max | ÷ one that does the same |\n\
         |---|---|---|---|"
    );
    let mut table = Table::default();
    for round in 0..=rounds {
        // the first warms up
        table.is_kept = round > 0;
        for lines in [1, 4] {
            let what = format!("small calls, {lines} connection(s)");
            let floor = calls(bare.address, &bare_call(), lines);
            table.add(&what, "bare hyper", floor, [floor, floor], per_second);
            for subject in [&subjects[0], &subjects[5]] {
                let time = calls(subject.address, &subject.info, lines);
                table.add(&what, subject.name, time, [floor, floor], per_second);
            }
        }
        let floor = bare.upload("/", &block);
        table.add("upload", "bare hyper", floor, [floor, floor], rate);
        let alone = hash(&block);
        table.add(
            "upload",
            "SHA-1 alone, no server",
            alone,
            [floor, alone],
            rate,
        );
        for subject in &subjects {
            let like = bare.upload(subject.bare_path, &block);
            let time = upload(subject.address, &subject.upload, &block);
            subject.clear();
            if subject.bare_path != "/" {
                let name = format!("bare hyper that does the same as {}", subject.name);
                table.add("upload", &name, like, [floor, like], rate);
            }
            table.add("upload", subject.name, time, [floor, like], rate);
        }
        let floor = download(bare.address, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
        table.add("download", "bare hyper", floor, [floor, floor], rate);
        for subject in [&subjects[0], &subjects[4], &subjects[5]] {
            let time = download(subject.address, &subject.download);
            table.add("download", subject.name, time, [floor, floor], rate);
        }
    }
    table.print();
}

/// An emulator to measure.
struct Subject {
    name: &'static str,
    emulator: Emulator,
    saved: b2kit_emulator::Saved,
    address: SocketAddr,
    _server: Server,
    info: String,
    upload: String,
    download: String,
    /// The path that makes bare hyper do the same with a body.
    bare_path: &'static str,
}

impl Subject {
    fn new(name: &'static str, checksums: Checksums, directory: Option<&Path>, sha1: &str) -> Self {
        let builder = Emulator::builder()
            .checksums(checksums)
            .storage_cap(2 << 30);
        let emulator = match directory {
            None => builder.build(),
            Some(directory) => builder.open(directory).unwrap(),
        };
        Self::of(name, emulator, sha1)
    }

    fn discarding(name: &'static str, checksums: Checksums, sha1: &str) -> Self {
        let builder = Emulator::builder().checksums(checksums);
        Self::of(name, builder.discard_contents(true).build(), sha1)
    }

    fn of(name: &'static str, emulator: Emulator, sha1: &str) -> Self {
        let server = Server::start(&emulator).unwrap();
        let address = server.address();
        let bucket = emulator.create_bucket("a-bucket", true).unwrap();
        let mut line = Line::to(address);
        let (token, _) = authorize(&mut line, emulator.key_id(), emulator.key());
        let length = BLOCKS << 20;
        let head = upload_head(&mut line, &token, &bucket, "served", length, sha1);
        let file: serde_json::Value =
            serde_json::from_slice(&line.upload(&head, &block(), BLOCKS)).unwrap();
        let upload = upload_head(&mut line, &token, &bucket, "uploaded", length, sha1);
        let body = json!({"fileId": file["fileId"]}).to_string();
        let info = format!(
            "POST /b2api/v4/b2_get_file_info HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            name,
            saved: emulator.save(),
            emulator,
            address,
            _server: server,
            info,
            upload,
            download: "GET /file/a-bucket/served HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            bare_path: "/",
        }
    }

    fn compared_with(self, bare_path: &'static str) -> Self {
        Self { bare_path, ..self }
    }

    /// Deletes what was uploaded and requests a new URL.
    fn clear(&self) {
        self.emulator.restore(&self.saved).unwrap();
    }
}

fn calls(address: SocketAddr, request: &str, lines: usize) -> f64 {
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..lines {
            scope.spawn(|| {
                let mut line = Line::to(address);
                for _ in 0..CALLS / lines {
                    line.send(request, &[]);
                    line.skip(|_| {});
                }
            });
        }
    });
    begun.elapsed().as_secs_f64()
}

fn upload(address: SocketAddr, head: &str, block: &[u8]) -> f64 {
    let mut line = Line::to(address);
    let begun = Instant::now();
    line.upload(head, block, BLOCKS);
    begun.elapsed().as_secs_f64()
}

fn download(address: SocketAddr, request: &str) -> f64 {
    let mut line = Line::to(address);
    let begun = Instant::now();
    line.send(request, &[]);
    assert_eq!(line.skip(|_| {}), (BLOCKS as u64) << 20);
    begun.elapsed().as_secs_f64()
}

fn hash(block: &[u8]) -> f64 {
    let begun = Instant::now();
    let mut sha1 = Sha1::new();
    for _ in 0..BLOCKS {
        sha1.update(block);
    }
    std::hint::black_box(sha1.finalize());
    begun.elapsed().as_secs_f64()
}

fn per_second(seconds: f64) -> String {
    format!("{:.0} calls/s", CALLS as f64 / seconds)
}

fn rate(seconds: f64) -> String {
    format!("{:.0} MB/s", (BLOCKS << 20) as f64 / seconds / 1e6)
}

/// All samples, by measurement.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
    is_kept: bool,
}

struct Row {
    what: String,
    whom: String,
    times: Vec<f64>,
    ratios: [Vec<f64>; 2],
    shown: fn(f64) -> String,
}

impl Table {
    fn add(
        &mut self,
        what: &str,
        whom: &str,
        time: f64,
        floors: [f64; 2],
        shown: fn(f64) -> String,
    ) {
        if !self.is_kept {
            return;
        }
        let at = self
            .rows
            .iter()
            .position(|row| row.what == what && row.whom == whom);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row {
                what: what.to_owned(),
                whom: whom.to_owned(),
                times: Vec::new(),
                ratios: [Vec::new(), Vec::new()],
                shown,
            });
            self.rows.len() - 1
        });
        self.rows[at].times.push(time);
        for (ratios, floor) in self.rows[at].ratios.iter_mut().zip(floors) {
            // a ratio of speeds, not of times
            ratios.push(floor / time);
        }
    }

    fn print(self) {
        for mut row in self.rows {
            row.times.sort_by(f64::total_cmp);
            let shown = row.ratios.map(|mut ratios| {
                ratios.sort_by(f64::total_cmp);
                let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
                format!("{least:.2}, **{:.2}**, {most:.2}", ratios[ratios.len() / 2])
            });
            println!(
                "| {}, {} | {} | {} | {} |",
                row.what,
                row.whom,
                (row.shown)(row.times[row.times.len() / 2]),
                shown[0],
                shown[1],
            );
        }
    }
}
