//! The command line.

use std::time::Duration;

use b2kit::sync::{Compare, Durability, Extras, Filter, Links, Newer, SyncPolicy};
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::environment;
use crate::location::{Location, Remote};

/// Backblaze B2 from the command line.
///
/// The application key is taken from B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY, and stored nowhere. What is at B2 is
/// written b2://BUCKET/NAME; a NAME that is empty or ends in / stands for all files whose names begin with it.
///
/// Exit status: 0 if everything was done, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Parser)]
#[command(name = "b2kit", version, verbatim_doc_comment)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The B2 to use: a URL (such as the one that an emulator prints), production (the default) or staging
    #[arg(long, global = true, env = "B2_ENVIRONMENT", value_name = "URL", value_parser = environment::parse)]
    pub(crate) endpoint: Option<String>,

    /// No progress and no warnings, only errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Report every failed attempt
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cp(Cp),
    Sync(SyncArgs),
    Ls(Ls),
    Du(Du),
    Rm(Rm),
    /// Print what B2 says of a file, as JSON
    Stat(File),
    /// Write a file to standard output
    Cat(File),
    Link(Link),
    Hash(Hash),
    Unfinished(Unfinished),
    /// Print the completion script of a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

impl Command {
    /// Whether it changes nothing, so that it is done once nobody reads its output.
    pub(crate) const fn only_reads(&self) -> bool {
        match self {
            Self::Cp(_) => false,
            Self::Sync(args) => args.dry_run || args.check,
            Self::Rm(args) => args.dry_run,
            Self::Unfinished(args) => args.cancel_older_than.is_none() || args.dry_run,
            Self::Ls(_) | Self::Du(_) | Self::Stat(_) | Self::Cat(_) | Self::Link(_) => true,
            Self::Hash(_) | Self::Completion { .. } | Self::Man => true,
        }
    }
}

/// Copy files, directories and standard input to B2 and back.
///
///   b2kit cp FILE b2://BUCKET/NAME           a file up; a NAME that is empty or ends in / keeps the file's own
///   b2kit cp DIRECTORY b2://BUCKET/PREFIX/   all files below a directory up
///   b2kit cp - b2://BUCKET/NAME              standard input up, of any length
///   b2kit cp b2://BUCKET/NAME FILE           a file down; a FILE that is a directory keeps the name
///   b2kit cp b2://BUCKET/PREFIX/ DIRECTORY   all files with the prefix down
///   b2kit cp b2://BUCKET/NAME -              a file to standard output
///
/// Exit status: 0 if all was copied, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "b2kit cp [OPTIONS] <FROM> <TO>"
)]
pub(crate) struct Cp {
    /// A path, b2://BUCKET/NAME, or - for standard input
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::parse))]
    pub(crate) from: Location,

    /// b2://BUCKET/NAME, a path, or - for standard output
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::parse))]
    pub(crate) to: Location,

    /// Resume what an earlier run left unfinished, and keep what is unfinished if this one is stopped
    #[arg(long)]
    pub(crate) resume: bool,

    /// Read large files only once, while sending: faster, but B2 then has no SHA-1 to verify downloads against
    #[arg(long)]
    pub(crate) no_hash_first: bool,
}

