//! What the command line says.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use b2kit_emulator::{Checksums, Emulator, UndocumentedBehavior};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::{guess, size};

/// As many as a server with a process of its own could ever have.
const MOST_CONNECTIONS: usize = 1_000_000;

/// In milliseconds: no client waits longer.
const LONGEST_LATENCY: u64 = 60 * 60 * 1000;

const HELP: &str = include_str!("help.txt");

/// What is asked of the program.
pub(crate) enum Asked {
    Run(Box<Options>),
    /// Only to print this.
    Say(String),
}

/// How it runs.
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) bind: IpAddr,
    pub(crate) url: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) root_cert: PathBuf,
    pub(crate) tls_ca: Option<PathBuf>,
    pub(crate) separate_origins: bool,
    pub(crate) latency: Option<Duration>,
    pub(crate) latency_of: Vec<(String, Duration)>,
    pub(crate) key_id: String,
    pub(crate) key: String,
    /// Each with whether it is public.
    pub(crate) buckets: Vec<(String, bool)>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) sync: bool,
    pub(crate) discard: bool,
    pub(crate) cap: Option<u64>,
    pub(crate) part_size: u64,
    pub(crate) minimum_part_size: u64,
    pub(crate) checksums: Checksums,
    pub(crate) custom_timestamps: bool,
    pub(crate) legacy_encryption: bool,
    /// Names of buckets that are made if they aren't there, and are under the old rules for encryption.
    pub(crate) legacy_buckets: Vec<String>,
    pub(crate) guesses: UndocumentedBehavior,
    pub(crate) seed: u64,
    pub(crate) control_token: Option<String>,
    pub(crate) webhooks: bool,
    pub(crate) connections: usize,
    pub(crate) log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

/// As far as it was said.
#[derive(Default)]
struct Said {
    key_id: Option<String>,
    key: Option<String>,
    seed: Option<u64>,
    root_cert: Option<PathBuf>,
    control_token: Option<String>,
    no_control: bool,
}

impl Options {
    fn new() -> Self {
        Self {
            port: 8642,
            bind: Ipv4Addr::LOCALHOST.into(),
            url: None,
            hosts: Vec::new(),
            tls: false,
            root_cert: "b2kit-emulator-root.pem".into(),
            tls_ca: None,
            separate_origins: false,
            latency: None,
            latency_of: Vec::new(),
            key_id: String::new(),
            key: String::new(),
            buckets: Vec::new(),
            data: None,
            sync: false,
            discard: false,
            cap: None,
            part_size: 100_000_000,
            minimum_part_size: 5_000_000,
            checksums: Checksums::All,
            custom_timestamps: false,
            legacy_encryption: false,
            legacy_buckets: Vec::new(),
            guesses: UndocumentedBehavior::default(),
            seed: 0,
            control_token: None,
            webhooks: true,
            connections: 512,
            log: Log::Warn,
        }
    }

    /// Whether nobody else can reach it.
    pub(crate) const fn is_for_this_computer(&self) -> bool {
        self.bind.is_loopback()
    }
}

pub(crate) fn parse(mut parser: Parser) -> Result<Asked, String> {
    let mut options = Options::new();
    let mut said = Said::default();
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        let name = match arg {
            Arg::Short('h') => return Ok(Asked::Say(HELP.to_owned())),
            Arg::Short('V') => return Ok(Asked::Say(version())),
            Arg::Long(name) => format!("--{name}"),
            Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
            Arg::Value(value) => return Err(unknown(&value.to_string_lossy())),
        };
        match name.as_str() {
            "--help" => return Ok(Asked::Say(HELP.to_owned())),
            "--version" => return Ok(Asked::Say(version())),
            "--guess" => {
                let text = text(&name, &mut parser)?;
                if text == "list" {
                    return Ok(Asked::Say(guess::list()));
                }
                guess::set(&mut options.guesses, &text)
                    .map_err(|problem| format!("--guess: {problem}"))?;
            }
            _ => one(&name, &mut parser, &mut options, &mut said)?,
        }
    }
    complete(options, said).map(|options| Asked::Run(Box::new(options)))
}

