//! The time of `b2kit ls`, from the start of the process to its end, including one listing.
//!
//! Takes the program from `B2KIT`, or from where `cargo build --release -p b2kit-cli` puts it. It prints the times of
//! 200 runs, and fails if the median is above 12 ms. See README.md beside this file.

use std::env::{self, consts::EXE_SUFFIX};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use b2kit::backend::emulator::{Emulator, Server};
use b2kit::{SystemTimer, Timer as _};

const RUNS: usize = 200;
const LIMIT: Duration = Duration::from_millis(12);

fn main() {
    let program = program();
    let emulator = Emulator::new();
    let bucket = emulator.create_bucket("holiday-photos", false);
    bucket.expect("the name is free");
    let server = Server::start(&emulator).expect("a port is free");
    let run = || {
        let began = SystemTimer.now();
        let status = Command::new(&program)
            .args(["ls", "b2://holiday-photos"])
            .env("B2_ENVIRONMENT", server.url())
            .env("B2_APPLICATION_KEY_ID", emulator.key_id())
            .env("B2_APPLICATION_KEY", emulator.key())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(status.success());
        SystemTimer.now().duration_since(began)
    };
    let mut times: Vec<_> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    let at = |percent: usize| times[RUNS * percent / 100].as_secs_f64() * 1e3;
    println!(
        "{RUNS} runs of `b2kit ls`: fastest {:.1} ms, median {:.1} ms, 90th percentile {:.1} ms",
        at(0),
        at(50),
        at(90)
    );
    assert!(times[RUNS / 2] <= LIMIT, "the median is above {LIMIT:?}");
}

fn program() -> PathBuf {
    let beside_benches = || {
        let own = env::current_exe().expect("it runs");
        let target = own
            .ancestors()
            .nth(2)
            .expect("it is in target/release/deps");
        target.join(format!("b2kit{EXE_SUFFIX}"))
    };
    env::var_os("B2KIT").map_or_else(beside_benches, PathBuf::from)
}
