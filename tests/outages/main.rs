//! A thousand uploads over real sockets, to an emulator in its own process that is killed and restarted, and with too
//! few file descriptors.
//!
//! The emulator is this program in another process, with a data directory, or the program in `B2KIT_EMULATOR`, such as
//! `target/debug/b2kit-emulator` after `cargo build -p b2kit-emulator --features cli`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use b2kit::api::{CreateBucket, ListFileVersions};
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::transfer::Source;
use b2kit::types::{BucketName, BucketType};
use b2kit::{BucketHandle, Bytes, Client, Credentials, SystemTimer, Timer as _};
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

/// The number of concurrent uploads.
const UPLOADS: usize = 1_000;

/// The size of each half of an upload.
const HALF: usize = 16 << 10;

const KEY: (&str, &str) = ("outage-key", "K004outageoutageoutageoutageout");

/// More than the number of uploads, each of which has a connection.
const CONNECTIONS: usize = 4_096;

/// A host name, like B2's: resolving it needs file descriptors too.
fn url(port: u16) -> String {
    format!("http://localhost:{port}")
}

/// The environment variables of the emulator's process.
const SERVE_PORT: &str = "B2KIT_OUTAGE_PORT";
const SERVE_DATA: &str = "B2KIT_OUTAGE_DATA";

/// An emulator in its own process, with a data directory.
struct Process(Child);

impl Process {
    fn start(port: u16, data: &Path) -> Self {
        let mut command = match env::var_os("B2KIT_EMULATOR") {
            Some(program) => {
                let mut command = Command::new(program);
                command
                    .args(["--port", &port.to_string(), "--data"])
                    .arg(data)
                    .args(["--url", &url(port)])
                    .args(["--key-id", KEY.0, "--key", KEY.1])
                    .args(["--connections", &CONNECTIONS.to_string()]);
                command
            }
            None => {
                let mut command = this_program("the_emulator_serves_until_its_process_is_killed");
                command
                    .env(SERVE_PORT, port.to_string())
                    .env(SERVE_DATA, data);
                command
            }
        };
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        // The last line that either program prints at startup.
        while !said.contains("Ctrl-C") {
            assert_ne!(
                out.read_line(&mut said).unwrap(),
                0,
                "it did not start: {said}"
            );
        }
        Self(child)
    }

    /// Kills it like `kill -9`.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A command that runs the test of this name in a new process.
fn this_program(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    command
}

#[test]
#[ignore = "the others start it"]
fn the_emulator_serves_until_its_process_is_killed() {
    let Some(data) = env::var_os(SERVE_DATA) else {
        return;
    };
    let port = env::var(SERVE_PORT).unwrap().parse().unwrap();
    let emulator = Emulator::builder().key(KEY.0, KEY.1).open(data).unwrap();
    let server = Server::builder().port(port).url(url(port));
    let server = server.connections(CONNECTIONS).start(&emulator).unwrap();
    println!("{} until it is killed; Ctrl-C does too", server.url());
    loop {
        thread::park();
    }
}

/// A free port.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn client(port: u16) -> Client {
    Client::builder()
        .credentials(Credentials::new(KEY.0, KEY.1).unwrap())
        .endpoint(url(port))
        .build()
        .unwrap()
}

async fn bucket(b2: &Client) -> BucketHandle {
    let name = BucketName::new("holiday-photos").unwrap();
    b2.call(CreateBucket::new(name, BucketType::AllPrivate))
        .await
        .unwrap();
    b2.bucket("holiday-photos").await.unwrap()
}

/// The content of the nth upload.
fn content(n: usize) -> Vec<u8> {
    (0..2 * HALF).map(|at| (at / 7 + n * 31) as u8).collect()
}

/// Asserts that each upload was stored once.
async fn assert_all_stored_once(bucket: &BucketHandle, b2: &Client) {
    let versions: Vec<_> = b2
        .paginate(ListFileVersions::new(bucket.id()))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(versions.len(), UPLOADS);
    for n in (0..UPLOADS).step_by(97) {
        let stored = bucket.download(format!("f{n}")).stream().await.unwrap();
        assert_eq!(stored.collect(2 * HALF).await.unwrap(), content(n));
    }
}

