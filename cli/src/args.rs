//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use b2kit::sync::Location::{self, Local, Remote};
use b2kit::sync::{Compare, Durability, Extras, Filter, Links, Newer, SyncPolicy};
use b2kit::types::B2Uri;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, value_parser};

use crate::protection::Protection;
use crate::words::one_of;

const NOT_A_FILE: &str = "it has to be the name of a file: b2://BUCKET/NAME";

/// Backblaze B2 from the command line.
///
/// The application key comes from B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY, and is stored nowhere.
///
/// Files at B2 are written b2://BUCKET/NAME. A NAME that is empty or ends in / is a prefix, for all files whose names
/// begin with it. Any other NAME is the file of that name; for ls, du and unfinished also all files in the folder of
/// that name, and for sync only these.
///
/// Exit status: 0 if everything was done, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Parser)]
#[command(name = "b2kit", version, verbatim_doc_comment)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// The B2 to use: a URL (such as the one that an emulator prints), production or staging
    #[arg(long, global = true, env = "B2_ENVIRONMENT", value_name = "URL")]
    #[arg(value_parser = endpoint, default_value = "production")]
    pub(crate) endpoint: String,

    /// Print only errors, no progress and no warnings
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Report every failed attempt
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

impl Program {
    /// The program's arguments. Exits with a usage error if they are wrong, or can't be used together.
    pub(crate) fn checked() -> Self {
        let mut program = Self::command();
        let matches = program.get_matches_mut();
        let args = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Some(why) = args.command.conflict() {
            let name = matches.subcommand_name().unwrap_or_default();
            let command = program.find_subcommand_mut(name).expect("it was given");
            command.error(ErrorKind::ValueValidation, why).exit();
        }
        args
    }
}

/// The URL of B2 by its name in B2's official tools. An empty variable is one that is not set.
fn endpoint(environment: &str) -> Result<String> {
    let url = match environment {
        "" | "production" => "https://api.backblazeb2.com",
        "staging" => "https://api.backblaze.net",
        url if url.contains("://") => url,
        other => bail!("{other:?} is neither a URL nor production or staging (see B2_ENVIRONMENT)"),
    };
    Ok(url.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cp(Cp),
    Sync(SyncArgs),
    Ls(Ls),
    Du(Du),
    Rm(Rm),
    /// Print a file's metadata as JSON
    Stat(File),
    /// Write a file to standard output
    Cat(File),
    Link(Link),
    /// Undo the hiding of a file: delete the hide markers above its newest version
    Unhide(File),
    Hash(Hash),
    Unfinished(Unfinished),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

impl Command {
    /// Whether it changes nothing, so that it is done once nobody reads its output.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::Cp(args) => is_stdio(&args.to),
            Self::Sync(args) => args.dry_run || args.check,
            Self::Rm(args) => args.dry_run,
            Self::Unfinished(args) => args.cancel_older_than.is_none() || args.dry_run,
            _ => true,
        }
    }

    /// The reason why the arguments can't be used together, if they can't.
    fn conflict(&self) -> Option<&'static str> {
        Some(match self {
            Self::Cp(args) => match (&args.from, &args.to) {
                (Remote(at), path) | (path, Remote(at)) if is_stdio(path) => match at.is_prefix() {
                    true => "standard input and output are one file, which needs a name",
                    false if args.resume => "standard input and output can't be resumed",
                    false => return None,
                },
                (Local(_), Remote(_)) | (Remote(_), Local(_)) => return None,
                _ => "one of FROM and TO must be b2://BUCKET/NAME, the other must be a path or -",
            },
            Self::Sync(args) if !args.from.is_remote() && !args.to.is_remote() => {
                "one of FROM and TO must be b2://BUCKET/PREFIX"
            }
            Self::Sync(args) if !args.to.is_remote() && (args.hide || args.keep_days.is_some()) => {
                "--hide and --keep-days need b2://BUCKET/PREFIX as TO"
            }
            Self::Rm(args) => match (args.at.is_prefix(), args.recursive) {
                (true, false) => "all files with a prefix: add --recursive",
                // `a` would also match `a.bak`.
                (false, true) => "--recursive needs a prefix that ends in /",
                _ => return None,
            },
            Self::Unfinished(args) if args.cancel_older_than.is_some() && !args.at.is_prefix() => {
                "--cancel-older-than needs a bucket or a prefix that ends in /"
            }
            _ => return None,
        })
    }
}

/// Whether it is `-`, which for `cp` is standard input or output.
pub(crate) fn is_stdio(at: &Location) -> bool {
    matches!(at, Local(path) if path.as_os_str() == "-")
}

/// Parses the location of a single file, local or at B2.
fn file(text: OsString) -> Result<Location> {
    let at = Location::try_from(text)?;
    ensure!(!is_stdio(&at), "it has to be a path, or b2://BUCKET/NAME");
    ensure!(!matches!(&at, Remote(at) if at.is_prefix()), NOT_A_FILE);
    Ok(at)
}

