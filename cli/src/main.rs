//! The program `b2kit`: arguments, messages and progress bars. The library `b2kit` does the rest.

#![expect(clippy::future_not_send, reason = "one thread does everything")]

mod args;
mod cp;
mod environment;
mod escape;
mod files;
mod location;
mod output;
mod protection;
mod rm;
mod stop;
mod sync;
mod terminal;

use std::io;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Error, Result};
use b2kit::{Client, UnfinishedState};
use clap::{CommandFactory as _, Parser as _};
use futures::future::{Either, select};

use crate::args::{Command, Cp, Program};
use crate::location::Location;
use crate::terminal::Terminal;

/// The exit status after Ctrl-C.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let program = Program::parse();
    let terminal = Terminal::begin(program.common.quiet, program.common.verbose);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(run(&program, &terminal)));
    match done {
        Ok(code) => code,
        // The reader has read enough, as `head` does. Commands that change something finish all the same.
        Err(error) if is_broken_pipe(&error) && program.command.only_reads() => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(error);
            ExitCode::FAILURE
        }
    }
}

async fn run(program: &Program, terminal: &Terminal) -> Result<ExitCode> {
    let is_remote = |at: &Location| matches!(at, Location::Remote(_));
    match &program.command {
        Command::Completion { shell } => {
            clap_complete::generate(*shell, &mut Program::command(), "b2kit", &mut io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man => {
            clap_mangen::Man::new(Program::command()).render(&mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Hash(args) if !args.at.iter().any(is_remote) => {
            return files::hash(args, None).await;
        }
        Command::Cp(args) => cp::check(args),
        _ => {}
    }
    let client = environment::client(program.common.endpoint.as_deref())?;
    run_until_stopped(program, terminal, &client).await
}

/// Runs the command until it is done or asked to stop. Either way everything left at B2 is reported.
async fn run_until_stopped(
    program: &Program,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode> {
    let ended = {
        let command = pin!(command(program, terminal, client));
        match select(command, Box::pin(stop::requested())).await {
            Either::Left((outcome, _)) => Some(outcome),
            // The command is dropped, which removes partial files.
            Either::Right(_) => None,
        }
    };
    if ended.is_none() {
        terminal.info("stopping; press Ctrl-C again to stop immediately");
    }
    let cancel = Box::pin(cancel_orphaned_uploads(client, terminal));
    if let Either::Right(_) = select(cancel, Box::pin(stop::requested())).await {
        terminal.info("stopped immediately; unfinished uploads may remain at B2");
    }
    ended.unwrap_or_else(|| {
        terminal.info(match &program.command {
            Command::Cp(Cp { resume: true, .. }) | Command::Sync(_) => {
                "stopped; run the same command to resume"
            }
            _ => "stopped; unfinished transfers were removed",
        });
        Ok(ExitCode::from(STOPPED))
    })
}

async fn command(program: &Program, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    match &program.command {
        Command::Cp(args) => cp::run(args, terminal, client).await,
        Command::Sync(args) => sync::run(args, terminal, client).await,
        Command::Ls(args) => files::ls(args, client).await,
        Command::Du(args) => files::du(args, client).await,
        Command::Rm(args) => rm::rm(args, client).await,
        Command::Stat(args) => files::stat(args, client).await,
        Command::Cat(args) => files::cat(args, client).await,
        Command::Link(args) => files::link(args, client).await,
        Command::Hash(args) => files::hash(args, Some(client)).await,
        Command::Unfinished(args) => rm::unfinished(args, client).await,
        Command::Completion { .. } | Command::Man => Ok(ExitCode::SUCCESS),
    }
}

/// Cancels unfinished large files that are not kept for a resume, and prints what remains.
async fn cancel_orphaned_uploads(client: &Client, terminal: &Terminal) {
    for (file, error) in client.cancel_orphaned_uploads().await {
        let id = file.file_id.as_ref().map_or("unknown", |id| id.as_str());
        let what = format!("{} is left unfinished at B2 (id {id})", file.file_name);
        terminal.error(Error::from(error).context(what));
    }
    for file in client.unfinished() {
        if file.state == UnfinishedState::Kept {
            terminal.info(&format!("{} is kept at B2, to be resumed", file.file_name));
        }
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
