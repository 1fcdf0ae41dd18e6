//! Each backend compared with its library alone: 1 GiB up and down, and small JSON calls over one connection.
//!
//! ```sh
//! cargo bench -p b2kit-benches --bench backends --features surf                      # everything
//! cargo bench -p b2kit-benches --bench backends --features surf -- hyper --rounds 9  # one backend, longer
//! ```
//!
//! The server is this program in another process, and so is each sample. Without `--bench`, as under `cargo test`,
//! everything runs once with small sizes.

#[path = "../throughput/alternate.rs"]
mod alternate;
mod bare;
mod chunks;
#[path = "../throughput/meter.rs"]
mod meter;
#[path = "../throughput/process.rs"]
mod process;
mod server;
mod through;

use std::error::Error as StdError;
use std::fmt;
use std::process::{Command, ExitCode};

use self::alternate::{alternate, median, spread};
use self::meter::Meter;
use self::process::Server;

type Failure = Box<dyn StdError + Send + Sync>;

const SAMPLE: &str = "--take-sample";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [process::ARGUMENT] => process::serve(server::serve_connection),
        [SAMPLE, library, way, task, amount, port] => run_sample(library, way, task, amount, port),
        _ => compare_all(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("backends: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Library {
    Hyper,
    Isahc,
    Reqwest,
    #[cfg(feature = "surf")]
    Surf,
}

impl Library {
    const ALL: &[Self] = &[
        Self::Hyper,
        Self::Isahc,
        Self::Reqwest,
        #[cfg(feature = "surf")]
        Self::Surf,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Isahc => "isahc",
            Self::Reqwest => "reqwest",
            #[cfg(feature = "surf")]
            Self::Surf => "surf",
        }
    }
}

/// A task and its size in bytes or calls.
#[derive(Debug, Clone, Copy)]
enum Task {
    Up(u64),
    Down(u64),
    Calls(u64),
}

impl Task {
    const fn parts(self) -> (&'static str, u64) {
        match self {
            Self::Up(bytes) => ("up", bytes),
            Self::Down(bytes) => ("down", bytes),
            Self::Calls(calls) => ("calls", calls),
        }
    }

    fn of(name: &str, amount: u64) -> Result<Self, Failure> {
        match name {
            "up" => Ok(Self::Up(amount)),
            "down" => Ok(Self::Down(amount)),
            "calls" => Ok(Self::Calls(amount)),
            _ => Err(format!("unknown task {name:?}").into()),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(bytes) => write!(f, "{} MiB up", bytes >> 20),
            Self::Down(bytes) => write!(f, "{} MiB down", bytes >> 20),
            Self::Calls(calls) => write!(f, "{calls} calls"),
        }
    }
}

/// The result of a process: time and CPU time in seconds, peak memory in bytes.
#[derive(Debug, Clone, Copy)]
struct Sample {
    wall: f64,
    cpu: f64,
    peak: u64,
}