/// Parses the location of a single file at B2.
fn remote_file(text: &str) -> Result<B2Uri> {
    let at: B2Uri = text.parse()?;
    ensure!(!at.is_prefix(), NOT_A_FILE);
    Ok(at)
}

/// Checks a glob.
fn glob(text: &str) -> Result<String> {
    Ok(Filter::new().include(text).map(|_| text.to_owned())?)
}

/// Copy files, directories and standard input to B2 and back.
///
///   b2kit cp FILE b2://BUCKET/NAME           upload a file; a NAME that is empty or ends in / keeps its own name
///   b2kit cp DIRECTORY b2://BUCKET/PREFIX/   upload all files below a directory
///   b2kit cp - b2://BUCKET/NAME              upload standard input, of any length
///   b2kit cp b2://BUCKET/NAME FILE           download a file; if FILE is a directory, into it
///   b2kit cp b2://BUCKET/PREFIX/ DIRECTORY   download all files with a prefix
///   b2kit cp b2://BUCKET/NAME -              write a file to standard output
///
/// Exit status: 0 if all was copied, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Cp {
    /// A path, b2://BUCKET/NAME, or - for standard input
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::try_from))]
    pub(crate) from: Location,

    /// b2://BUCKET/NAME, a path, or - for standard output
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::try_from))]
    pub(crate) to: Location,

    /// Resume an earlier run, and keep unfinished transfers if this one is stopped
    #[arg(long)]
    pub(crate) resume: bool,

    /// Read large files only once, while sending: faster, but B2 then has no SHA-1 to verify downloads with
    #[arg(long)]
    pub(crate) no_hash_first: bool,

    #[command(flatten)]
    pub(crate) protection: Protection,
}

/// Make a directory and a bucket, or two buckets, equal.
///
///   b2kit sync DIRECTORY b2://BUCKET/PREFIX   upload
///   b2kit sync b2://BUCKET/PREFIX DIRECTORY   download
///   b2kit sync b2://BUCKET/A b2://BUCKET/B    copy within B2, without downloading
///
/// Files that exist only at the destination are kept, unless --delete, --hide or --keep-days is given; these come last,
/// and not at all if something could not be read or transferred. To resume a stopped sync, run it again.
///
/// Exit status: 0 if both are equal as far as the options say, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SyncArgs {
    /// A directory, or b2://BUCKET/PREFIX
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::try_from))]
    pub(crate) from: Location,

    /// b2://BUCKET/PREFIX, or a directory
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::try_from))]
    pub(crate) to: Location,

    /// Print what would be done and what it would cost, and do nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// Print only what can't be synced, such as names that the other side can't have, and do nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,

    /// Delete files that exist only at the destination; in a bucket, with all their versions
    #[arg(long, group = "extras")]
    delete: bool,

    /// Hide files that exist only at the destination, which must be a bucket
    #[arg(long, group = "extras")]
    hide: bool,

    /// Like --hide, and delete versions that have been hidden or replaced for this many days
    #[arg(long, group = "extras", value_name = "DAYS")]
    keep_days: Option<u32>,

    /// When two files with the same path differ
    ///
    /// none: never, so existing files are not replaced. size: if the sizes differ. mtime: if the sizes or modification
    /// times differ. sha1: if the sizes or SHA-1s differ; local files are read if only the modification times differ.
    /// sha1-always: the same, but local files are read whenever the sizes are equal. always: always.
    #[arg(long, value_parser = one_of::<Compare>(Compare::WORDS), default_value = "mtime")]
    compare: Compare,

    /// Maximum difference of modification times that count as equal
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    tolerance: u64,

    /// What to do if the file at the destination is newer
    ///
    /// refuse and skip keep it; with refuse the exit status is 1.
    #[arg(long, value_parser = one_of::<Newer>(Newer::WORDS), default_value = "refuse")]
    newer: Newer,

    /// What to do with symbolic links in a source directory
    ///
    /// follow syncs their targets, except for a directory that contains the link. With refuse the exit status is 1.
    #[arg(long, value_parser = one_of::<Links>(Links::WORDS), default_value = "skip")]
    links: Links,

    /// Sync only paths that match this glob; one that ends in / matches everything below a directory
    ///
    /// A glob is over the whole path relative to FROM or TO: *.jpg matches only at the top, **/*.jpg everywhere.
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    include: Vec<String>,

    /// Ignore paths that match this glob, and everything below them, on both sides
    ///
    /// A glob is over the whole path relative to FROM or TO: *.tmp matches only at the top, **/*.tmp everywhere.
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<String>,

    /// Delete and hide nothing if more paths than this would be affected
    #[arg(long, value_name = "PATHS", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) max_delete: u64,

    /// Allow an empty source, which with --delete, --hide or --keep-days empties the destination
    #[arg(long)]
    allow_empty_source: bool,

    /// Refuse names that are equal if case or Unicode normalization is ignored, as some file systems do
    #[arg(long, default_value_t = cfg!(any(windows, target_vendor = "apple")))]
    refuse_collisions: bool,

    /// When downloaded files are flushed to the disk
    ///
    /// each: each file before it gets its name, then the name (not on Windows, where a crash may lose the last files).
    /// end: many at once before they get their names, and the names at the end (on Linux; elsewhere like each). none:
    /// whenever the system does it; a crash may leave files with the right size and time but without their bytes.
    #[arg(long, value_parser = one_of::<Durability>(Durability::WORDS), default_value = "each")]
    durability: Durability,

    /// Maximum number of concurrent files
    #[arg(long, value_name = "FILES", default_value_t = 16)]
    threads: usize,

    /// Print a JSON object for each path, and one with the totals at the end
    #[arg(long)]
    pub(crate) json: bool,

    // The last, since options after it would get its heading.
    #[command(flatten)]
    protection: Protection,
}

