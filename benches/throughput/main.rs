//! A file's way up and down, through b2kit and through bare hyper: MB/s, CPU time, and memory at its peak.
//!
//! ```sh
//! cargo bench --bench throughput                          # everything
//! cargo bench --bench throughput -- upload --rounds 15    # one way, longer
//! ```
//!
//! The server is this same program in a process of its own; so is each transfer whose memory is looked at. Without
//! `--bench` it is `cargo test` that asks: then everything runs once, with files of 1 MiB. README.md beside this
//! directory says what is measured against what.

mod arm;
mod file;
mod meter;
mod server;

use std::error::Error as StdError;
use std::process::{Command, ExitCode, Stdio};

use tokio::runtime::{self, Runtime};

use self::arm::{Arm, Client, Direction};
use self::file::File;
use self::meter::{Meter, Usage};
use self::server::Server;

type Failure = Box<dyn StdError + Send + Sync>;

const MIB: u64 = 1 << 20;

const USAGE: &str = "cargo bench --bench throughput -- [upload|download] [--rounds N]";

fn main() -> ExitCode {
    settle_the_allocator();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [server::ARGUMENT] => server::serve(),
        [PEAK, port, arm, direction, len] => one_transfer(port, arm, direction, len),
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
    len: u64,
    peak_lens: Vec<u64>,
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
                    len: 256 * MIB,
                    peak_lens: vec![64 * MIB, 256 * MIB, 1024 * MIB],
                }
            } else {
                Self {
                    directions,
                    rounds: 1,
                    len: MIB,
                    peak_lens: vec![MIB],
                }
            }
        }))
    }

    fn carry_out(&self) -> Result<(), Failure> {
        let server = Server::start()?;
        println!(
            "| {} MiB, {} rounds | b2kit | bare hyper | b2kit ÷ bare: min, median, max |",
            self.len / MIB,
            self.rounds
        );
        println!("|---|---|---|---|");
        for &direction in &self.directions {
            self.compare(&server, direction)?;
        }
        println!("\n| peak resident memory | b2kit | bare hyper |");
        println!("|---|---|---|");
        for &direction in &self.directions {
            for &len in &self.peak_lens {
                let [b2kit, bare] =
                    Arm::BOTH.map(|arm| peak_in_a_process(&server, arm, direction, len));
                println!(
                    "| {direction}, {} MiB | {} | {} |",
                    len / MIB,
                    b2kit?,
                    bare?
                );
            }
        }
        Ok(())
    }

    /// Takes turns, so that what else the machine does hits both alike; who goes first changes with each round.
    fn compare(&self, server: &Server, direction: Direction) -> Result<(), Failure> {
        let runtime = one_thread()?;
        let file = File::new(self.len);
        let _within = runtime.enter();
        let [b2kit, bare] = Arm::BOTH.map(|arm| Client::new(arm, server.port()));
        let (b2kit, bare) = (b2kit?, bare?);
        let mut rounds = Vec::new();
        // The first is for warming up.
        for round in 0..=self.rounds {
            let measure = |client: &Client| -> Result<Usage, Failure> {
                let meter = Meter::start();
                runtime.block_on(client.transfer(direction, &file))?;
                Ok(meter.stop())
            };
            let pair = if round % 2 == 0 {
                let b2kit = measure(&b2kit)?;
                (b2kit, measure(&bare)?)
            } else {
                let bare = measure(&bare)?;
                (measure(&b2kit)?, bare)
            };
            if round > 0 {
                rounds.push(pair);
            }
        }
        self.print(direction, &rounds);
        Ok(())
    }

    fn print(&self, direction: Direction, rounds: &[(Usage, Usage)]) {
        let row = |what: &str, pairs: Vec<(f64, f64)>, show: &dyn Fn(f64) -> String| {
            let b2kit = median(pairs.iter().map(|pair| pair.0).collect());
            let bare = median(pairs.iter().map(|pair| pair.1).collect());
            let ratios: Vec<f64> = pairs.iter().map(|(b2kit, bare)| b2kit / bare).collect();
            println!(
                "| {direction}, {what} | {} | {} | {:.2}, **{:.2}**, {:.2} |",
                show(b2kit),
                show(bare),
                ratios.iter().copied().fold(f64::INFINITY, f64::min),
                median(ratios.clone()),
                ratios.iter().copied().fold(0.0, f64::max),
            );
        };
        let megabytes = self.len as f64 / 1e6;
        let wall = |usage: Usage| usage.wall.as_secs_f64();
        row(
            "time",
            rounds.iter().map(|&(a, b)| (wall(a), wall(b))).collect(),
            &|seconds| format!("{:.0} MB/s", megabytes / seconds),
        );
        let cpu = |usage: Usage| usage.cpu.map(|cpu| cpu.as_secs_f64());
        let pairs: Option<Vec<_>> = rounds.iter().map(|&(a, b)| cpu(a).zip(cpu(b))).collect();
        match pairs {
            Some(pairs) => row("CPU", pairs, &|seconds| format!("{seconds:.3} s")),
            None => println!("| {direction}, CPU | unknown here | unknown here | |"),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}

/// A thread for everything: the time it takes and the CPU time it takes are then nearly one, and with the server's
/// process there is no more to run than two cores can.
fn one_thread() -> Result<Runtime, Failure> {
    Ok(runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// glibc gives the end of the heap back to the system whenever 128 KiB are free there, until the program has freed one
/// larger piece of memory. Chunks of that size meet the limit or miss it by chance, which would make more of a difference
/// than all that is measured here.
fn settle_the_allocator() {
    drop(std::hint::black_box(vec![0_u8; 4 << 20]));
}

/// The first argument of a process that makes one transfer and says how much memory it needed.
const PEAK: &str = "--peak";

fn peak_in_a_process(
    server: &Server,
    arm: Arm,
    direction: Direction,
    len: u64,
) -> Result<String, Failure> {
    let (port, len) = (server.port().to_string(), len.to_string());
    let output = Command::new(std::env::current_exe()?)
        .args([PEAK, &port, arm.name(), direction.name(), &len])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{direction} through {}: {}", arm.name(), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn one_transfer(port: &str, arm: &str, direction: &str, len: &str) -> Result<(), Failure> {
    let port = port.parse()?;
    let arm = Arm::BOTH.into_iter().find(|known| known.name() == arm);
    let direction = Direction::ALL
        .into_iter()
        .find(|known| known.name() == direction);
    let (arm, direction) = arm.zip(direction).ok_or(USAGE)?;
    let file = File::new(len.parse()?);
    one_thread()?.block_on(async {
        let client = Client::new(arm, port)?;
        client.transfer(direction, &file).await
    })?;
    match meter::peak_resident_memory() {
        Some(bytes) => println!("{:.1} MiB", bytes as f64 / MIB as f64),
        None => println!("unknown here"),
    }
    Ok(())
}
