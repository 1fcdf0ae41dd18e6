//! [`Arguments`]: the command line as it was given; checked, it becomes
//! [`Options`](crate::options::Options).

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use b2kit_emulator::Checksums;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};

use crate::{size, undocumented};

/// More than a server process could ever have.
const MAX_CONNECTIONS: usize = 1_000_000;

/// In milliseconds; no client waits longer.
const MAX_LATENCY: u64 = 60 * 60 * 1000;

/// Backblaze B2 on this computer: a server that speaks B2's native API, for tests.
#[derive(Parser)]
#[command(
    name = "b2kit-emulator",
    version,
    args_override_self = true,
    after_help = "SIZE is a number of bytes, optionally with KB, MB, GB, KiB, MiB or GiB.\n\n\
        At its start it prints the settings of clients, a link to its console in a browser, and\n\
        URL and token of its control API: faults, the clock, the log of calls, saved states.\n\
        GET /openapi.json below that URL describes it."
)]
pub(crate) struct Arguments {
    /// Port to listen on; 0 lets the system choose.
    #[arg(
        long,
        value_name = "N",
        default_value = "8642",
        help_heading = "Network"
    )]
    #[arg(value_parser = number(0..=u16::MAX))]
    pub(crate) port: u16,

    /// IP address to listen on.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        help_heading = "Network"
    )]
    #[arg(value_parser = ip_address)]
    pub(crate) bind: IpAddr,

    /// URL that clients reach the emulator by, if it differs from address and port.
    #[arg(long, value_name = "URL", value_parser = url, help_heading = "Network")]
    pub(crate) url: Option<String>,

    /// Also answer requests for this host name; repeatable.
    #[arg(long = "host", value_name = "NAME", action = ArgAction::Append, help_heading = "Network")]
    pub(crate) hosts: Vec<String>,

    /// Serve HTTPS with a new certificate, which is also valid for --url and --host.
    #[arg(long, help_heading = "Network")]
    pub(crate) tls: bool,

    /// With --tls: where to write the root certificate [default: b2kit-emulator-root.pem]
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub(crate) root_cert: Option<PathBuf>,

    /// Serve HTTPS with a persistent authority: its certificate in FILE and its key in FILE.key,
    /// both created if missing.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// Serve uploads and downloads on the next two ports; a request sent to the wrong one gets 421.
    #[arg(long, help_heading = "Network")]
    pub(crate) separate_origins: bool,

    /// Id of the master application key, together with --key [default: a fixed one for tests].
    #[arg(long, value_name = "ID", help_heading = "Account")]
    pub(crate) key_id: Option<String>,

    /// Master application key [default: a fixed one for tests; a random one if other machines can
    /// connect].
    #[arg(long, value_name = "KEY", help_heading = "Account")]
    pub(crate) key: Option<String>,

    /// Create a private bucket unless it exists; repeatable.
    #[arg(long = "bucket", value_name = "NAME", action = ArgAction::Append)]
    #[arg(help_heading = "Account")]
    pub(crate) private_buckets: Vec<String>,

    /// Create a public bucket unless it exists; repeatable.
    #[arg(long = "public-bucket", value_name = "NAME", action = ArgAction::Append)]
    #[arg(help_heading = "Account")]
    pub(crate) public_buckets: Vec<String>,

    /// Create a private bucket with the encryption rules from before September 2026; repeatable.
    #[arg(long = "legacy-bucket", value_name = "NAME", action = ArgAction::Append)]
    #[arg(help_heading = "Account")]
    pub(crate) legacy_buckets: Vec<String>,

    /// Keep everything in this directory [default: in memory until exit].
    #[arg(long, value_name = "DIR", help_heading = "Storage")]
    pub(crate) data: Option<PathBuf>,

    /// With --data: sync to disk before each response.
    #[arg(long, help_heading = "Storage")]
    pub(crate) sync: bool,

    /// Discard the bytes of files; downloads return zeros. For client benchmarks.
    #[arg(long, help_heading = "Storage")]
    pub(crate) discard: bool,

    /// Storage cap in bytes of files [default: 1GiB in memory, none with --data].
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Storage")]
    pub(crate) cap: Option<u64>,

    /// Part size that clients are told to use (recommendedPartSize).
    #[arg(long, value_name = "SIZE", default_value = "100MB", value_parser = bytes)]
    #[arg(help_heading = "Behavior")]
    pub(crate) part_size: u64,

    /// Minimum size of all parts except the last (absoluteMinimumPartSize).
    #[arg(long, value_name = "SIZE", default_value = "5MB", value_parser = bytes)]
    #[arg(help_heading = "Behavior")]
    pub(crate) minimum_part_size: u64,

    /// Checksums to compute: all; sha1 (no contentMd5); unverified (none, for client benchmarks).
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "all",
        help_heading = "Behavior"
    )]
    #[arg(value_parser = checksums)]
    pub(crate) checksums: Checksums,

    /// Allow uploads with a custom upload timestamp.
    #[arg(long, help_heading = "Behavior")]
    pub(crate) custom_timestamps: bool,

    /// Create all buckets with the encryption rules from before September 2026.
    #[arg(long, help_heading = "Behavior")]
    pub(crate) legacy_encryption: bool,

    /// Choose undocumented behavior; "--undocumented list" prints all switches. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", alias = "guess", action = ArgAction::Append)]
    #[arg(value_parser = undocumented::parse, help_heading = "Behavior")]
    pub(crate) undocumented: Vec<undocumented::Choice>,

    /// Delay each request, like 250ms or 2s, or one call, like b2_list_keys=2s. Repeatable.
    #[arg(long, value_name = "TIME", value_parser = latency, action = ArgAction::Append)]
    #[arg(help_heading = "Behavior")]
    pub(crate) latency: Vec<Latency>,

    /// Seed for reproducible ids and tokens [default: random].
    #[arg(long, value_name = "N", value_parser = number(0..=u64::MAX), help_heading = "Behavior")]
    pub(crate) seed: Option<u64>,

    /// Token of the control endpoint, /b2kit-emulator/v1 [default: random; no endpoint if other
    /// machines can connect].
    #[arg(long, value_name = "TOKEN", help_heading = "Control")]
    pub(crate) control_token: Option<String>,

    /// Disable the control endpoint.
    #[arg(long, help_heading = "Control")]
    pub(crate) no_control: bool,

    /// Do not send webhooks, not even to receivers on this computer.
    #[arg(long, help_heading = "Control")]
    pub(crate) no_webhooks: bool,

    /// Maximum number of connections.
    #[arg(
        long,
        value_name = "N",
        default_value = "512",
        help_heading = "Control"
    )]
    #[arg(value_parser = number(1..=MAX_CONNECTIONS))]
    pub(crate) connections: usize,

    /// Log level on standard error: off, error, warn, info (each request) or debug.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "warn",
        help_heading = "Control"
    )]
    #[arg(value_parser = log_level)]
    pub(crate) log: LogLevel,
}

