//! [`Options`]: the checked command line, with defaults filled in.

use std::net::IpAddr;
use std::path::PathBuf;

use b2kit_emulator::{Checksums, Emulator, UndocumentedBehavior};

use crate::arguments::{Arguments, Bucket, Latency, LogLevel};
use crate::undocumented;

/// How the emulator runs.
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) bind: IpAddr,
    pub(crate) url: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) root_cert: PathBuf,
    pub(crate) tls_ca: Option<PathBuf>,
    pub(crate) separate_origins: bool,
    pub(crate) latency: Vec<Latency>,
    pub(crate) key_id: String,
    pub(crate) key: String,
    pub(crate) buckets: Vec<Bucket>,
    /// Private buckets with the encryption rules from before September 2026.
    pub(crate) legacy_buckets: Vec<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) sync: bool,
    pub(crate) discard: bool,
    pub(crate) cap: Option<u64>,
    pub(crate) part_size: u64,
    pub(crate) minimum_part_size: u64,
    pub(crate) checksums: Checksums,
    pub(crate) custom_timestamps: bool,
    pub(crate) legacy_encryption: bool,
    pub(crate) undocumented: UndocumentedBehavior,
    pub(crate) seed: u64,
    /// Random, unless tokens are to be reproducible.
    pub(crate) token_secret: Option<[u8; 32]>,
    pub(crate) control_token: Option<String>,
    pub(crate) webhooks: bool,
    pub(crate) connections: usize,
    pub(crate) log: LogLevel,
}

impl Options {
    /// # Errors
    /// If arguments contradict each other, or the system gives no random numbers.
    pub(crate) fn new(arguments: Arguments, buckets: Vec<Bucket>) -> Result<Self, String> {
        check(&arguments)?;
        let is_local = arguments.bind.is_loopback();
        let (key_id, key) = master_key(arguments.key_id, arguments.key, is_local)?;
        Ok(Self {
            seed: seed(arguments.seed, is_local)?,
            token_secret: match arguments.seed {
                Some(_) => None,
                None => Some(random_bytes()?),
            },
            control_token: match arguments.control_token {
                Some(token) => Some(token),
                None if arguments.no_control || !is_local => None,
                None => Some(random_text()?),
            },
            port: arguments.port,
            bind: arguments.bind,
            url: arguments.url,
            hosts: arguments.hosts,
            tls: arguments.tls || arguments.tls_ca.is_some(),
            root_cert: arguments
                .root_cert
                .unwrap_or_else(|| "b2kit-emulator-root.pem".into()),
            tls_ca: arguments.tls_ca,
            separate_origins: arguments.separate_origins,
            latency: arguments.latency,
            key_id,
            key,
            buckets,
            legacy_buckets: arguments.legacy_buckets,
            data: arguments.data,
            sync: arguments.sync,
            discard: arguments.discard,
            cap: arguments.cap,
            part_size: arguments.part_size,
            minimum_part_size: arguments.minimum_part_size,
            checksums: arguments.checksums,
            custom_timestamps: arguments.custom_timestamps,
            legacy_encryption: arguments.legacy_encryption,
            undocumented: undocumented::behavior(&arguments.undocumented),
            webhooks: !arguments.no_webhooks,
            connections: arguments.connections,
            log: arguments.log,
        })
    }

    /// Whether no other machine can connect.
    pub(crate) const fn is_local(&self) -> bool {
        self.bind.is_loopback()
    }
}

/// Finds arguments that contradict each other.
fn check(arguments: &Arguments) -> Result<(), String> {
    let has_root_cert = arguments.root_cert.is_some();
    let is_too_small = arguments.part_size < arguments.minimum_part_size;
    let problems = [
        (
            arguments.no_control && arguments.control_token.is_some(),
            "--no-control and --control-token can't be used together",
        ),
        (
            arguments.tls_ca.is_some() && has_root_cert,
            "--tls-ca and --root-cert can't be used together",
        ),
        (has_root_cert && !arguments.tls, "--root-cert needs --tls"),
        (
            arguments.sync && arguments.data.is_none(),
            "--sync needs --data",
        ),
        (
            arguments.discard && arguments.data.is_some(),
            "--discard and --data can't be used together",
        ),
        (
            arguments.minimum_part_size == 0 || is_too_small,
            "--part-size must be at least --minimum-part-size, and that at least 1",
        ),
        (
            arguments.control_token.as_deref() == Some(""),
            "--control-token must not be empty",
        ),
    ];
    let found = problems.iter().find(|(is_so, _)| *is_so);
    found.map_or(Ok(()), |(_, problem)| Err((*problem).to_owned()))
}

fn master_key(
    id: Option<String>,
    key: Option<String>,
    is_local: bool,
) -> Result<(String, String), String> {
    let for_tests = Emulator::new();
    match (id, key) {
        (Some(id), Some(key)) if id.is_empty() || key.is_empty() || id.contains(':') => {
            Err("--key-id and --key must not be empty, and the id must not contain a colon".into())
        }
        (Some(id), Some(key)) => Ok((id, key)),
        (None, None) if is_local => Ok((for_tests.key_id().to_owned(), for_tests.key().to_owned())),
        (None, None) => {
            // as long as B2's, of characters that need no quoting
            let key = format!("K004{}", &random_text()?[..27]);
            Ok((for_tests.key_id().to_owned(), key))
        }
        _ => Err("--key-id and --key must be given together".into()),
    }
}

fn seed(seed: Option<u64>, is_local: bool) -> Result<u64, String> {
    match seed {
        Some(_) if !is_local => {
            let problem = "--seed makes tokens predictable, so it needs a loopback address as \
                           --bind";
            Err(problem.into())
        }
        Some(seed) => Ok(seed),
        None => random_number(),
    }
}

/// 128 random bits in hexadecimal.
fn random_text() -> Result<String, String> {
    Ok(format!(
        "{:016x}{:016x}",
        random_number()?,
        random_number()?
    ))
}

fn random_number() -> Result<u64, String> {
    getrandom::u64().map_err(no_random_numbers)
}

fn random_bytes() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(no_random_numbers)?;
    Ok(bytes)
}

fn no_random_numbers(error: getrandom::Error) -> String {
    format!("the system's random number generator failed: {error}")
}
