//! What can be said on the command line.

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::place::Place;
use crate::realm;

/// Backblaze B2 from the command line.
///
/// The application key is taken from B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.
#[derive(Debug, Parser)]
#[command(name = "b2kit", version)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cp(Cp),
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
    #[arg(value_parser = OsStringValueParser::new().try_map(Place::parse))]
    pub(crate) from: Place,

    /// b2://BUCKET/NAME, a path, or - for standard output
    #[arg(value_parser = OsStringValueParser::new().try_map(Place::parse))]
    pub(crate) to: Place,

    /// The B2 to use: a URL (such as the one that an emulator prints), production (the default) or staging
    #[arg(long, env = "B2_ENVIRONMENT", value_name = "URL", value_parser = realm::named)]
    pub(crate) endpoint: Option<String>,

    /// Resume what an earlier run left unfinished, and keep what is unfinished if this one is stopped
    #[arg(long)]
    pub(crate) resume: bool,

    /// Read large files only once, while sending: faster, but B2 then has no SHA-1 to verify downloads against
    #[arg(long)]
    pub(crate) no_hash_first: bool,

    /// No progress and no warnings, only errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Report every failed attempt
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// Ends the program as wrong arguments do, with the usage.
pub(crate) fn refuse(why: &str) -> ! {
    Program::command()
        .find_subcommand_mut("cp")
        .expect("it is there")
        .error(ErrorKind::ValueValidation, why)
        .exit()
}
