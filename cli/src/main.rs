//! The program `b2kit`: arguments, messages and progress bars. The library `b2kit` does the rest.

#![expect(clippy::future_not_send, reason = "one thread does everything")]

mod args;
mod cp;
mod files;
mod output;
mod protection;
mod rm;
mod stop;
mod sync;
mod terminal;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Error, Result};
use b2kit::sync::Location;
use b2kit::{Client, Credentials, ErrorKind, UnfinishedState};
use clap::CommandFactory as _;

use crate::args::{Command, Cp, Program};
use crate::output::{done, output};
use crate::terminal::Terminal;

/// The exit status after Ctrl-C.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let program = Program::checked();
    let terminal = Terminal::begin(program.quiet, program.verbose);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(run(&program, &terminal)));
    match done {
        Ok(code) => code,
        // The reader has read enough, as `head` does. A command that changes something has to finish, though.
        Err(error) if has_no_reader(&error) && program.command.only_reads() => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(error);
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that needs no client; or any other until it is done or asked to stop, and then reports everything
/// left at B2.
async fn run(program: &Program, terminal: &Terminal) -> Result<ExitCode> {
    match &program.command {
        Command::Completion { shell } => {
            // Generated in memory first, since it panics if it can't write.
            let (mut script, mut out) = (Vec::new(), output());
            clap_complete::generate(*shell, &mut Program::command(), "b2kit", &mut script);
            out.write_all(&script)?;
            return done(out);
        }
        Command::Man => {
            let mut out = output();
            clap_mangen::Man::new(Program::command()).render(&mut out)?;
            return done(out);
        }
        Command::Hash(args) if !args.at.iter().any(Location::is_remote) => {
            return files::hash(args, None).await;
        }
        _ => {}
    }
    let client = Client::builder()
        .credentials(Credentials::from_env()?)
        .endpoint(&*program.endpoint)
        .user_agent(concat!("b2kit-cli/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let ended = tokio::select! {
        outcome = command(&program.command, terminal, &client) => Some(outcome),
        // The command is dropped, which removes partial files.
        () = stop::requested() => None,
    };
    if ended.is_none() {
        terminal.info("stopping; press Ctrl-C again to stop immediately");
    }
    tokio::select! {
        () = cancel_orphaned_uploads(&client, terminal) => {}
        () = stop::requested() => {
            terminal.info("stopped immediately; unfinished uploads may remain at B2");
        }
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

async fn command(command: &Command, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    match command {
        Command::Cp(args) => cp::run(args, terminal, client).await,
        Command::Sync(args) => sync::run(args, terminal, client).await,
        Command::Ls(args) => files::ls(args, client).await,
        Command::Du(args) => files::du(args, client).await,
        Command::Rm(args) => rm::rm(args, client).await,
        Command::Stat(args) => files::stat(args, client).await,
        Command::Cat(args) => files::cat(args, client).await,
        Command::Link(args) => files::link(args, client).await,
        Command::Unhide(args) => rm::unhide(args, client).await,
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
            terminal.info(format!("{} is kept at B2, to be resumed", file.file_name));
        }
    }
}

/// Whether standard output has lost its reader. A broken connection to B2 doesn't count.
fn has_no_reader(error: &Error) -> bool {
    let error_of_b2 = error.downcast_ref::<b2kit::Error>();
    let is_of_output = error_of_b2.is_none_or(|error| error.kind() == ErrorKind::Destination);
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    is_of_output && causes.any(|cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe)
}
