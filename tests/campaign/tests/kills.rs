//! `kill -9` of uploading and downloading programs and of their server at random moments. Resumed transfers complete
//! once, with the same bytes.

#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    reason = "real time is what is killed and hangs"
)]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use b2kit::api::{ListFileVersions, ListUnfinishedLargeFiles};
use b2kit::types::Action;
use b2kit::{Client, Credentials};
use b2kit_campaign::process::CapturedOutput;
use b2kit_campaign::seeds::for_seeds;
use b2kit_campaign::workload::{emulator, fast_retry_policy};
use fastrand::Rng;
use futures::TryStreamExt as _;
use futures::executor::block_on;
use tempfile::tempdir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_b2kit-campaign");
/// A program that is not killed makes at most sixty calls of a few milliseconds; the rest is for a busy machine.
const HANG_TIMEOUT: Duration = Duration::from_secs(100);
/// How much memory a program may use to transfer a file of three megabytes.
const MAX_MIB: u64 = 100;

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(directory: &Path, port: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("serve")
            .arg(directory)
            .arg(port)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut url).unwrap();
        assert!(url.starts_with("http"), "the server does not start");
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }

    /// Kills the server and restarts it on the same port.
    fn kill_and_restart(&mut self, directory: &Path) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        *self = Self::start(directory, &port);
    }

    fn client(&self) -> Client {
        let emulator = emulator().build();
        Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(&self.url)
            .retry_policy(fast_retry_policy())
            .build()
            .unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, Default)]
struct Kills {
    programs: u32,
    servers: u32,
    /// Transfers that resumed what a killed program had left.
    resumed: u32,
    peak_mib: u64,
}

/// Runs the program until it succeeds. Each time, kills it, the server, or neither after a random time.
fn until_done(
    arguments: [&str; 3],
    serving: &mut Serving,
    directory: &Path,
    rng: &mut Rng,
    kills: &mut Kills,
) {
    let begun = Instant::now();
    let mut left = rng.u32(1..6);
    loop {
        assert!(begun.elapsed() < HANG_TIMEOUT, "{arguments:?} does not end");
        let [what, name, file] = arguments;
        let output = tempfile::tempfile().unwrap();
        let mut program = Command::new(PROGRAM)
            .args([what, &serving.url, name, file])
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap())
            .spawn()
            .unwrap();
        if left > 0 {
            // From 5 to 250 ms, short times as often as long ones: how long a transfer takes differs by machine.
            let ms = 5.0 * 50_f64.powf(rng.f64());
            thread::sleep(Duration::from_secs_f64(ms / 1_000.0));
            // A program that has already ended doesn't count as killed.
            if program.try_wait().unwrap().is_none() {
                left -= 1;
                if rng.u8(..3) == 0 {
                    serving.kill_and_restart(directory);
                    kills.servers += 1;
                } else {
                    program.kill().unwrap();
                    kills.programs += 1;
                }
            }
        }
        let is_done = program.wait().unwrap().success();
        let text = printed(output);
        if is_done {
            let number = |lead: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(lead));
                let line = line.unwrap_or_else(|| panic!("no {lead} in {text}"));
                line.trim().parse().unwrap()
            };
            kills.resumed += u32::from(number("resumed:") > 0);
            let peak = number("peak MiB:");
            assert!(peak <= MAX_MIB, "{peak} MiB of memory");
            kills.peak_mib = kills.peak_mib.max(peak);
            return;
        }
    }
}

/// The output of a program, including its events; asserts that it shows no secret.
fn printed(mut output: File) -> String {
    let mut text = String::new();
    output.seek(SeekFrom::Start(0)).unwrap();
    output.read_to_string(&mut text).unwrap();
    let captured = CapturedOutput::default();
    captured.text(text.as_bytes());
    let key = emulator().build().key().to_owned();
    assert!(
        captured.secrets(&[key].into()).is_empty(),
        "a secret was shown"
    );
    text
}

fn killed_and_resumed(seed: u64, kills: &mut Kills) {
    let (data, local) = (tempdir().unwrap(), tempdir().unwrap());
    let data = data.path().join("account");
    let mut rng = Rng::with_seed(seed);
    let mut serving = Serving::start(&data, "0");
    let source = local.path().join("source");
    let mut content = vec![0; rng.usize(200_000..3_000_000)];
    rng.fill(&mut content);
    fs::write(&source, &content).unwrap();

    let up = ["up", "file", source.to_str().unwrap()];
    until_done(up, &mut serving, &data, &mut rng, kills);
    let down = local.path().join("down");
    fs::create_dir(&down).unwrap();
    let target = down.join("file");
    let get = ["down", "file", target.to_str().unwrap()];
    until_done(get, &mut serving, &data, &mut rng, kills);

    assert!(
        fs::read(&target).unwrap() == content,
        "other bytes came back"
    );
    let left: Vec<_> = fs::read_dir(&down)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left, ["file"], "a partial file is left");

    // A killed server keeps everything that it confirmed.
    serving.kill_and_restart(&data);
    let b2 = serving.client();
    let bucket = block_on(b2.bucket("campaign")).unwrap();
    let versions = b2.paginate(ListFileVersions::new(bucket.id()));
    let versions: Vec<_> = block_on(versions.try_collect()).unwrap();
    let files = versions.into_iter().filter_map(|row| row.into_version());
    let files: Vec<_> = files.filter(|it| it.action == Action::Upload).collect();
    // A program that is killed after its upload, but before it reported it, uploads the file again.
    assert!(!files.is_empty());
    for file in &files {
        assert_eq!(file.content_length, content.len() as u64);
        let stream = block_on(b2.download(&file.file_id).stream()).unwrap();
        assert!(block_on(stream.collect(content.len())).unwrap() == content);
    }
    let unfinished = b2.paginate(ListUnfinishedLargeFiles::new(bucket.id()));
    let unfinished: Vec<_> = block_on(unfinished.try_collect()).unwrap();
    assert_eq!(unfinished, [], "what was begun was not taken up");
}

fn rounds(count: u64) {
    let kills = std::cell::RefCell::new(Kills::default());
    let ran = for_seeds(count, |seed| {
        killed_and_resumed(seed, &mut kills.borrow_mut())
    });
    let mut kills = kills.into_inner();
    let least = u32::try_from(ran).unwrap();
    let is_enough = |kills: &Kills| {
        kills.programs >= least && kills.servers >= least / 4 && kills.resumed >= least / 4
    };
    // How often a kill hits depends on the machine.
    for seed in count..count * 5 {
        if is_enough(&kills) {
            break;
        }
        killed_and_resumed(seed, &mut kills);
    }
    eprintln!("{ran} seeds, {kills:?}");
    assert!(is_enough(&kills), "{kills:?}");
}

#[test]
fn transfers_killed_with_their_server_at_random_moments_resume_to_the_same_bytes() {
    rounds(8);
}

#[test]
#[ignore = "the long form"]
fn transfers_killed_with_their_server_many_times_resume_to_the_same_bytes() {
    rounds(200);
}