/// The level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

/// The delay of one call, or of all.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    pub(crate) call: Option<String>,
    pub(crate) duration: Duration,
}

/// The request of a command line.
pub(crate) enum Request {
    Run(Box<Arguments>, Vec<Bucket>),
    /// Print this and exit: help, version, or the list of switches.
    Print(String),
}

/// A bucket to create, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) is_public: bool,
}

/// Reads the command line, without the name of the program.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    // a value may begin with a hyphen: it is never taken for an option
    let command = Arguments::command().no_binary_name(true).mut_args(|arg| {
        let takes_values = arg.get_action().takes_values();
        arg.allow_hyphen_values(takes_values)
    });
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Ok(Request::Print(error.to_string())),
        Err(error) => return Err(one_line(&error)),
    };
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| one_line(&error))?;
    if arguments.undocumented.contains(&undocumented::Choice::List) {
        return Ok(Request::Print(undocumented::list()));
    }
    let buckets = buckets(&matches);
    Ok(Request::Run(Box::new(arguments), buckets))
}

/// Private and public buckets in the order of the command line, which decides their ids.
fn buckets(matches: &ArgMatches) -> Vec<Bucket> {
    let given = |option: &str, is_public| {
        let indices = matches.indices_of(option).into_iter().flatten();
        let names = matches.get_many::<String>(option).into_iter().flatten();
        let bucket = move |name: &String| Bucket {
            name: name.clone(),
            is_public,
        };
        indices.zip(names.map(bucket)).collect::<Vec<_>>()
    };
    let mut buckets = given("private_buckets", false);
    buckets.extend(given("public_buckets", true));
    buckets.sort_by_key(|(index, _)| *index);
    buckets.into_iter().map(|(_, bucket)| bucket).collect()
}

