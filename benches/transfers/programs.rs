//! Comparison with rclone and the `b2` command line tool, against the emulator, since they need a complete B2.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use b2kit::api::ListFileNames;
use b2kit::transfer::Source;
use b2kit::{Client, Credentials};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::Failure;
use crate::alternate::median;
use crate::disk::{self, Disk};
use crate::meter::Meter;
use crate::sample;

/// After the argument for a sample, this selects b2kit against the emulator.
pub(crate) const ARGUMENT: &str = "--against-emulator";

const BUCKET: &str = "benchmark";

/// A directory with a number of files of a size, and the concurrency.
#[derive(Debug, Clone, Copy)]
struct Tree {
    files: u64,
    size: u64,
    at_once: usize,
}

const TREES: [Tree; 2] = [
    Tree {
        files: 500,
        size: 4 << 10,
        at_once: 10,
    },
    Tree {
        files: 1,
        size: 1 << 30,
        at_once: 4,
    },
];

/// The programs.
#[derive(Debug, Clone)]
enum Program {
    B2kit,
    Rclone,
    B2(PathBuf),
}

impl Program {
    const fn name(&self) -> &'static str {
        match self {
            Self::B2kit => "b2kit",
            Self::Rclone => "rclone",
            Self::B2(_) => "b2",
        }
    }

    /// The installed programs.
    fn all() -> Vec<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/real-clients/bin/b2");
        let b2 = [PathBuf::from("b2"), own]
            .into_iter()
            .find(|b2| is_there(b2, "version"));
        let rclone = is_there(Path::new("rclone"), "version").then_some(Self::Rclone);
        [Some(Self::B2kit), rclone, b2.map(Self::B2)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Uploads the directory, or downloads it to another.
    fn command(&self, tree: Tree, disk: Disk<'_>, is_up: bool) -> Result<Command, Failure> {
        let (from, to) = (disk.source(), disk.target());
        let at_once = tree.at_once.to_string();
        let there = match self {
            Self::B2kit => return own(tree, disk, is_up),
            Self::Rclone => format!("emulator:{BUCKET}"),
            Self::B2(_) => format!("b2://{BUCKET}"),
        };
        let mut command = match self {
            Self::B2(b2) => {
                let mut command = Command::new(b2);
                command.args(["sync", "--no-progress", "--threads", &at_once]);
                command.env("B2_ACCOUNT_INFO", disk.0.join("b2-account"));
                command
            }
            _ => {
                let mut command = Command::new("rclone");
                command.args(["copy", "--retries", "1", "--transfers", &at_once]);
                command.env("RCLONE_CONFIG", "/dev/null");
                command
            }
        };
        if is_up {
            command.arg(from).arg(there);
        } else {
            command.arg(there).arg(to);
        }
        Ok(command)
    }
}

fn is_there(program: &Path, argument: &str) -> bool {
    let mut command = Command::new(program);
    let status = command
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// This program again, running [`run_sample`].
fn own(tree: Tree, disk: Disk<'_>, is_up: bool) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        sample::ARGUMENT,
        ARGUMENT,
        if is_up { "up" } else { "down" },
    ]);
    command.arg(tree.at_once.to_string());
    command.arg(if is_up { disk.source() } else { disk.target() });
    Ok(command)
}

/// The main function of b2kit's process.
pub(crate) fn run_sample(what: &[&str]) -> Result<(), Failure> {
    let &[way, at_once, directory] = what else {
        return Err("a sample is of WAY AT-ONCE DIRECTORY".into());
    };
    let (at_once, directory) = (at_once.parse()?, Path::new(directory));
    sample::run_sample(async {
        let meter = Meter::start();
        let client = Client::builder()
            .credentials(Credentials::from_env()?)
            .endpoint(std::env::var("B2_ENVIRONMENT")?)
            .build()?;
        let bucket = client.bucket(BUCKET).await?;
        if way == "up" {
            let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().into_string()));
            let names: Vec<_> = names.collect::<Result<_, std::io::Error>>()?;
            let names = names.into_iter().flatten();
            let uploads = bucket.upload_many(stream::iter(names), at_once, |bucket, name| {
                bucket.upload(&**name, Source::path(directory.join(name)))
            });
            uploads
                .map(|(_, outcome)| outcome.map(drop))
                .try_collect::<()>()
                .await?;
        } else {
            fs::create_dir_all(directory)?;
            let files = client.paginate(ListFileNames::new(bucket.id()));
            let files: Vec<_> = files.try_collect().await?;
            let files = files.into_iter().filter_map(|file| file.into_version());
            let downloads = bucket.download_many(stream::iter(files), at_once, |_, file| {
                let download = client.download(&file.file_id);
                download.to_path(directory.join(file.file_name.as_str()))
            });
            downloads
                .map(|(_, outcome)| outcome.map(drop))
                .try_collect::<()>()
                .await?;
        }
        Ok(meter.stop())
    })
}

