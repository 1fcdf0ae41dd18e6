//! Transfers with b2kit, bare hyper, bare sockets and curl: many concurrent small files, with and without latency, and
//! a large one from and to the disk; their number of calls and their memory. Also a comparison with other programs.
//!
//! ```sh
//! cargo bench -p b2kit-benches --bench transfers                         # everything
//! cargo bench -p b2kit-benches --bench transfers -- send --rounds 15     # one task, longer
//! cargo bench -p b2kit-benches --bench transfers -- programs             # rclone and b2, against the emulator
//! ```
//!
//! The server is this program in another process, and so is each sample. Without `--bench`, as under `cargo test`,
//! everything runs once with small sizes. `benches/README.md` describes the comparison.

#[path = "../throughput/alternate.rs"]
mod alternate;
#[path = "../throughput/bare.rs"]
mod bare;
mod contender;
mod disk;
#[path = "../throughput/file.rs"]
mod file;
mod load;
#[path = "../throughput/meter.rs"]
mod meter;
mod plot;
#[path = "../throughput/process.rs"]
mod process;
mod programs;
#[path = "../throughput/sample.rs"]
mod sample;
mod scaling;
mod server;
mod socket;
#[path = "../throughput/wire.rs"]
mod wire;

use std::error::Error as StdError;
use std::process::ExitCode;

use self::alternate::{alternate, median, spread};
use self::contender::Contender;
use self::disk::Disk;
use self::load::{Load, Task};
use self::process::Server;
use self::sample::Sample;

type Failure = Box<dyn StdError + Send + Sync>;

const GIB: u64 = 1 << 30;

/// Printed in place of an unknown number.
const UNKNOWN: &str = "";

/// The measurements that can be selected.
const PARTS: [&str; 10] = [
    "up",
    "down",
    "send",
    "fetch",
    "verify",
    "limit",
    "memory",
    "scaling",
    "in-flight",
    "programs",
];