impl Sample {
    fn take(library: Library, way: &str, task: Task, port: u16) -> Result<Self, Failure> {
        let (name, amount) = task.parts();
        let output = Command::new(std::env::current_exe()?)
            .args([SAMPLE, library.name(), way, name])
            .args([amount.to_string(), port.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
        match numbers[..] {
            [wall, cpu, peak] => Ok(Self {
                wall,
                cpu,
                peak: peak as u64,
            }),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    }
}

/// How often a sample repeats its work; the result is the median. On loopback a GiB takes a fifth of a second, so the
/// effect of scheduling on a single run is larger than any measured here.
const TIMES: usize = 5;

/// Runs a little of the work to warm up, then all of it several times.
fn run_sample(
    library: &str,
    way: &str,
    task: &str,
    amount: &str,
    port: &str,
) -> Result<(), Failure> {
    let library = Library::ALL.iter().find(|it| it.name() == library);
    let library = *library.ok_or("no such library")?;
    let (amount, origin) = (amount.parse()?, format!("http://127.0.0.1:{port}"));
    let run = |task| match way {
        "bare" => bare::run(library, &origin, task),
        _ => through::run(library, &origin, task),
    };
    let task = Task::of(task, amount)?;
    let warm_up = match task {
        Task::Up(_) => Task::Up(1 << 20),
        Task::Down(_) => Task::Down(1 << 20),
        Task::Calls(_) => Task::Calls(20),
    };
    let mut tasks = vec![warm_up];
    tasks.resize(1 + TIMES, task);
    let (wall, cpu) = run(tasks)?;
    let peak = meter::peak_resident_memory().unwrap_or(0);
    println!("{wall} {cpu} {peak}");
    Ok(())
}

/// Runs the task repeatedly, the same way with all clients. Returns the median without the first run.
async fn measure<F>(
    tasks: Vec<Task>,
    mut perform: impl FnMut(Task) -> F,
) -> Result<(f64, f64), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for task in tasks {
        let meter = Meter::start();
        perform(task).await?;
        let (wall, cpu) = meter.stop();
        walls.push(wall.as_secs_f64());
        cpus.push(cpu.map_or(0.0, |cpu| cpu.as_secs_f64()));
    }
    Ok((median(walls.split_off(1)), median(cpus.split_off(1))))
}

fn compare_all(arguments: &[&str]) -> Result<(), Failure> {
    if arguments.contains(&"--list") {
        return Ok(());
    }
    let is_benchmark = arguments.contains(&"--bench");
    let at = arguments
        .iter()
        .position(|&argument| argument == "--rounds");
    let rounds = match at {
        Some(at) => arguments.get(at + 1).ok_or("--rounds N")?.parse()?,
        None if is_benchmark => 7,
        None => 1,
    };
    let chosen = |library: &&Library| {
        let named = |library: &Library| arguments.contains(&library.name());
        named(library) || !Library::ALL.iter().any(named)
    };
    let tasks = if is_benchmark {
        [Task::Up(1 << 30), Task::Down(1 << 30), Task::Calls(5_000)]
    } else {
        println!("A short run, to see that it works. Its numbers mean nothing.\n");
        [Task::Up(1 << 20), Task::Down(1 << 20), Task::Calls(20)]
    };
    let server = Server::start(&[])?;
    println!(
        "| rounds: {rounds} | through b2kit | bare | time ÷ bare: min, median, max | CPU ÷ bare | \
         peak memory, bare |"
    );
    println!("|---|---|---|---|---|---|");
    for &library in Library::ALL.iter().filter(chosen) {
        for task in tasks {
            compare(library, task, rounds, server.port())?;
        }
    }
    Ok(())
}

fn compare(library: Library, task: Task, rounds: usize, port: u16) -> Result<(), Failure> {
    let take = |way| Sample::take(library, way, task, port);
    let pairs = alternate(rounds, || take("through"), || take("bare"))?;
    let of =
        |value: fn(&(Sample, Sample)) -> f64| -> Vec<f64> { pairs.iter().map(value).collect() };
    let show = |wall: f64, cpu: f64| match task {
        Task::Up(bytes) | Task::Down(bytes) => {
            let gibibytes = bytes as f64 / f64::from(1 << 30);
            format!(
                "{:.0} MiB/s, {:.2} CPU s/GiB",
                gibibytes * 1024.0 / wall,
                cpu / gibibytes
            )
        }
        Task::Calls(calls) => {
            let calls = calls as f64;
            format!(
                "{:.0} calls/s, {:.0} CPU µs each",
                calls / wall,
                cpu * 1e6 / calls
            )
        }
    };
    println!(
        "| {}, {task} | {} | {} | {} | **{:.2}** | {:.0} MiB, {:.0} MiB |",
        library.name(),
        show(
            median(of(|pair| pair.0.wall)),
            median(of(|pair| pair.0.cpu))
        ),
        show(
            median(of(|pair| pair.1.wall)),
            median(of(|pair| pair.1.cpu))
        ),
        spread(of(|(through, bare)| through.wall / bare.wall)),
        median(of(|(through, bare)| through.cpu / bare.cpu)),
        median(of(|pair| pair.0.peak as f64)) / f64::from(1 << 20),
        median(of(|pair| pair.1.peak as f64)) / f64::from(1 << 20),
    );
    Ok(())
}
