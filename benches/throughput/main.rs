//! Uploads, downloads and a long listing with b2kit and with bare hyper: time, CPU time and peak memory.
//!
//! ```sh
//! cargo bench -p b2kit-benches --bench throughput                          # everything
//! cargo bench -p b2kit-benches --bench throughput -- upload --rounds 15    # one task, longer
//! ```
//!
//! The server is this program in another process, and so is each sample. Without `--bench`, as under `cargo test`,
//! everything runs once with small sizes. `benches/README.md` describes the comparison.

mod alternate;
mod bare;
mod contender;
mod file;
mod listing;
mod load;
mod meter;
mod page;
mod process;
mod sample;
mod server;
mod wire;

use std::error::Error as StdError;
use std::process::ExitCode;

use self::alternate::{alternate, median, spread};
use self::contender::{Contender, Task};
use self::load::Load;
use self::process::Server;
use self::sample::Sample;

type Failure = Box<dyn StdError + Send + Sync>;

const MIB: u64 = 1 << 20;

/// Printed in place of a number that the system doesn't report.
const UNKNOWN: &str = "unknown here";

const USAGE: &str =
    "cargo bench -p b2kit-benches --bench throughput -- [upload|download|list] [--rounds N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [process::ARGUMENT] => process::serve(server::serve_connection),
        [sample::ARGUMENT, ref what @ ..] => load::run_sample(what),
        _ => match Plan::from_arguments(&arguments) {
            Ok(Some(plan)) => plan.run(),
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("throughput: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The measurements to make.
#[derive(Debug)]
struct Plan {
    rounds: usize,
    loads: Vec<Load>,
    peaks: Vec<Load>,
    is_benchmark: bool,
}

impl Plan {
    /// Parses the arguments; `None` if there is nothing to do.
    fn from_arguments(arguments: &[&str]) -> Result<Option<Self>, Failure> {
        let bench = arguments.contains(&"--bench") && !arguments.contains(&"--test");
        let (mut rounds, mut filters) = (None, Vec::new());
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--bench" | "--test" => {}
                // There are no tests to list for a test runner.
                "--list" => return Ok(None),
                "--rounds" => {
                    let given = rest.next().and_then(|text| text.parse().ok());
                    rounds = Some(given.filter(|&rounds| rounds > 0).ok_or(USAGE)?);
                }
                flag if flag.starts_with('-') && bench => {
                    return Err(format!("unknown option {flag:?}; {USAGE}").into());
                }
                // A flag for the standard test harness.
                flag if flag.starts_with('-') => {}
                filter => filters.push(filter),
            }
        }
        let chosen =
            |task: &Task| filters.is_empty() || filters.iter().any(|f| task.name().contains(f));
        let tasks: Vec<_> = Task::ALL.into_iter().filter(chosen).collect();
        if bench && tasks.is_empty() {
            return Err(format!("there is no task {:?}; {USAGE}", filters.join(" ")).into());
        }
        let each = |loads: fn(Task) -> Vec<Load>| tasks.iter().copied().flat_map(loads).collect();
        Ok((!tasks.is_empty()).then(|| {
            if bench {
                Self {
                    rounds: rounds.unwrap_or(7),
                    loads: each(loads),
                    peaks: each(peaks),
                    is_benchmark: true,
                }
            } else {
                Self {
                    rounds: 1,
                    loads: each(|task| loads(task).into_iter().map(Load::minimized).collect()),
                    peaks: each(|task| {
                        peaks(task)
                            .into_iter()
                            .take(1)
                            .map(Load::minimized)
                            .collect()
                    }),
                    is_benchmark: false,
                }
            }
        }))
    }

    fn run(&self) -> Result<(), Failure> {
        let server = Server::start(&[])?;
        if !self.is_benchmark {
            println!("A short run, to see that it works. Its numbers mean nothing.\n");
        }
        println!(
            "| rounds: {} | b2kit | bare hyper | b2kit ÷ bare: min, median, max |",
            self.rounds
        );
        println!("|---|---|---|---|");
        for &load in &self.loads {
            self.compare(&server, load)?;
        }
        println!("\n| peak resident memory | b2kit | bare hyper |");
        println!("|---|---|---|");
        for &load in &self.peaks {
            let peak = |contender| -> Result<String, Failure> {
                let sample = load.take(&server, contender)?;
                Ok(sample.peak.map_or_else(
                    || UNKNOWN.to_owned(),
                    |bytes| format!("{:.1} MiB", bytes as f64 / MIB as f64),
                ))
            };
            let (b2kit, bare) = (peak(Contender::B2kit)?, peak(Contender::Bare)?);
            println!("| {load} | {b2kit} | {bare} |");
        }
        Ok(())
    }

    fn compare(&self, server: &Server, load: Load) -> Result<(), Failure> {
        let take = |contender| load.take(server, contender);
        let rounds = alternate(
            self.rounds,
            || take(Contender::B2kit),
            || take(Contender::Bare),
        )?;
        print(load, &rounds);
        Ok(())
    }
}

/// The loads to compare. A large file shows the cost of a byte, many small ones the cost of a call.
fn loads(task: Task) -> Vec<Load> {
    let load = |times, size| Load { task, times, size };
    match task {
        Task::Upload | Task::Download => vec![load(1, 256 * MIB), load(1_000, 16 << 10)],
        Task::List => vec![load(1, 100_000)],
    }
}

/// The loads whose peak memory is measured, which should not depend on the size.
fn peaks(task: Task) -> Vec<Load> {
    let sizes = match task {
        Task::Upload | Task::Download => [64 * MIB, 256 * MIB, 1024 * MIB],
        Task::List => [10_000, 100_000, 400_000],
    };
    let load = |size| Load {
        task,
        times: 1,
        size,
    };
    sizes.map(load).into()
}

fn print(load: Load, rounds: &[(Sample, Sample)]) {
    let row = |what: &str, pairs: Vec<(f64, f64)>, show: &dyn Fn(f64) -> String| {
        let b2kit = median(pairs.iter().map(|pair| pair.0).collect());
        let bare = median(pairs.iter().map(|pair| pair.1).collect());
        let ratios: Vec<f64> = pairs.iter().map(|(b2kit, bare)| b2kit / bare).collect();
        println!(
            "| {load}, {what} | {} | {} | {} |",
            show(b2kit),
            show(bare),
            spread(ratios),
        );
    };
    let each = |seconds: f64| format!("{:.0} µs each", seconds * 1e6 / f64::from(load.times));
    let row_of = |seconds: f64| format!("{:.2} µs a row", seconds * 1e6 / load.size as f64);
    let speed = |seconds: f64| format!("{:.0} MB/s", load.size as f64 / 1e6 / seconds);
    let whole = |seconds: f64| format!("{seconds:.3} s");
    let (time, cpu): (&dyn Fn(f64) -> String, &dyn Fn(f64) -> String) =
        match (load.task, load.times) {
            (Task::List, _) => (&row_of, &row_of),
            (_, 1) => (&speed, &whole),
            _ => (&each, &each),
        };
    let wall = |sample: Sample| sample.wall.as_secs_f64();
    let walls = rounds.iter().map(|&(a, b)| (wall(a), wall(b)));
    row("time", walls.collect(), time);
    let burnt = |sample: Sample| sample.cpu.map(|cpu| cpu.as_secs_f64());
    let burnt = rounds.iter().map(|&(a, b)| burnt(a).zip(burnt(b)));
    match burnt.collect() {
        Some(pairs) => row("CPU", pairs, cpu),
        None => println!("| {load}, CPU | {UNKNOWN} | {UNKNOWN} | |"),
    }
}
