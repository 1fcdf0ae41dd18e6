//! The program `b2kit`. What it does with B2 is the library's; here are its words, its arguments and its progress bars.

#![expect(clippy::future_not_send, reason = "one thread does everything")]

mod args;
mod cp;
mod files;
mod output;
mod place;
mod realm;
mod shown;
mod stop;
mod sync;

use std::error::Error as StdError;
use std::io;
use std::pin::pin;
use std::process::ExitCode;

use b2kit::{Client, UnfinishedState};
use clap::{CommandFactory as _, Parser as _};
use futures::future::{Either, select};

use crate::args::{Command, Cp, Program};
use crate::place::Place;
use crate::shown::Shown;

/// Any error at all: the program only shows it.
type Failure = Box<dyn StdError + Send + Sync>;

/// The exit status after Ctrl-C.
const STOPPED: u8 = 130;

/// The exit status of a command that came to its end.
const fn status(is_complete: bool) -> ExitCode {
    match is_complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn main() -> ExitCode {
    let program = Program::parse();
    let shown = Shown::begin(program.common.quiet, program.common.verbose);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&program, &shown)));
    match done {
        Ok(code) => code,
        // Whoever reads has read enough. What changes something has to be done to its end, though.
        Err(error) if is_hangup(&*error) && program.command.only_reads() => ExitCode::SUCCESS,
        Err(error) => {
            shown.error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(program: &Program, shown: &Shown) -> Result<ExitCode, Failure> {
    let needs_no_key = match &program.command {
        Command::Completion { shell } => {
            let mut command = Program::command();
            clap_complete::generate(*shell, &mut command, "b2kit", &mut io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man => {
            clap_mangen::Man::new(Program::command()).render(&mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Hash(args) => args.at.iter().all(|at| !matches!(at, Place::There(_))),
        _ => false,
    };
    if let (true, Command::Hash(args)) = (needs_no_key, &program.command) {
        return files::hash(args, None).await;
    }
    if let Command::Cp(args) = &program.command {
        cp::check(args);
    }
    let client = realm::client(program.common.endpoint.as_deref())?;
    stoppable(program, shown, &client).await
}

/// Runs the command until it is done or asked to stop. Either way everything left at B2 is reported.
async fn stoppable(program: &Program, shown: &Shown, client: &Client) -> Result<ExitCode, Failure> {
    let ended = {
        let command = pin!(command(program, shown, client));
        match select(command, Box::pin(stop::asked())).await {
            Either::Left((outcome, _)) => Some(outcome),
            // What is under way is dropped, and a partial file with it.
            Either::Right(_) => None,
        }
    };
    if ended.is_none() {
        shown.word("stopping; press Ctrl-C again to stop immediately");
    }
    match select(Box::pin(tidy_up(client, shown)), Box::pin(stop::asked())).await {
        Either::Left(_) => {}
        Either::Right(_) => shown.word("stopped immediately; unfinished uploads may remain at B2"),
    }
    let word = match &program.command {
        Command::Cp(Cp { resume: true, .. }) | Command::Sync(_) => {
            "stopped; run the same command to resume"
        }
        _ => "stopped; unfinished transfers were removed",
    };
    ended.unwrap_or_else(|| {
        shown.word(word);
        Ok(ExitCode::from(STOPPED))
    })
}

async fn command(program: &Program, shown: &Shown, client: &Client) -> Result<ExitCode, Failure> {
    match &program.command {
        Command::Cp(args) => cp::run(args, shown, client).await,
        Command::Sync(args) => sync::run(args, shown, client).await,
        Command::Ls(args) => files::ls(args, client).await,
        Command::Du(args) => files::du(args, client).await,
        Command::Rm(args) => files::rm(args, client).await,
        Command::Stat(args) => files::stat(args, client).await,
        Command::Cat(args) => files::cat(args, client).await,
        Command::Link(args) => files::link(args, client).await,
        Command::Hash(args) => files::hash(args, Some(client)).await,
        Command::Unfinished(args) => files::unfinished(args, client).await,
        Command::Completion { .. } | Command::Man => Ok(ExitCode::SUCCESS),
    }
}

/// Cancels the large files that were begun and are not to be resumed, and says what stays.
async fn tidy_up(client: &Client, shown: &Shown) {
    for (file, error) in client.cancel_orphaned_uploads().await {
        let id = file.file_id.as_ref().map_or("unknown", |id| id.as_str());
        let what = format!("{} is left unfinished at B2 (id {id})", file.file_name);
        shown.error(&*cp::about(what, error));
    }
    for file in client.unfinished() {
        if file.state == UnfinishedState::Kept {
            shown.word(&format!("{} is kept at B2, to be resumed", file.file_name));
        }
    }
}

fn is_hangup(error: &(dyn StdError + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
