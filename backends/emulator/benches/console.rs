//! What the log of calls costs: without the control API, with it, and with a console that follows
//! the calls as its page does. Also the time from the start of the program to its first response.
//!
//! `cargo bench -p b2kit-emulator --all-features --bench console -- [--rounds N]`. Linux only. The
//! programs alternate, and ratios are of neighbors. Wall time depends on what else runs on the
//! machine; the processor time of the program does so less.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Line, authorize};
use serde_json::{Value, json};

/// Number of calls in a round.
const CALLS: u64 = 20_000;

const LINES: u64 = 4;

/// How long the page waits between two requests for calls.
const PAUSE: Duration = Duration::from_millis(250);

const TOKEN: &str = "open-sesame";

fn main() {
    let mut arguments = std::env::args().skip_while(|it| it != "--rounds").skip(1);
    let rounds: usize = arguments
        .next()
        .map_or(15, |it| it.parse().expect("--rounds N"));
    first_response();
    let plain = Program::start(&["--no-control"]);
    let logged = Program::start(&["--control-token", TOKEN]);
    let followed = Program::start(&["--control-token", TOKEN]);
    let mut rows = [(); 3].map(|()| Vec::new());
    let mut memory = Vec::new();
    let is_over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let follower = scope.spawn(|| follow(followed.address, &is_over));
        for round in 0..=rounds {
            let measured = [&plain, &logged, &followed].map(Program::round);
            // the first warms up
            if round > 0 {
                for (row, sample) in rows.iter_mut().zip(measured) {
                    row.push(sample);
                }
                memory.push(followed.resident_kib() / 1024);
            }
        }
        thread::sleep(2 * PAUSE);
        is_over.store(true, Ordering::Relaxed);
        follower.join().unwrap()
    });
    println!("| {rounds} rounds of {CALLS} calls | calls/s | ÷ without | CPU/call | ÷ without |");
    println!("|---|---|---|---|---|");
    for (name, row) in ["without control API", "with it", "with a console"]
        .iter()
        .zip(&rows)
    {
        let ratio = |of: fn(&Sample) -> f64| {
            let neighbors = row.iter().zip(&rows[0]);
            median(neighbors.map(|(it, plain)| of(it) / of(plain)).collect())
        };
        let wall = median(row.iter().map(|it| it.wall).collect());
        let cpu = median(row.iter().map(|it| it.cpu).collect());
        println!(
            "| {name} | {:.0} | {:.3} | {:.1} µs | {:.3} |",
            CALLS as f64 / wall,
            1.0 / ratio(|it| it.wall),
            cpu / CALLS as f64 * 1e6,
            ratio(|it| it.cpu),
        );
    }
    let expected = (rounds as u64 + 1) * CALLS + 2;
    println!("\nThe console saw {seen} of {expected} calls. Memory by round, in MiB: {memory:?}");
}

/// Wall time and processor time of a round, in seconds.
struct Sample {
    wall: f64,
    cpu: f64,
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// From the start of the program to its first response.
fn first_response() {
    let times = (0..21).map(|_| {
        let begun = Instant::now();
        let program = Program::spawn(&["--control-token", TOKEN]);
        authorize(&mut Line::to(program.address), "key", "secret");
        begun.elapsed().as_secs_f64() * 1e3
    });
    println!("First response after {:.1} ms.\n", median(times.collect()));
}

/// Reads the log as the page does. Returns the number of calls, less those that were missed.
fn follow(address: SocketAddr, is_over: &AtomicBool) -> i64 {
    let mut line = Line::to(address);
    let (mut after, mut seen) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let head = format!(
            "GET /b2kit-emulator/v1/calls?after={after}&limit=10000&waitSeconds=1 HTTP/1.1\r\n\
             Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        line.send(&head, &[]);
        let page: Value = serde_json::from_slice(&line.read()).unwrap();
        seen += i64::try_from(page["calls"].as_array().unwrap().len()).unwrap();
        seen -= page["missed"].as_i64().unwrap();
        after = page["last"].as_u64().unwrap();
        thread::sleep(PAUSE);
    }
    seen
}

struct Program {
    child: Child,
    address: SocketAddr,
    /// A call.
    request: String,
}

impl Program {
    fn spawn(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_b2kit-emulator"))
            .args(["--port", "0", "--key-id", "key", "--key", "secret"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = out.lines().map(Result::unwrap);
        let setting = "export B2_ENVIRONMENT=http://";
        let url = lines.find_map(|line| Some(line.strip_prefix(setting)?.to_owned()));
        Self {
            child,
            address: url.unwrap().parse().unwrap(),
            request: String::new(),
        }
    }

    fn start(arguments: &[&str]) -> Self {
        let mut this = Self::spawn(arguments);
        let mut line = Line::to(this.address);
        let (token, account) = authorize(&mut line, "key", "secret");
        let bucket = json!({"accountId": account, "bucketName": "a-bucket",
            "bucketType": "allPublic"});
        line.call("b2_create_bucket", &token, &bucket);
        let body = json!({"accountId": account}).to_string();
        this.request = format!(
            "POST /b2api/v4/b2_list_buckets HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a-client/1.0\
             \r\nAuthorization: {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        this
    }

    fn round(&self) -> Sample {
        let (begun, cpu) = (Instant::now(), self.cpu_seconds());
        thread::scope(|scope| {
            for _ in 0..LINES {
                scope.spawn(|| {
                    let mut line = Line::to(self.address);
                    for _ in 0..CALLS / LINES {
                        line.send(&self.request, &[]);
                        line.skip(|_| {});
                    }
                });
            }
        });
        Sample {
            wall: begun.elapsed().as_secs_f64(),
            cpu: self.cpu_seconds() - cpu,
        }
    }

    /// Processor time so far. The kernel counts in hundredths of a second.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields = fields.split(' ').skip(11).take(2);
        let ticks: u32 = fields.map(|it| it.parse::<u32>().unwrap()).sum();
        f64::from(ticks) / 100.0
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = status.lines();
        let resident = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