impl SyncArgs {
    pub(crate) fn policy(&self) -> Result<SyncPolicy> {
        let (mut included, mut excluded) = (self.include.iter(), self.exclude.iter());
        let filter = included.try_fold(Filter::new(), |filter, glob| filter.include(glob))?;
        let filter = excluded.try_fold(filter, |filter, glob| filter.exclude(glob))?;
        let policy = self.protection.policy(&self.from, &self.to)?;
        Ok(policy
            .filter(filter)
            .extras(match self.keep_days {
                Some(days) => Extras::KeepDays(days),
                None if self.delete => Extras::Delete,
                None if self.hide => Extras::Hide,
                None => Extras::Keep,
            })
            .compare(self.compare)
            .tolerance(Duration::from_millis(self.tolerance))
            .newer(self.newer)
            .links(self.links)
            .durability(self.durability)
            .allow_empty_source(self.allow_empty_source)
            .refuse_collisions(self.refuse_collisions)
            .max_delete(self.max_delete)
            .concurrency(self.threads))
    }
}

/// List the files of a bucket
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// b2://BUCKET/NAME; without it, the buckets
    pub(crate) at: Option<B2Uri>,

    /// Print time, size and version id too
    #[arg(long, short)]
    pub(crate) long: bool,

    /// List the files in all folders below, too
    #[arg(long, short)]
    pub(crate) recursive: bool,

    /// List all versions, including hidden and older ones
    #[arg(long)]
    pub(crate) versions: bool,

    /// Print the metadata of each as a JSON object on a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Count files and bytes
#[derive(Debug, Args)]
pub(crate) struct Du {
    /// b2://BUCKET/NAME
    pub(crate) at: B2Uri,

    /// Count all versions, including hidden and older ones
    #[arg(long)]
    pub(crate) versions: bool,

    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hide or delete files
///
/// Without an option, files are hidden: their versions are kept until lifecycle rules or --versions delete them.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// b2://BUCKET/NAME, or b2://BUCKET/PREFIX/ with --recursive
    pub(crate) at: B2Uri,

    /// Apply to all files whose names begin with the prefix
    #[arg(long, short)]
    pub(crate) recursive: bool,

    /// Delete all versions for good
    #[arg(long, conflicts_with = "current")]
    pub(crate) versions: bool,

    /// Delete the current version for good, which makes the previous one current
    #[arg(long)]
    pub(crate) current: bool,

    /// Print what would be hidden or deleted, and do nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

/// One file at B2
#[derive(Debug, Args)]
pub(crate) struct File {
    /// b2://BUCKET/NAME
    #[arg(value_parser = remote_file)]
    pub(crate) at: B2Uri,
}

/// Print a URL for a file that works without a key for a limited time
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// b2://BUCKET/NAME
    #[arg(value_parser = remote_file)]
    pub(crate) at: B2Uri,

    /// For how many seconds the URL works, at most a week
    #[arg(long, default_value_t = 3_600, value_parser = value_parser!(u64).range(1..=604_800))]
    pub(crate) seconds: u64,
}

/// Print the SHA-1 of local files and of files at B2
#[derive(Debug, Args)]
pub(crate) struct Hash {
    /// Paths, and b2://BUCKET/NAME
    #[arg(required = true, value_parser = OsStringValueParser::new().try_map(file))]
    pub(crate) at: Vec<Location>,
}

/// List unfinished large files, or cancel them
#[derive(Debug, Args)]
pub(crate) struct Unfinished {
    /// b2://BUCKET/NAME
    pub(crate) at: B2Uri,

    /// Cancel those that were started more than this many hours ago
    #[arg(long, value_name = "HOURS")]
    pub(crate) cancel_older_than: Option<u32>,

    /// Print what would be cancelled, and do nothing
    #[arg(long, short = 'n', requires = "cancel_older_than")]
    pub(crate) dry_run: bool,
}
