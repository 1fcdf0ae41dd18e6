//! The cost of the log of calls: without the control API, with it, with a reader that follows the calls as the
//! console's page does, and with `--browser` with the page itself in Chromium. At 10,000 calls a second, and at the
//! maximum rate. Also the time from the start of the program to its first response.
//!
//! `cargo bench -p b2kit-emulator --all-features --bench console -- [--rounds N] [--browser]`. Linux only. The programs
//! alternate; rates are medians, and processor times the minimum of all rounds. The load generator, the program and the
//! reader of its calls share the processors, so on a machine with few processors the program's processor time says more
//! than the rate.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

#[allow(dead_code, reason = "it is made for tests")]
#[path = "../tests/console/browser.rs"]
mod browser;
mod common;
#[path = "../tests/raw_connection/mod.rs"]
mod raw_connection;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use browser::Browser;
use common::{Line, authorize};
use serde_json::{Value, json};

/// Number of calls in a round.
const CALLS: u64 = 20_000;

const LINES: u64 = 4;

/// Calls a second in a round at a fixed rate.
const PACE: f64 = 10_000.0;

/// The page's pause between two requests for calls, and its pause after many calls.
const PAUSE: Duration = Duration::from_millis(250);
const SHORT_PAUSE: Duration = Duration::from_millis(100);
const MANY: usize = 1000;

const TOKEN: &str = "open-sesame";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments.iter().position(|it| it == "--rounds");
    let rounds = rounds.map_or(15, |at| arguments[at + 1].parse().expect("--rounds N"));
    let has_browser = arguments.iter().any(|it| it == "--browser");
    first_response();
    for pace in [Some(PACE), None] {
        run(rounds, pace, has_browser);
    }
}

/// Measures at a fixed rate, or at the maximum.
fn run(rounds: usize, pace: Option<f64>, has_browser: bool) {
    let control = ["--control-token", TOKEN];
    let mut programs = vec![
        ("without control API", Program::start(&["--no-control"])),
        ("with it", Program::start(&control)),
        ("with a console", Program::start(&control)),
    ];
    let downloads = tempfile::tempdir().unwrap();
    let browser = has_browser.then(|| {
        let program = Program::start(&control);
        let browser = Browser::start(downloads.path(), false);
        let address = program.address;
        browser.open(&format!(
            "http://{address}/b2kit-emulator/?token={TOKEN}#calls"
        ));
        browser.wait_for_text("create_bucket");
        programs.push(("with Chromium", program));
        browser
    });
    let mut rows = vec![Vec::new(); programs.len()];
    let mut memory = Vec::new();
    let is_over = AtomicBool::new(false);
    let followed = &programs[2].1;
    let (seen, missed) = thread::scope(|scope| {
        let follower = scope.spawn(|| follow(followed.address, &is_over));
        for round in 0..=rounds {
            for ((_, program), row) in programs.iter().zip(&mut rows) {
                let sample = program.round(pace);
                // the first warms up
                if round > 0 {
                    row.push(sample);
                }
            }
            memory.push(followed.resident_kib() / 1024);
        }
        thread::sleep(2 * PAUSE);
        is_over.store(true, Ordering::Relaxed);
        follower.join().unwrap()
    });
    let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
    report(rounds, pace, &names, &rows);
    let expected = (rounds as u64 + 1) * CALLS + 2;
    println!("\nThe console saw {seen} of {expected} calls, and was told that it missed {missed}.");
    if let Some(browser) = &browser {
        let counts = browser.value_of("[calls.total, calls.missed, calls.all.length]");
        println!("Chromium's page: [calls, missed, kept] are {counts}.");
    }
    println!("Memory by round, in MiB: {memory:?}\n");
}

fn report(rounds: usize, pace: Option<f64>, names: &[&str], rows: &[Vec<Sample>]) {
    let pace = pace.map_or("no pace".into(), |pace| format!("{pace} a second"));
    println!(
        "| {rounds} rounds of {CALLS} calls, {pace} | calls/s | ÷ without | CPU/call | ÷ without |"
    );
    println!("|---|---|---|---|---|");
    // other load on the machine only adds to the processor time
    let least = |row: &[Sample]| row.iter().map(|it| it.cpu).fold(f64::MAX, f64::min);
    for (name, row) in names.iter().zip(rows) {
        let neighbors = row.iter().zip(&rows[0]);
        let rate = median(neighbors.map(|(it, plain)| plain.wall / it.wall).collect());
        let wall = median(row.iter().map(|it| it.wall).collect());
        println!(
            "| {name} | {:.0} | {rate:.3} | {:.1} µs | {:.3} |",
            CALLS as f64 / wall,
            least(row) / CALLS as f64 * 1e6,
            least(row) / least(&rows[0]),
        );
    }
}

/// Wall time and processor time of a round, in seconds.
#[derive(Clone)]
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

/// Reads the log as the page does. Returns how many calls came, and how many were missed.
fn follow(address: SocketAddr, is_over: &AtomicBool) -> (u64, u64) {
    let mut line = Line::to(address);
    let (mut after, mut seen, mut missed) = (0, 0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let head = format!(
            "GET /b2kit-emulator/v1/calls?after={after}&limit=10000&waitSeconds=1 HTTP/1.1\r\n\
             Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        line.send(&head, &[]);
        let page: Value = serde_json::from_slice(&line.read()).unwrap();
        let calls = page["calls"].as_array().unwrap().len();
        seen += calls as u64;
        missed += page["missed"].as_u64().unwrap();
        after = page["last"].as_u64().unwrap();
        thread::sleep(if calls > MANY { SHORT_PAUSE } else { PAUSE });
    }
    (seen, missed)
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

    fn round(&self, pace: Option<f64>) -> Sample {
        let (begun, cpu) = (Instant::now(), self.cpu_seconds());
        thread::scope(|scope| {
            for _ in 0..LINES {
                scope.spawn(|| self.calls(begun, pace));
            }
        });
        Sample {
            wall: begun.elapsed().as_secs_f64(),
            cpu: self.cpu_seconds() - cpu,
        }
    }

    /// One connection's share of a round. A call that is late is made at once.
    fn calls(&self, begun: Instant, pace: Option<f64>) {
        let mut line = Line::to(self.address);
        for call in 0..CALLS / LINES {
            if let Some(pace) = pace {
                let due = Duration::from_secs_f64((call * LINES) as f64 / pace);
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            line.send(&self.request, &[]);
            line.skip(|_| {});
        }
    }

    /// Processor time of all threads so far.
    fn cpu_seconds(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanos = tasks.map(|task| {
            let schedule = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
            let (running, _) = schedule.split_once(' ').unwrap();
            running.parse::<u64>().unwrap()
        });
        nanos.sum::<u64>() as f64 / 1e9
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