/// Kills the emulator while all uploads are in the middle of their bodies, and restarts it after `length`.
fn survives_an_outage_of(length: Duration) {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let emulator = Process::start(port, data.path());
    let b2 = client(port);
    let bucket = block_on(bucket(&b2));
    let under_way = Arc::new(AtomicUsize::new(0));
    let (away, is_away) = oneshot::channel::<()>();
    let is_away = is_away.shared();
    let uploads = (0..UPLOADS).map(|n| {
        let (under_way, is_away) = (Arc::clone(&under_way), is_away.clone());
        let content = Bytes::from(content(n));
        let source = Source::ranges(content.len() as u64, move |range| {
            let pieces = content.slice(range.start as usize..range.end as usize);
            let (first, rest) = (pieces.slice(..HALF), pieces.slice(HALF..));
            let (under_way, is_away) = (Arc::clone(&under_way), is_away.clone());
            let first = stream::iter([Ok(first)]);
            let rest = stream::once(async move {
                under_way.fetch_add(1, Ordering::SeqCst);
                is_away.await.ok();
                Ok(rest)
            });
            Ok(first.chain(rest))
        });
        bucket.upload(format!("f{n}"), source).into_future()
    });
    let outage = thread::spawn({
        let (under_way, data) = (Arc::clone(&under_way), data.path().to_owned());
        move || {
            while under_way.load(Ordering::SeqCst) < UPLOADS {
                block_on(SystemTimer.sleep(Duration::from_millis(10)));
            }
            emulator.kill();
            away.send(()).unwrap();
            block_on(SystemTimer.sleep(length));
            Process::start(port, &data)
        }
    });
    let outcomes = block_on(join_all(uploads));
    let emulator = outage.join().unwrap();
    let failed: Vec<_> = outcomes.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(
        failed.is_empty(),
        "{} failed: {:?}",
        failed.len(),
        failed[0]
    );
    block_on(assert_all_stored_once(&bucket, &b2));
    emulator.kill();
}

#[test]
fn a_thousand_uploads_in_flight_survive_an_outage_of_a_second() {
    survives_an_outage_of(Duration::from_secs(1));
}

#[test]
#[ignore = "the long form"]
fn a_thousand_uploads_in_flight_survive_an_outage_of_ten_seconds() {
    survives_an_outage_of(Duration::from_secs(10));
}

/// Runs the test of this name, which uploads to an emulator given by the environment, in a process that is limited to
/// 256 file descriptors.
fn succeeds_with_256_descriptors(test: &str) {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let _emulator = Process::start(port, data.path());
    let program = this_program(test);
    let few = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .env(SERVE_PORT, port.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&few.stdout);
    let complaint = String::from_utf8_lossy(&few.stderr);
    assert!(few.status.success(), "{said}\n{complaint}");
    assert!(said.contains("all are there"), "{said}");
}

/// Uploads everything concurrently to the emulator given by the environment, if there is one.
fn upload_all_at_once(source: impl Fn(usize) -> Source) {
    let Ok(port) = env::var(SERVE_PORT) else {
        return;
    };
    let b2 = client(port.parse().unwrap());
    block_on(async {
        let bucket = bucket(&b2).await;
        let uploads = (0..UPLOADS).map(|n| bucket.upload(format!("f{n}"), source(n)).into_future());
        let outcomes = join_all(uploads).await;
        let failed: Vec<_> = outcomes.iter().filter_map(|it| it.as_ref().err()).collect();
        assert!(
            failed.is_empty(),
            "{} failed: {:?}",
            failed.len(),
            failed[0]
        );
        assert_all_stored_once(&bucket, &b2).await;
    });
    println!("all are there");
}

#[test]
fn a_thousand_uploads_of_files_succeed_with_256_descriptors() {
    succeeds_with_256_descriptors("a_thousand_uploads_of_files_to_the_given_emulator_succeed");
}

#[test]
#[ignore = "the test above runs it"]
fn a_thousand_uploads_of_files_to_the_given_emulator_succeed() {
    let files = tempfile::tempdir().unwrap();
    for n in 0..UPLOADS {
        fs::write(files.path().join(n.to_string()), content(n)).unwrap();
    }
    upload_all_at_once(|n| Source::path(files.path().join(n.to_string())));
}

#[test]
fn a_thousand_uploads_of_bytes_succeed_with_256_descriptors() {
    succeeds_with_256_descriptors("a_thousand_uploads_of_bytes_to_the_given_emulator_succeed");
}

#[test]
#[ignore = "the test above runs it"]
fn a_thousand_uploads_of_bytes_to_the_given_emulator_succeed() {
    upload_all_at_once(|n| Source::bytes(content(n)));
}
