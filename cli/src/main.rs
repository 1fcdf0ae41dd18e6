//! The program `b2kit`: arguments, messages and progress bars. The library `b2kit` does the rest.

#![expect(clippy::future_not_send, reason = "one thread does everything")]

mod args;
mod cp;
mod environment;
mod escape;
mod exit_status;
mod failure;
mod files;
mod location;
mod output;
mod stop;
mod sync;
mod terminal;

use std::error::Error as StdError;
use std::io;
use std::pin::pin;
use std::process::ExitCode;

use b2kit::{Client, UnfinishedState};
use clap::{CommandFactory as _, Parser as _};
use futures::future::{Either, select};

use crate::args::{Command, Cp, Program};
use crate::failure::Failure;
use crate::location::Location;
use crate::terminal::Terminal;

/// The exit status after Ctrl-C.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let program = Program::parse();
    let terminal = Terminal::begin(program.common.quiet, program.common.verbose);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&program, &terminal)));
    match done {
        Ok(code) => code,
        // The reader has read enough, as `head` does. A command that changes something has to finish, though.
        Err(error) if is_broken_pipe(&*error) && program.command.only_reads() => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(program: &Program, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let is_local = match &program.command {
        Command::Completion { shell } => {
            let mut command = Program::command();
            clap_complete::generate(*shell, &mut command, "b2kit", &mut io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man => {
            clap_mangen::Man::new(Program::command()).render(&mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Hash(args) => args.at.iter().all(|at| !matches!(at, Location::Remote(_))),
        _ => false,
    };
    if let (true, Command::Hash(args)) = (is_local, &program.command) {
        return files::hash(args, None).await;
    }
    if let Command::Cp(args) = &program.command {
        cp::check(args);
    }
    let client = environment::client(program.common.endpoint.as_deref())?;
    run_until_stopped(program, terminal, &client).await
}

/// Runs the command until it is done or asked to stop. Either way everything left at B2 is reported.
async fn run_until_stopped(
    program: &Program,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode, Failure> {
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
    match select(
        Box::pin(cancel_orphaned_uploads(client, terminal)),
        Box::pin(stop::requested()),
    )
    .await
    {
        Either::Left(_) => {}
        Either::Right(_) => {
            terminal.info("stopped immediately; unfinished uploads may remain at B2")
        }
    }
    let word = match &program.command {
        Command::Cp(Cp { resume: true, .. }) | Command::Sync(_) => {
            "stopped; run the same command to resume"
        }
        _ => "stopped; unfinished transfers were removed",
    };
    ended.unwrap_or_else(|| {
        terminal.info(word);
        Ok(ExitCode::from(STOPPED))
    })
}

async fn command(
    program: &Program,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode, Failure> {
    match &program.command {
        Command::Cp(args) => cp::run(args, terminal, client).await,
        Command::Sync(args) => sync::run(args, terminal, client).await,
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

/// Cancels unfinished large files that are not kept for a resume, and prints what remains.
async fn cancel_orphaned_uploads(client: &Client, terminal: &Terminal) {
    for (file, error) in client.cancel_orphaned_uploads().await {
        let id = file.file_id.as_ref().map_or("unknown", |id| id.as_str());
        let what = format!("{} is left unfinished at B2 (id {id})", file.file_name);
        terminal.error(&*failure::context(what, error));
    }
    for file in client.unfinished() {
        if file.state == UnfinishedState::Kept {
            terminal.info(&format!("{} is kept at B2, to be resumed", file.file_name));
        }
    }
}

fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