const USAGE: &str = "cargo bench -p b2kit-benches --bench transfers -- \
    [up|down|send|fetch|verify|limit|memory|scaling|in-flight|programs] [--rounds N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [process::ARGUMENT, latency, line, connection] => {
            server::configure(latency, line, connection)
                .and_then(|()| process::serve(server::serve_connection))
        }
        [sample::ARGUMENT, programs::ARGUMENT, ref what @ ..] => programs::run_sample(what),
        [sample::ARGUMENT, ref what @ ..] => contender::run_sample(what),
        _ => Plan::from_arguments(&arguments).and_then(|plan| plan.run()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("transfers: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The measurements to make.
#[derive(Debug)]
struct Plan<'a> {
    rounds: usize,
    filters: Vec<&'a str>,
    is_benchmark: bool,
}

impl<'a> Plan<'a> {
    /// Parses the arguments.
    fn from_arguments(arguments: &[&'a str]) -> Result<Self, Failure> {
        let is_benchmark = arguments.contains(&"--bench") && !arguments.contains(&"--test");
        let mut rounds = if is_benchmark { 7 } else { 1 };
        let mut filters = Vec::new();
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--bench" | "--test" => {}
                // There are no tests to list for a test runner.
                "--list" => filters = vec!["nothing"],
                "--rounds" => {
                    let given = rest.next().and_then(|text| text.parse().ok());
                    rounds = given.filter(|&rounds| rounds > 0).ok_or(USAGE)?;
                }
                flag if flag.starts_with('-') && is_benchmark => {
                    return Err(format!("unknown option {flag:?}; {USAGE}").into());
                }
                // A flag for the standard test harness.
                flag if flag.starts_with('-') => {}
                filter if is_benchmark && !PARTS.iter().any(|part| part.contains(filter)) => {
                    return Err(format!("there is no part {filter:?}; {USAGE}").into());
                }
                filter => filters.push(filter),
            }
        }
        Ok(Self {
            rounds,
            filters,
            is_benchmark,
        })
    }

    fn wants(&self, what: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| what.contains(filter))
    }

    fn run(&self) -> Result<(), Failure> {
        let directory = tempfile::tempdir()?;
        let disk = Disk(directory.path());
        if !self.is_benchmark {
            println!("A short run, to see that it works. Its numbers mean nothing.\n");
        }
        let loads: Vec<Load> = loads()
            .filter(|load| self.wants(load.task.name()))
            .collect();
        if !loads.is_empty() {
            self.compare_all(disk, loads)?;
        }
        if self.wants("verify") {
            self.measure_verification(disk)?;
        }
        if self.wants("limit") {
            self.measure_connection_limit(disk)?;
        }
        if self.wants("memory") {
            self.measure_memory(disk)?;
        }
        if self.wants("scaling") {
            scaling::measure(disk, self.rounds.min(5), self.is_benchmark)?;
        }
        if self.wants("in-flight") {
            scaling::measure_in_flight(disk, self.is_benchmark)?;
        }
        if self.wants("programs") {
            programs::compare_all(self.rounds, self.is_benchmark)?;
        }
        Ok(())
    }

    fn compare_all(&self, disk: Disk<'_>, loads: Vec<Load>) -> Result<(), Failure> {
        let has_curl = contender::has_curl();
        if !has_curl {
            println!("curl is not installed, and left out.\n");
        }
        println!(
            "| | b2kit | bare hyper | ÷ bare: min, median, max | ÷ sockets | ÷ curl | ÷ latency | \
             calls, at least |"
        );
        println!("|---|---|---|---|---|---|---|---|");
        for load in loads {
            let load = if self.is_benchmark {
                load
            } else {
                load.minimized()
            };
            let contenders: Vec<_> = [
                Some(Contender::B2kit),
                Some(Contender::Bare),
                load.task.has_socket_client().then_some(Contender::Socket),
                has_curl.then_some(Contender::Curl),
            ]
            .into_iter()
            .flatten()
            .collect();
            let server = Server::start(&[&load.latency.to_string(), "0", "0"])?;
            if load.task.is_up() {
                disk.put(load.size)?;
            }
            // Measurements that mostly wait vary little and take long.
            let rounds = self.rounds.min(match (load.latency, load.at_once) {
                (0, _) => usize::MAX,
                (_, 1) => 1,
                _ => 3,
            });
            let (mut samples, mut calls) = (Vec::new(), 0);
            for round in 0..rounds {
                let mut taken = vec![None; contenders.len()];
                // The contenders alternate, so that other load on the machine affects all alike; the first one changes.
                for at in 0..contenders.len() {
                    let at = (at + round) % contenders.len();
                    server::calls(&server)?;
                    taken[at] = Some(contenders[at].take(&server, disk, load)?);
                    let made = server::calls(&server)?;
                    match contenders[at] {
                        Contender::B2kit => calls = made,
                        _ if made == load.files => {}
                        other => return Err(format!("{other:?} made {made} calls").into()),
                    }
                }
                samples.push(taken.into_iter().flatten().collect());
            }
            print(load, &contenders, &samples, calls);
        }
        Ok(())
    }

    /// Measures the cost of verification, over loopback and over lines of limited bandwidth.
    fn measure_verification(&self, disk: Disk<'_>) -> Result<(), Failure> {
        println!("\n| fetch | verified | not verified | verified ÷ not: min, median, max |");
        println!("|---|---|---|---|");
        for line in [0, 1000, 500, 250] {
            let server = Server::start(&["0", &line.to_string(), "0"])?;
            let take = |task| -> Result<f64, Failure> {
                let load = Load::large(task, GIB);
                let load = if self.is_benchmark {
                    load
                } else {
                    load.minimized()
                };
                let sample = Contender::B2kit.take(&server, disk, load)?;
                Ok(sample.wall.as_secs_f64())
            };
            let pairs = alternate(
                self.rounds,
                || take(Task::Fetch),
                || take(Task::FetchUnverified),
            )?;
            let of =
                |value: fn(&(f64, f64)) -> f64| -> Vec<f64> { pairs.iter().map(value).collect() };
            let line = match line {
                0 => "loopback".to_owned(),
                line => format!("{line} MB/s"),
            };
            println!(
                "| {line} | {:.3} s | {:.3} s | {} |",
                median(of(|pair| pair.0)),
                median(of(|pair| pair.1)),
                spread(of(|(verified, not)| verified / not)),
            );
        }
        Ok(())
    }

    /// Measures downloads from a server that limits each connection.
    fn measure_connection_limit(&self, disk: Disk<'_>) -> Result<(), Failure> {
        const BANDWIDTH: u64 = 25;
        println!("\n| fetch, {BANDWIDTH} MB/s a connection | MB/s | ÷ limit | calls |");
        println!("|---|---|---|---|");
        for latency in [0, 100] {
            let args = [latency, 0, BANDWIDTH].map(|number: u64| number.to_string());
            let server = Server::start(&[&args[0], &args[1], &args[2]])?;
            for at_once in [1, 2, 4, 8] {
                let mut load = Load::large(Task::Fetch, 2 * GIB);
                if !self.is_benchmark {
                    load = load.minimized();
                }
                load.at_once = at_once;
                server::calls(&server)?;
                let wall = Contender::B2kit.take(&server, disk, load)?.wall;
                let rate = load.size as f64 / 1e6 / wall.as_secs_f64();
                let ratio = rate / (BANDWIDTH * at_once as u64) as f64;
                let calls = server::calls(&server)?;
                println!(
                    "| {at_once} at once, {latency} ms | {rate:.0} | **{ratio:.2}** | {calls} |"
                );
            }
        }
        Ok(())
    }

    /// Measures peak memory, which should not depend on the size.
    fn measure_memory(&self, disk: Disk<'_>) -> Result<(), Failure> {
        println!("\n| peak resident memory | b2kit | bare hyper |");
        println!("|---|---|---|");
        let server = Server::start(&["0", "0", "0"])?;
        for task in [Task::Send, Task::Fetch] {
            for gib in [1, 2, 4, 8] {
                let mut load = Load::large(task, gib * GIB);
                if !self.is_benchmark {
                    load = load.minimized();
                }
                disk.put_hole(load.size)?;
                let peak = |contender: Contender| -> Result<String, Failure> {
                    let bytes = contender.take(&server, disk, load)?.peak;
                    let shown = |bytes| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
                    Ok(bytes.map_or_else(|| UNKNOWN.to_owned(), shown))
                };
                println!(
                    "| {load} | {} | {} |",
                    peak(Contender::B2kit)?,
                    peak(Contender::Bare)?
                );
                if !self.is_benchmark {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The loads to compare.
fn loads() -> impl Iterator<Item = Load> {
    let small = |task, latency, at_once| Load {
        task,
        files: 2_000,
        size: 4 << 10,
        at_once,
        latency,
    };
    [0, 20]
        .into_iter()
        .flat_map(move |latency| {
            [Task::Up, Task::UpFromDisk, Task::Down]
                .into_iter()
                // The source of a file makes no difference with latency.
                .filter(move |task| latency == 0 || *task != Task::UpFromDisk)
                .flat_map(move |task| [1, 10].map(|at_once| small(task, latency, at_once)))
        })
        .chain([Task::Send, Task::SendOnce, Task::Fetch].map(|task| Load::large(task, GIB)))
}

/// The samples of each round, one of each contender.
fn print(load: Load, contenders: &[Contender], rounds: &[Vec<Sample>], calls: u64) {
    let wall = |sample: &Sample| Some(sample.wall.as_secs_f64());
    let cpu = |sample: &Sample| sample.cpu.map(|cpu| cpu.as_secs_f64());
    let show = |seconds: f64| {
        if load.task.is_large() {
            format!("{seconds:.3} s")
        } else {
            format!("{:.0} µs each", seconds * 1e6 / load.files as f64)
        }
    };
    let of_all = |of: &dyn Fn(&[Sample]) -> Option<f64>| -> Option<Vec<f64>> {
        rounds.iter().map(|samples| of(samples)).collect()
    };
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let row = |what: &str, of: &dyn Fn(&Sample) -> Option<f64>, last: &str| {
        let of_contender = |samples: &[Sample], contender: Contender| {
            let at = contenders.iter().position(|&other| other == contender)?;
            of(samples.get(at)?)
        };
        let own = |contender| {
            of_all(&|samples| of_contender(samples, contender))
                .map(median)
                .map(show)
        };
        let ratios = |contender| {
            of_all(&|samples| {
                Some(of_contender(samples, Contender::B2kit)? / of_contender(samples, contender)?)
            })
        };
        let to = |contender| ratios(contender).map(|ratios| format!("{:.2}", median(ratios)));
        println!(
            "| {load}, {what} | {} | {} | {} | {} | {} | {last} |",
            or_unknown(own(Contender::B2kit)),
            or_unknown(own(Contender::Bare)),
            or_unknown(ratios(Contender::Bare).map(spread)),
            or_unknown(to(Contender::Socket)),
            or_unknown(to(Contender::Curl)),
        );
    };
    let bound = load.latency_bound().as_secs_f64();
    let to_bound = of_all(&|samples| Some(wall(samples.first()?)? / bound)).map(median);
    let to_bound = to_bound.filter(|_| load.latency > 0);
    let to_bound = or_unknown(to_bound.map(|ratio| format!("{ratio:.2}")));
    row(
        "time",
        &wall,
        &format!("{to_bound} | {calls}, {}", load.min_calls()),
    );
    row("CPU", &cpu, " |");
}