/// The process of the emulator, which is killed when this is dropped.
struct Emulator {
    process: Child,
    settings: BTreeMap<String, String>,
}

impl Emulator {
    /// Starts it without checksums, since it is not what is measured, and with the contents kept, since they are
    /// downloaded.
    fn start(program: &Path) -> Result<Self, Failure> {
        let mut process = Command::new(program)
            .args([
                "--port",
                "0",
                "--bucket",
                BUCKET,
                "--checksums",
                "unverified",
            ])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the emulator has no output")?;
        let mut settings = BTreeMap::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((name, value)) = line
                .strip_prefix("export ")
                .and_then(|set| set.split_once('='))
            {
                let value = value.split(" #").next().unwrap_or_default();
                settings.insert(
                    name.to_owned(),
                    value.trim_matches(['\'', '"', ' ']).to_owned(),
                );
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        Ok(Self { process, settings })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Prints the times of all installed programs.
pub(crate) fn compare_all(rounds: usize, is_benchmark: bool) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let disk = Disk(directory.path());
    let this = std::env::current_exe()?;
    let beside = this
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    let emulator = beside.join("b2kit-emulator");
    println!();
    if !is_there(&emulator, "--version") {
        println!(
            "No programs are compared: `cargo build --release -p b2kit-emulator --features cli` is \
             wanted."
        );
        return Ok(());
    }
    // Each takes a long time.
    let (programs, rounds) = if is_benchmark {
        (Program::all(), rounds.min(3))
    } else {
        (vec![Program::B2kit], 1)
    };
    let names: Vec<_> = programs.iter().map(Program::name).collect();
    println!(
        "| | {} |\n|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for mut tree in TREES {
        if !is_benchmark {
            (tree.files, tree.size) = (tree.files.min(2), tree.size.min(1 << 10));
        }
        let source = disk.source();
        fs::create_dir(&source)?;
        for number in 0..tree.files {
            disk::write(&source.join(format!("f{number}")), tree.size)?;
        }
        let mut times = vec![(Vec::new(), Vec::new()); programs.len()];
        for _ in 0..rounds {
            for (program, (up, down)) in programs.iter().zip(&mut times) {
                let emulator = Emulator::start(&emulator)?;
                for (is_up, times) in [(true, up), (false, down)] {
                    let command = program.command(tree, disk, is_up)?;
                    times.push(time(command, &emulator)?.as_secs_f64());
                }
                is_same(tree, disk)?;
                fs::remove_dir_all(disk.target())?;
            }
        }
        fs::remove_dir_all(source)?;
        let (ups, downs): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        for (way, times) in [("up", ups), ("down", downs)] {
            let times: Vec<_> = times
                .into_iter()
                .map(|times| format!("{:.2} s", median(times)))
                .collect();
            let (files, size) = (tree.files, tree.size >> 10);
            println!(
                "| {way}, {files} × {size} KiB, {} at once | {} |",
                tree.at_once,
                times.join(" | ")
            );
        }
    }
    Ok(())
}

/// The time from the start of the program to its end.
fn time(mut command: Command, emulator: &Emulator) -> Result<Duration, Failure> {
    command.envs(&emulator.settings).stdout(Stdio::null());
    let meter = Meter::start();
    let output = command.stderr(Stdio::piped()).output()?;
    let (wall, _) = meter.stop();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program();
        return Err(format!("{program:?}: {}: {said}", output.status).into());
    }
    Ok(wall)
}

/// Checks that everything was downloaded.
fn is_same(tree: Tree, disk: Disk<'_>) -> Result<(), Failure> {
    for number in 0..tree.files {
        let name = format!("f{number}");
        if fs::metadata(disk.target().join(&name))?.len() != tree.size {
            return Err(format!("{name} has other bytes").into());
        }
    }
    Ok(())
}
