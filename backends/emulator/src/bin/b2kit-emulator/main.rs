//! B2 on this computer, as a program.

mod banner;
mod guess;
mod options;
mod size;
mod stop;

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use b2kit_emulator::{Emulator, OffsetClock, Server, TlsAuthority};
use options::{Asked, Log, Options};
use stop::Stop;
use tracing_subscriber::filter::LevelFilter;

/// How long requests under way have, once it is told to stop.
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

/// Why it doesn't run.
enum Problem {
    /// The command line says what can't be.
    Usage(String),
    Failed(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Failed(problem)
    }
}

fn run() -> Result<(), Problem> {
    let options = match options::parse(lexopt::Parser::from_env()).map_err(Problem::Usage)? {
        Asked::Run(options) => *options,
        Asked::Say(text) => return Ok(say(&text)?),
    };
    log_to_stderr(options.log);
    let emulator = emulator(&options)?;
    for loss in emulator.recovery_warnings() {
        eprintln!("b2kit-emulator: {loss}");
    }
    for (name, is_public) in &options.buckets {
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
        // whoever has read the banner may already say stop
        let stop = Stop::listen().map_err(|error| error.to_string())?;
        say(&banner::of(&options, &emulator, &server))?;
        serve_until_told(stop, server).await;
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
        .guesses(options.guesses.clone());
    if let Some(latency) = options.latency {
        builder = builder.latency(latency);
    }
    for (call, latency) in &options.latency_of {
        builder = builder.latency_of(call, *latency);
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
    // who listens to everybody is asked under every name
    if options.is_for_this_computer() || !options.hosts.is_empty() {
        builder = builder.only_hosts(&options.hosts);
    }
    if let Some(token) = &options.control_token {
        builder = builder.control(token);
    }
    builder
        .start(emulator)
        .map_err(|error| format!("{}:{}: {error}", options.bind, options.port))
}

/// Until it is told to stop; if it is told twice, it doesn't wait for what is under way.
async fn serve_until_told(mut stop: Stop, server: Server) {
    stop.told().await;
    eprintln!("b2kit-emulator: stopping");
    tokio::select! {
        () = server.stop() => {}
        () = tokio::time::sleep(GRACE) => {}
        () = stop.told() => {}
    }
}

fn log_to_stderr(log: Log) {
    let level = match log {
        Log::Off => LevelFilter::OFF,
        Log::Error => LevelFilter::ERROR,
        Log::Warn => LevelFilter::WARN,
        Log::Info => LevelFilter::INFO,
        Log::Debug => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| format!("standard output: {error}"))
}