/// Make a directory and a bucket, or two buckets, equal.
///
///   b2kit sync DIRECTORY b2://BUCKET/PREFIX   up
///   b2kit sync b2://BUCKET/PREFIX DIRECTORY   down
///   b2kit sync b2://BUCKET/A b2://BUCKET/B    within B2; no bytes leave it
///
/// Files that are only at the destination stay, unless --delete, --hide or --keep-days says otherwise; that is done
/// last, and not at all if something could not be read or transferred. To resume a stopped sync, run it again.
///
/// Exit status: 0 if both are equal as far as the options say, 1 if not, 2 for wrong arguments, 130 if it was stopped.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "b2kit sync [OPTIONS] <FROM> <TO>"
)]
pub(crate) struct SyncArgs {
    /// A directory, or b2://BUCKET/PREFIX
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::parse))]
    pub(crate) from: Location,

    /// b2://BUCKET/PREFIX, or a directory
    #[arg(value_parser = OsStringValueParser::new().try_map(Location::parse))]
    pub(crate) to: Location,

    /// Print what would be done and what it would cost, and do nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// Print only what can't be synced, such as names that the other side can't have, and do nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,

    /// Delete files that are only at the destination: in a bucket, all versions of them
    #[arg(long, group = "extras")]
    delete: bool,

    /// Hide files that are only at the destination, which is a bucket
    #[arg(long, group = "extras")]
    hide: bool,

    /// As --hide, and delete versions that nobody could see for so many days
    #[arg(long, group = "extras", value_name = "DAYS")]
    keep_days: Option<u32>,

    /// What makes two files of one path differ
    ///
    /// none: nothing does, so what is there is never replaced. size: the size. mtime: the size or the modification
    /// time. sha1: the size or the SHA-1; local files are read where sizes agree and modification times do not.
    /// sha1-always: the same, but all local files are read whose sizes agree. always: they always differ.
    #[arg(long, value_parser = one_of(COMPARES), default_value = "mtime")]
    compare: Compare,

    /// How many milliseconds modification times may be apart and still be the same
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    tolerance: u64,

    /// What happens where the file at the destination was modified later
    ///
    /// With refuse and skip it stays; with refuse the exit status is 1.
    #[arg(long, value_parser = one_of(NEWER), default_value = "refuse")]
    newer: Newer,

    /// What happens to symbolic links of a source directory
    ///
    /// follow syncs what they point to, but never a directory that contains the link. With refuse the exit status is 1.
    #[arg(long, value_parser = one_of(LINKS), default_value = "skip")]
    links: Links,

    /// Sync only paths that this glob matches; a pattern that ends in / matches all below a directory
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// Leave alone what this glob matches, and all below it, on both sides
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// Delete and hide nothing if it would be more paths than this
    #[arg(long, value_name = "PATHS")]
    max_delete: Option<u64>,

    /// Let the source be empty, and with --delete, --hide or --keep-days empty the destination
    #[arg(long)]
    allow_empty_source: bool,

    /// Refuse names that a file system would take for one that ignores case or Unicode normalization
    #[arg(long)]
    refuse_collisions: bool,

    /// When downloaded files are flushed to the disk
    ///
    /// each: each before it gets its name, and then the name. end: many at once before they get their names, and the
    /// names at the end (on Linux; elsewhere as each). none: when the system does it; a crash may leave files with the
    /// right size and time but without their bytes.
    #[arg(long, value_parser = one_of(DURABILITIES), default_value = "each")]
    durability: Durability,

    /// How many files are worked on at once
    #[arg(long, value_name = "FILES", default_value_t = 16)]
    threads: usize,

    /// Print a JSON object for each path, and at the end one with the numbers
    #[arg(long)]
    pub(crate) json: bool,
}

/// Words of the command line, and what they stand for.
type Words<T> = &'static [(&'static str, T)];

const COMPARES: Words<Compare> = &[
    ("none", Compare::Existence),
    ("size", Compare::Size),
    ("mtime", Compare::ModifiedTime),
    ("sha1", Compare::Sha1),
    ("sha1-always", Compare::Sha1Always),
    ("always", Compare::Always),
];

const NEWER: Words<Newer> = &[
    ("refuse", Newer::Refuse),
    ("skip", Newer::Skip),
    ("replace", Newer::Replace),
];

const LINKS: Words<Links> = &[
    ("skip", Links::Skip),
    ("follow", Links::Follow),
    ("refuse", Links::Refuse),
];

const DURABILITIES: Words<Durability> = &[
    ("each", Durability::EachFile),
    ("end", Durability::AtEnd),
    ("none", Durability::None),
];

