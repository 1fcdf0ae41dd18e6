//! The program `b2kit`. What it does with B2 is the library's; here are its words, its arguments and its progress bars.

#![expect(clippy::future_not_send, reason = "one thread does everything")]

mod args;
mod cp;
mod place;
mod realm;
mod shown;
mod stop;
mod tree;

use std::error::Error as StdError;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Command, Program};
use crate::shown::Shown;

/// Any error at all: the program only shows it.
type Failure = Box<dyn StdError + Send + Sync>;

fn main() -> ExitCode {
    let Command::Cp(args) = Program::parse().command;
    let shown = Shown::begin(args.quiet, args.verbose);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(cp::run(&args, &shown)));
    match done {
        Ok(code) => code,
        Err(error) => {
            shown.error(&*error);
            ExitCode::FAILURE
        }
    }
}
