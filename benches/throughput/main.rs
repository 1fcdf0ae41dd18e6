//! A file's way up and down, through b2kit and through bare hyper: MB/s, CPU time, and memory at its peak.
//!
//! ```sh
//! cargo bench --bench throughput                          # everything
//! cargo bench --bench throughput -- upload --rounds 15    # one way, longer
//! ```
//!
//! The server is this same program in a process of its own, and so is each sample. Without `--bench` it is `cargo test`
//! that asks: then everything runs once, and small. README.md beside this directory says what is measured against what.

mod arm;
mod file;
mod meter;
mod sample;
mod server;

use std::error::Error as StdError;
use std::process::ExitCode;

use self::arm::{Arm, Direction};
use self::sample::{Load, Sample};
use self::server::Server;

type Failure = Box<dyn StdError + Send + Sync>;

const MIB: u64 = 1 << 20;

/// One large file shows what each byte costs, and many small ones what each call costs.
const LARGE: Load = Load {
    files: 1,
    len: 256 * MIB,
};
const SMALL: Load = Load {
    files: 1_000,
    len: 16 << 10,
};

/// What stands in the place of a number that the system doesn't tell.
const UNKNOWN: &str = "unknown here";

const USAGE: &str = "cargo bench --bench throughput -- [upload|download] [--rounds N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [server::ARGUMENT] => server::serve(),
        [sample::ARGUMENT, ref what @ ..] => sample::be_taken(what),
        _ => match Plan::from_arguments(&arguments) {
            Ok(Some(plan)) => plan.carry_out(),
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

/// What to measure.
#[derive(Debug)]
struct Plan {
    directions: Vec<Direction>,
    rounds: usize,
    loads: Vec<Load>,
    peak_lens: Vec<u64>,
    in_earnest: bool,
}

impl Plan {
    /// Reads what cargo and its user say; `None` if nothing is to be done.
    fn from_arguments(arguments: &[&str]) -> Result<Option<Self>, Failure> {
        let bench = arguments.contains(&"--bench") && !arguments.contains(&"--test");
        let (mut rounds, mut filters) = (None, Vec::new());
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--bench" | "--test" => {}
                // There are no tests that a test runner could pick from.
                "--list" => return Ok(None),
                "--rounds" => {
                    let given = rest.next().and_then(|text| text.parse().ok());
                    rounds = Some(given.filter(|&rounds| rounds > 0).ok_or(USAGE)?);
                }
                flag if flag.starts_with('-') && bench => {
                    return Err(format!("what is {flag:?}? {USAGE}").into());
                }
                // Something for the test harness that this isn't.
                flag if flag.starts_with('-') => {}
                filter => filters.push(filter),
            }
        }
        let chosen = |direction: &Direction| {
            filters.is_empty() || filters.iter().any(|f| direction.name().contains(f))
        };
        let directions: Vec<_> = Direction::ALL.into_iter().filter(chosen).collect();
        Ok((!directions.is_empty()).then(|| {
            if bench {
                Self {
                    directions,
                    rounds: rounds.unwrap_or(7),
                    loads: vec![LARGE, SMALL],
                    peak_lens: vec![64 * MIB, 256 * MIB, 1024 * MIB],
                    in_earnest: true,
                }
            } else {
                Self {
                    directions,
                    rounds: 1,
                    loads: vec![Load { len: MIB, ..LARGE }, Load { files: 2, ..SMALL }],
                    peak_lens: vec![MIB],
                    in_earnest: false,
                }
            }
        }))
    }

    fn carry_out(&self) -> Result<(), Failure> {
        let server = Server::start()?;
        if !self.in_earnest {
            println!("A short run, to see that it works. Its numbers mean nothing.\n");
        }
        println!(
            "| rounds: {} | b2kit | bare hyper | b2kit ÷ bare: min, median, max |",
            self.rounds
        );
        println!("|---|---|---|---|");
        for &load in &self.loads {
            for &direction in &self.directions {
                self.compare(&server, direction, load)?;
            }
        }
        println!("\n| peak resident memory | b2kit | bare hyper |");
        println!("|---|---|---|");
        for &direction in &self.directions {
            for &len in &self.peak_lens {
                let peak = |arm| -> Result<String, Failure> {
                    let sample = Sample::take(&server, arm, direction, Load { files: 1, len })?;
                    Ok(sample.peak.map_or_else(
                        || UNKNOWN.to_owned(),
                        |bytes| format!("{:.1} MiB", bytes as f64 / MIB as f64),
                    ))
                };
                let (b2kit, bare) = (peak(Arm::B2kit)?, peak(Arm::Bare)?);
                println!("| {direction}, {} MiB | {b2kit} | {bare} |", len / MIB);
            }
        }
        Ok(())
    }

    /// Takes turns, so that what else the machine does hits both alike; who goes first changes with each round.
    fn compare(&self, server: &Server, direction: Direction, load: Load) -> Result<(), Failure> {
        let take = |arm| Sample::take(server, arm, direction, load);
        let mut rounds = Vec::new();
        for round in 0..self.rounds {
            rounds.push(if round % 2 == 0 {
                let b2kit = take(Arm::B2kit)?;
                (b2kit, take(Arm::Bare)?)
            } else {
                let bare = take(Arm::Bare)?;
                (take(Arm::B2kit)?, bare)
            });
        }
        print(direction, load, &rounds);
        Ok(())
    }
}

fn print(direction: Direction, load: Load, rounds: &[(Sample, Sample)]) {
    let row = |what: &str, pairs: Vec<(f64, f64)>, show: &dyn Fn(f64) -> String| {
        let b2kit = median(pairs.iter().map(|pair| pair.0).collect());
        let bare = median(pairs.iter().map(|pair| pair.1).collect());
        let ratios: Vec<f64> = pairs.iter().map(|(b2kit, bare)| b2kit / bare).collect();
        println!(
            "| {direction}, {load}, {what} | {} | {} | {:.2}, **{:.2}**, {:.2} |",
            show(b2kit),
            show(bare),
            ratios.iter().copied().fold(f64::INFINITY, f64::min),
            median(ratios.clone()),
            ratios.iter().copied().fold(0.0, f64::max),
        );
    };
    let each = |seconds: f64| format!("{:.0} µs each", seconds * 1e6 / f64::from(load.files));
    let speed = |seconds: f64| format!("{:.0} MB/s", load.len as f64 / 1e6 / seconds);
    let whole = |seconds: f64| format!("{seconds:.3} s");
    let (time, cpu): (&dyn Fn(f64) -> String, &dyn Fn(f64) -> String) = match load.files {
        1 => (&speed, &whole),
        _ => (&each, &each),
    };
    let wall = |sample: Sample| sample.wall.as_secs_f64();
    let walls = rounds.iter().map(|&(a, b)| (wall(a), wall(b)));
    row("time", walls.collect(), time);
    let burnt = |sample: Sample| sample.cpu.map(|cpu| cpu.as_secs_f64());
    let burnt = rounds.iter().map(|&(a, b)| burnt(a).zip(burnt(b)));
    match burnt.collect() {
        Some(pairs) => row("CPU", pairs, cpu),
        None => println!("| {direction}, {load}, CPU | {UNKNOWN} | {UNKNOWN} | |"),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}
