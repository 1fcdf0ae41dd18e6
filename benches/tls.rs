//! What TLS costs a client with each of rustls' two providers, *ring* and aws-lc-rs, and what plain HTTP costs.
//!
//! `cargo bench -p b2kit-benches --bench tls -- [--rounds N]`. The server is the emulator, in a process of its own,
//! with *ring*; it discards uploads and hashes nothing. Each sample is a process too, and what counts is its CPU time.

#[allow(dead_code, reason = "more than two alternate here")]
#[path = "throughput/alternate.rs"]
mod alternate;
#[path = "throughput/meter.rs"]
mod meter;
#[allow(dead_code, reason = "only CPU time counts here")]
#[path = "throughput/sample.rs"]
mod sample;

use std::error::Error as StdError;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;

use b2kit::backend::emulator::{Checksums, Emulator, Server};
use b2kit::backend::hyper::HyperClient;
use b2kit::{BucketHandle, Bytes, Client, Credentials};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use self::alternate::{median, spread};
use self::meter::Meter;
use self::sample::Sample;

type Failure = Box<dyn StdError + Send + Sync>;

const SERVE: &str = "--serve";
const KINDS: [&str; 3] = ["plain", "ring", "aws-lc"];
const TASKS: [&str; 3] = ["up", "down", "small"];
const BUCKET: &str = "a-bucket";
const SMALL: usize = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [SERVE] => serve(),
        [sample::ARGUMENT, kind, task, scale, url] => {
            sample::run_sample(run(kind, task, scale, url))
        }
        _ => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tls: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[&str]) -> Result<(), Failure> {
    let in_earnest = arguments.contains(&"--bench") && !arguments.contains(&"--test");
    let given = arguments.iter().position(|it| *it == "--rounds");
    let given = given.and_then(|at| arguments.get(at + 1)?.parse().ok());
    let rounds = given.unwrap_or(if in_earnest { 9 } else { 1 });
    let scale = if in_earnest { "256" } else { "1" };
    println!("| | | CPU time | ÷ plain | ÷ ring: min, median, max |\n|---|---|---|---|---|");
    for task in TASKS {
        let mut times: [Vec<f64>; 3] = Default::default();
        for round in 0..rounds {
            for at in 0..KINDS.len() {
                let at = (at + round) % KINDS.len();
                let server = Process::start()?;
                let url = server.urls[usize::from(at > 0)].clone();
                let sample = Sample::take(&[KINDS[at], task, scale, &url])?;
                let cpu = sample.cpu.ok_or("the system has no CPU time")?;
                times[at].push(cpu.as_secs_f64());
            }
        }
        for (at, kind) in KINDS.iter().enumerate() {
            let ratios = |to: usize| -> Vec<f64> {
                let pairs = times[at].iter().zip(&times[to]);
                pairs.map(|(one, other)| one / other).collect()
            };
            println!(
                "| {task} | {kind} | {:.3} s | {:.2} | {} |",
                median(times[at].clone()),
                median(ratios(0)),
                spread(ratios(1)),
            );
        }
    }
    Ok(())
}

/// The process of the server.
struct Process {
    child: Child,
    /// Over HTTP, and over HTTPS with the root certificate in hexadecimal after a space.
    urls: [String; 2],
}

impl Process {
    fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::<ChildStdout>::new(output).lines();
        let mut line = || -> Result<String, Failure> { Ok(lines.next().ok_or("no URL")??) };
        let urls = [line()?, line()?];
        Ok(Self { child, urls })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn serve() -> Result<(), Failure> {
    let emulator = || {
        let builder = Emulator::builder().discard_contents(true);
        let emulator = builder.checksums(Checksums::Unverified).build();
        emulator.create_bucket(BUCKET, false).map(|_| emulator)
    };
    let (plain, safe) = (emulator()?, emulator()?);
    let (plain, safe) = (Server::start(&plain)?, Server::start_tls(&safe)?);
    println!("{}", plain.url());
    let root = safe.root_certificate_pem().ok_or("no certificate")?;
    let root: String = root.bytes().map(|byte| format!("{byte:02x}")).collect();
    println!("{} {root}", safe.url());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// A sample.
async fn run(kind: &str, task: &str, scale: &str, url: &str) -> Result<Timing, Failure> {
    let scale: usize = scale.parse()?;
    let client = client(kind, url)?;
    let bucket = client.bucket(BUCKET).await?;
    let len = match task {
        "small" => SMALL,
        _ => scale << 20,
    };
    // What was discarded is returned as zeros.
    let content = Bytes::from(vec![0; len]);
    if task == "down" {
        bucket.upload("file", content.clone()).await?;
    }
    let meter = Meter::start();
    match task {
        "up" => drop(bucket.upload("file", content).await?),
        "down" => {
            let download = bucket.download("file");
            drop(download.to_writer(futures::io::sink()).await?);
        }
        _ => small(&bucket, &content, scale * 8).await?,
    }
    Ok(meter.stop())
}

type Timing = (std::time::Duration, Option<std::time::Duration>);

/// Many small files, ten at once.
async fn small(bucket: &BucketHandle, content: &Bytes, files: usize) -> Result<(), Failure> {
    let uploads = bucket.upload_many(stream::iter(0..files), 10, |bucket, number| {
        bucket.upload(format!("f{number}"), content.clone())
    });
    let outcomes = uploads.map(|(_, outcome)| outcome.map(drop));
    Ok(outcomes.try_collect().await?)
}

fn client(kind: &str, url: &str) -> Result<Client, Failure> {
    let emulator = Emulator::new();
    let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
    let (url, root) = url.split_once(' ').unwrap_or((url, ""));
    let backend = match kind {
        "plain" => HyperClient::new()?,
        "ring" => connecting(ring::default_provider(), root)?,
        _ => connecting(aws_lc_rs::default_provider(), root)?,
    };
    let builder = Client::builder().credentials(credentials);
    Ok(builder.endpoint(url).backend(backend).build()?)
}

/// A backend with a provider, which is configured as its own.
fn connecting(provider: CryptoProvider, root: &str) -> Result<HyperClient, Failure> {
    let pem: Result<Vec<u8>, _> = (0..root.len() / 2)
        .map(|at| u8::from_str_radix(&root[at * 2..at * 2 + 2], 16))
        .collect();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem?)?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let connector = HttpsConnector::from((http, Arc::new(config)));
    Ok(HyperClient::builder().connector(connector).build()?)
}