/// Takes one option.
fn one(
    name: &str,
    parser: &mut Parser,
    options: &mut Options,
    said: &mut Said,
) -> Result<(), String> {
    match name {
        "--port" => options.port = number(name, parser, 0..=u16::MAX)?,
        "--bind" => options.bind = parsed(name, parser, "an IP address")?,
        "--url" => options.url = Some(url(name, parser)?),
        "--host" => options.hosts.push(text(name, parser)?),
        "--tls" => options.tls = true,
        "--tls-ca" => options.tls_ca = Some(value(name, parser)?.into()),
        "--separate-origins" => options.separate_origins = true,
        "--latency" => match latency(name, parser)? {
            (None, latency) => options.latency = Some(latency),
            (Some(call), latency) => options.latency_of.push((call, latency)),
        },
        "--root-cert" => said.root_cert = Some(value(name, parser)?.into()),
        "--key-id" => said.key_id = Some(text(name, parser)?),
        "--key" => said.key = Some(text(name, parser)?),
        "--bucket" => options.buckets.push((text(name, parser)?, false)),
        "--public-bucket" => options.buckets.push((text(name, parser)?, true)),
        "--data" => options.data = Some(value(name, parser)?.into()),
        "--sync" => options.sync = true,
        "--discard" => options.discard = true,
        "--cap" => options.cap = Some(bytes(name, parser)?),
        "--part-size" => options.part_size = bytes(name, parser)?,
        "--minimum-part-size" => options.minimum_part_size = bytes(name, parser)?,
        "--checksums" => {
            options.checksums = match text(name, parser)?.as_str() {
                "all" => Checksums::All,
                "sha1" => Checksums::Sha1,
                "believed" => Checksums::Unverified,
                other => return Err(wrong(name, other, "all, sha1 or believed")),
            }
        }
        "--custom-timestamps" => options.custom_timestamps = true,
        "--legacy-encryption" => options.legacy_encryption = true,
        "--legacy-bucket" => options.legacy_buckets.push(text(name, parser)?),
        "--seed" => said.seed = Some(number(name, parser, 0..=u64::MAX)?),
        "--control-token" => said.control_token = Some(text(name, parser)?),
        "--no-control" => said.no_control = true,
        "--no-webhooks" => options.webhooks = false,
        "--connections" => options.connections = number(name, parser, 1..=MOST_CONNECTIONS)?,
        "--log" => {
            options.log = match text(name, parser)?.as_str() {
                "off" => Log::Off,
                "error" => Log::Error,
                "warn" => Log::Warn,
                "info" => Log::Info,
                "debug" => Log::Debug,
                other => return Err(wrong(name, other, "off, error, warn, info or debug")),
            }
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}

/// Checks what hangs together, and fills in what was not said.
fn complete(mut options: Options, said: Said) -> Result<Options, String> {
    if said.no_control && said.control_token.is_some() {
        return Err("--no-control and --control-token exclude each other".into());
    }
    if options.tls_ca.is_some() {
        options.tls = true;
        if said.root_cert.is_some() {
            return Err("--tls-ca and --root-cert exclude each other".into());
        }
    }
    if said.root_cert.is_some() && !options.tls {
        return Err("--root-cert is for --tls".into());
    }
    if options.sync && options.data.is_none() {
        return Err("--sync is for --data".into());
    }
    if options.discard && options.data.is_some() {
        return Err("--discard and --data exclude each other".into());
    }
    if options.minimum_part_size == 0 || options.part_size < options.minimum_part_size {
        return Err(
            "--part-size must not be less than --minimum-part-size, nor that less than 1".into(),
        );
    }
    if said.control_token.as_deref() == Some("") {
        return Err("--control-token must not be empty".into());
    }
    let is_safe = options.is_for_this_computer();
    let known = Emulator::new();
    (options.key_id, options.key) = match (said.key_id, said.key) {
        (Some(id), Some(key)) if id.is_empty() || key.is_empty() || id.contains(':') => {
            return Err("--key-id and --key must not be empty, nor the id have a colon".into());
        }
        (Some(id), Some(key)) => (id, key),
        (None, None) if is_safe => (known.key_id().to_owned(), known.key().to_owned()),
        (None, None) => {
            // as long as B2's, and of letters that every configuration takes
            let key = format!("K004{}", &random_text()?[..27]);
            (known.key_id().to_owned(), key)
        }
        _ => return Err("--key-id and --key need each other".into()),
    };
    options.seed = match said.seed {
        Some(_) if !is_safe => {
            return Err(
                "--seed makes tokens that can be guessed: only where nobody else can reach it"
                    .into(),
            );
        }
        Some(seed) => seed,
        None => getrandom::u64().map_err(no_random)?,
    };
    options.control_token = match said.control_token {
        Some(token) => Some(token),
        None if said.no_control || !is_safe => None,
        None => Some(random_text()?),
    };
    if let Some(path) = said.root_cert {
        options.root_cert = path;
    }
    Ok(options)
}

/// 128 random bits, as letters and digits.
fn random_text() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(no_random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn no_random(error: getrandom::Error) -> String {
    format!("the system gives no random numbers: {error}")
}

fn version() -> String {
    concat!("b2kit-emulator ", env!("CARGO_PKG_VERSION"), "\n").to_owned()
}

fn unknown(what: &str) -> String {
    format!("there is no option {what}: --help says what there is")
}

fn wrong(name: &str, value: &str, wanted: &str) -> String {
    format!("{name} must be {wanted}, not {value:?}")
}

fn value(name: &str, parser: &mut Parser) -> Result<OsString, String> {
    parser.value().map_err(|_| format!("{name} needs a value"))
}

fn text(name: &str, parser: &mut Parser) -> Result<String, String> {
    let value = value(name, parser)?;
    value.string().map_err(|_| format!("{name} must be UTF-8"))
}

fn parsed<T: FromStr>(name: &str, parser: &mut Parser, wanted: &str) -> Result<T, String> {
    let text = text(name, parser)?;
    text.parse().map_err(|_| wrong(name, &text, wanted))
}

fn number<T>(name: &str, parser: &mut Parser, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let wanted = format!("a number from {} to {}", range.start(), range.end());
    let text = text(name, parser)?;
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| wrong(name, &text, &wanted))
}

/// `250ms`, for all calls, or `b2_list_keys=2s`, for one.
fn latency(name: &str, parser: &mut Parser) -> Result<(Option<String>, Duration), String> {
    let text = text(name, parser)?;
    let (call, time) = match text.split_once('=') {
        Some((call, time)) => (Some(call), time),
        None => (None, text.as_str()),
    };
    let millis = match time.strip_suffix("ms") {
        Some(millis) => millis.parse().ok(),
        None => time
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse::<u64>().ok()?.checked_mul(1000)),
    };
    let millis = millis.filter(|millis| *millis <= LONGEST_LATENCY);
    let wanted = "from 0ms to 3600s, like 250ms, 2s or b2_list_keys=2s";
    let millis = millis.ok_or_else(|| wrong(name, &text, wanted))?;
    if let Some(call) = call.filter(|call| !b2kit_emulator::is_call(call)) {
        return Err(format!("{name}: B2 has no call {call}"));
    }
    Ok((call.map(str::to_owned), Duration::from_millis(millis)))
}

fn bytes(name: &str, parser: &mut Parser) -> Result<u64, String> {
    let text = text(name, parser)?;
    let wanted = "a size like 500MB or 64KiB, of at most 18446744073709551615 bytes";
    size::parse(&text).ok_or_else(|| wrong(name, &text, wanted))
}

fn url(name: &str, parser: &mut Parser) -> Result<String, String> {
    let text = text(name, parser)?;
    let wrong = || wrong(name, &text, "like http://b2.test:8642, without a path");
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let is_plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
    if matches!(scheme, "http" | "https") && is_plain {
        return Ok(text);
    }
    Err(wrong())
}
