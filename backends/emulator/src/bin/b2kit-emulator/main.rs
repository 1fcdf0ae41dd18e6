//! The program `b2kit-emulator`: B2 on this computer.

mod arguments;
mod banner;
mod options;
mod size;
mod stop;
mod undocumented;

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Bucket, LogLevel, Request};
use b2kit_emulator::{Emulator, OffsetClock, Server, TlsAuthority};
use options::Options;
use stop::Stop;
use tracing_subscriber::filter::LevelFilter;

/// How long requests in progress may take after the first signal to stop.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let (problem, code) = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Problem::Usage(problem)) => (problem, ExitCode::from(2)),
        Err(Problem::Failed(problem)) => (problem, ExitCode::FAILURE),
    };
    eprintln!("b2kit-emulator: {problem}");
    code
}

/// Why the program fails.
enum Problem {
    /// The command line is invalid.
    Usage(String),
    Failed(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Failed(problem)
    }
}

fn run() -> Result<(), Problem> {
    let arguments = std::env::args_os().skip(1);
    let options = match arguments::parse(arguments).map_err(Problem::Usage)? {
        Request::Run(arguments, buckets) => {
            Options::new(*arguments, buckets).map_err(Problem::Usage)?
        }
        Request::Print(text) => return Ok(print(&text)?),
    };
    log_to_stderr(options.log);
    let emulator = emulator(&options)?;
    for loss in emulator.recovery_warnings() {
        eprintln!("b2kit-emulator: {loss}");
    }
    for Bucket { name, is_public } in &options.buckets {
        emulator.create_bucket(name, *is_public).map_err(|error| {
            let problem = format!("bucket {name}: {error}");
            match error.kind() {
                io::ErrorKind::InvalidInput => Problem::Usage(problem),
                _ => Problem::Failed(problem),
            }
        })?;
    }
    for name in &options.legacy_buckets {
        emulator
            .create_bucket(name, false)
            .and_then(|_| emulator.set_legacy_encryption(name, true))
            .map_err(|error| format!("bucket {name}: {error}"))?;
    }
    let server = serve(&options, &emulator)?;
    if let Some(pem) = server
        .root_certificate_pem()
        .filter(|_| options.tls_ca.is_none())
    {
        let path = &options.root_cert;
        fs::write(path, pem).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // signals may arrive as soon as the banner is printed
        let stop = Stop::listen().map_err(|error| error.to_string())?;
        print(&banner::of(&options, &emulator, &server))?;
        serve_until_stopped(stop, server).await;
        Ok(())
    })
}

fn emulator(options: &Options) -> Result<Emulator, String> {
    let mut builder = Emulator::builder()
        .clock(OffsetClock::default())
        .seed(options.seed)
        .key(&options.key_id, &options.key)
        .recommended_part_size(options.part_size)
        .absolute_minimum_part_size(options.minimum_part_size)
        .checksums(options.checksums)
        .custom_timestamps(options.custom_timestamps)
        .legacy_encryption(options.legacy_encryption)
        .sync_to_disk(options.sync)
        .discard_contents(options.discard)
        .undocumented(options.undocumented.clone());
    if let Some(secret) = options.token_secret {
        builder = builder.token_secret(secret);
    }
    for latency in &options.latency {
        builder = match &latency.call {
            Some(call) => builder.latency_of(call, latency.duration),
            None => builder.latency(latency.duration),
        };
    }
    if let Some(cap) = options.cap {
        builder = builder.storage_cap(cap);
    }
    match &options.data {
        None => Ok(builder.build()),
        Some(directory) => builder.open(directory).map_err(|error| {
            let directory = directory.display();
            format!("--data {directory}: {error}")
        }),
    }
}

fn serve(options: &Options, emulator: &Emulator) -> Result<Server, String> {
    let mut builder = Server::builder()
        .bind(options.bind)
        .port(options.port)
        .connections(options.connections)
        .webhooks(options.webhooks)
        .separate_origins(options.separate_origins);
    if let Some(path) = &options.tls_ca {
        let authority = TlsAuthority::open(path).map_err(|error| format!("--tls-ca: {error}"))?;
        builder = builder.tls_authority(authority);
    } else if options.tls {
        builder = builder.tls();
    }
    if let Some(url) = &options.url {
        builder = builder.url(url);
    }
    // with an unspecified address, clients use any host name
    if options.is_local() || !options.hosts.is_empty() {
        builder = builder.only_hosts(&options.hosts);
    }
    if let Some(token) = &options.control_token {
        builder = builder.control(token);
    }
    builder
        .start(emulator)
        .map_err(|error| format!("{}:{}: {error}", options.bind, options.port))
}

/// Serves until a signal; a second signal does not wait for requests in progress.
async fn serve_until_stopped(mut stop: Stop, server: Server) {
    stop.requested().await;
    eprintln!("b2kit-emulator: stopping");
    tokio::select! {
        () = server.stop() => {}
        () = tokio::time::sleep(GRACE) => {}
        () = stop.requested() => {}
    }
}

fn log_to_stderr(log: LogLevel) {
    let level = match log {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| format!("standard output: {error}"))
}