fn one_of<T: Copy + Send + Sync + 'static>(
    words: Words<T>,
) -> impl TypedValueParser<Value = T> + use<T> {
    let meaning = move |said: String| {
        let mut all = words.iter();
        all.find_map(|(word, value)| (*word == said).then_some(*value))
            .ok_or("it is none of them")
    };
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).try_map(meaning)
}

impl SyncArgs {
    pub(crate) fn policy(&self) -> Result<SyncPolicy, b2kit::Error> {
        let add = |filter: Result<Filter, _>, pattern: &String| filter?.include(pattern);
        let filter = self.include.iter().fold(Ok(Filter::new()), add);
        let add = |filter: Result<Filter, _>, pattern: &String| filter?.exclude(pattern);
        let filter = self.exclude.iter().fold(filter, add)?;
        let mut policy = SyncPolicy::new()
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
            .concurrency(self.threads);
        if let Some(paths) = self.max_delete {
            policy = policy.max_delete(paths);
        }
        if self.refuse_collisions {
            policy = policy.refuse_collisions(true);
        }
        Ok(policy)
    }
}

/// List the files of a bucket
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// b2://BUCKET/PREFIX; without it, the buckets
    pub(crate) at: Option<Remote>,

    /// Time, size and version id too
    #[arg(long, short)]
    pub(crate) long: bool,

    /// All files, instead of those of one folder
    #[arg(long, short)]
    pub(crate) recursive: bool,

    /// All versions, hidden and older ones too
    #[arg(long)]
    pub(crate) versions: bool,

    /// Print what B2 says of each, as a JSON object for each line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Count files and bytes
#[derive(Debug, Args)]
pub(crate) struct Du {
    /// b2://BUCKET/PREFIX
    pub(crate) at: Remote,

    /// Of all versions, hidden and older ones too
    #[arg(long)]
    pub(crate) versions: bool,

    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hide or delete files
///
/// Without an option a file is hidden: its versions stay, until lifecycle rules or --versions delete them.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// b2://BUCKET/NAME, or b2://BUCKET/PREFIX/ with --recursive
    pub(crate) at: Remote,

    /// All files whose names begin with the prefix
    #[arg(long, short)]
    pub(crate) recursive: bool,

    /// Delete all versions, for good
    #[arg(long, conflicts_with = "current")]
    pub(crate) versions: bool,

    /// Delete the current version for good, which shows the one before it
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
    #[arg(value_parser = Remote::file)]
    pub(crate) at: Remote,
}

/// Print a link to a file that works without a key for a while
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// b2://BUCKET/NAME
    #[arg(value_parser = Remote::file)]
    pub(crate) at: Remote,

    /// For how many seconds, at most a week
    #[arg(long, default_value_t = 3_600)]
    pub(crate) seconds: u64,
}

/// Print the SHA-1 of local files and of files at B2
#[derive(Debug, Args)]
pub(crate) struct Hash {
    /// Paths, and b2://BUCKET/NAME
    #[arg(required = true, value_parser = OsStringValueParser::new().try_map(Location::file))]
    pub(crate) at: Vec<Location>,
}

/// List large files that were never finished, or cancel them
#[derive(Debug, Args)]
pub(crate) struct Unfinished {
    /// b2://BUCKET/PREFIX
    pub(crate) at: Remote,

    /// Cancel those that were started more than so many hours ago
    #[arg(long, value_name = "HOURS")]
    pub(crate) cancel_older_than: Option<u64>,

    /// Print what would be cancelled, and do nothing
    #[arg(long, short = 'n', requires = "cancel_older_than")]
    pub(crate) dry_run: bool,
}

/// Ends the program as wrong arguments do, with the usage of the command.
pub(crate) fn refuse(command: &str, why: &str) -> ! {
    Program::command()
        .find_subcommand_mut(command)
        .expect("it is there")
        .error(ErrorKind::ValueValidation, why)
        .exit()
}