fn one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // without the name of its value
    let option = context(ContextKind::InvalidArg).split(' ').next();
    let option = option.unwrap_or_default();
    match (error.kind(), error.source()) {
        (ErrorKind::UnknownArgument, _) => {
            format!("there is no option {option}; --help lists all")
        }
        (ErrorKind::InvalidValue, _) => format!("{option} needs a value"),
        (ErrorKind::InvalidUtf8, _) => "the command line must be UTF-8".to_owned(),
        (ErrorKind::ValueValidation, Some(problem)) => format!("{option}{problem}"),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    }
}

/// What is wrong with a value, to be read after the name of its option.
fn wrong(value: &str, wanted: impl Display) -> String {
    format!(" must be {wanted}, not {value:?}")
}

fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let wanted = || format!("a number from {} to {}", range.start(), range.end());
        number.ok_or_else(|| wrong(text, wanted()))
    }
}

fn ip_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| wrong(text, "an IP address"))
}

fn checksums(text: &str) -> Result<Checksums, String> {
    match text {
        "all" => Ok(Checksums::All),
        "sha1" => Ok(Checksums::Sha1),
        // the second is its name in earlier versions
        "unverified" | "believed" => Ok(Checksums::Unverified),
        _ => Err(wrong(text, "all, sha1 or unverified")),
    }
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    let level = LogLevel::from_str(text, false);
    level.map_err(|_| wrong(text, "off, error, warn, info or debug"))
}

/// `250ms`, for all calls, or `b2_list_keys=2s`, for one.
fn latency(text: &str) -> Result<Latency, String> {
    let (call, time) = match text.split_once('=') {
        Some((call, time)) => (Some(call), time),
        None => (None, text),
    };
    let millis = match time.strip_suffix("ms") {
        Some(millis) => millis.parse().ok(),
        None => time
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse::<u64>().ok()?.checked_mul(1000)),
    };
    let millis = millis.filter(|millis| *millis <= MAX_LATENCY);
    let wanted = "from 0ms to 3600s, like 250ms, 2s or b2_list_keys=2s";
    let millis = millis.ok_or_else(|| wrong(text, wanted))?;
    if let Some(call) = call.filter(|call| !b2kit_emulator::is_call(call)) {
        return Err(format!(": B2 has no call {call}"));
    }
    Ok(Latency {
        call: call.map(str::to_owned),
        duration: Duration::from_millis(millis),
    })
}

fn bytes(text: &str) -> Result<u64, String> {
    let wanted = "a size like 500MB or 64KiB, of at most 18446744073709551615 bytes";
    size::parse(text).ok_or_else(|| wrong(text, wanted))
}

fn url(text: &str) -> Result<String, String> {
    let is_plain = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
    match text.split_once("://") {
        Some(("http" | "https", rest)) if is_plain(rest) => Ok(text.to_owned()),
        _ => Err(wrong(text, "like http://b2.test:8642, without a path")),
    }
}
