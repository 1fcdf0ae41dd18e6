//! The command `sync`, and the output of all syncs.

use std::io::{Stdout, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use b2kit::Client;
use b2kit::sync::{Action, Cost, Status, Synchronizer, Withheld};
use blocking::Unblock;
use futures::{AsyncWriteExt as _, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::args::SyncArgs;
use crate::output::{json, output, print_error, status, threaded_output};
use crate::terminal::{OF_A_SYNC, TICK, Terminal, show};

pub(crate) async fn run(args: &SyncArgs, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let policy = args.policy()?;
    let sync = Synchronizer::between(client, &args.from, &args.to).await?;
    let sync = sync.policy(policy);
    match args.dry_run || args.check {
        true => plan(args, &sync).await,
        false => execute(&sync, terminal, args.json).await,
    }
}

/// Executes the plan, and shows what happens.
pub(crate) async fn execute(
    sync: &Synchronizer,
    terminal: &Terminal,
    writes_json: bool,
) -> Result<ExitCode> {
    let (mut run, bar) = (sync.run()?, terminal.bar(OF_A_SYNC));
    let mut out = writes_json.then(threaded_output);
    let mut tick = tokio::time::interval(TICK);
    loop {
        let outcome = tokio::select! {
            outcome = run.next() => outcome,
            _ = tick.tick() => {
                let now = run.progress();
                show(&bar, now, now.bytes, Some(now.total_bytes));
                continue;
            }
        };
        match outcome {
            Some(Ok(outcome)) => {
                let is_in_json = writes_json && matches!(outcome.status, Status::Done);
                match outcome.is_notable() && !is_in_json {
                    true if outcome.is_failure() => terminal.error(&outcome),
                    true => terminal.info(&outcome),
                    false => {}
                }
                send(&mut out, &outcome).await?;
            }
            Some(Err(error)) => terminal.error(error),
            None => break,
        }
    }
    drop(bar);
    let summary = run.summary();
    match summary.is_complete() {
        true => terminal.info(summary),
        false => terminal.error(format!("incomplete: {summary}")),
    }
    send(&mut out, &summary).await?;
    if let Some(mut out) = out {
        out.flush().await.context("the outcomes can't be written")?;
    }
    Ok(status(summary.is_complete()))
}

/// Writes a JSON object, and waits if the reader is too far behind. Without a reader it does nothing: the sync goes on,
/// and the flush at its end returns the error.
async fn send(out: &mut Option<Unblock<Stdout>>, value: &impl Serialize) -> Result<()> {
    if let Some(out) = out {
        let mut line = Vec::new();
        json(&mut line, value)?;
        let _ = out.write_all(&line).await;
    }
    Ok(())
}

/// Prints the plan, or what is refused in it.
async fn plan(args: &SyncArgs, sync: &Synchronizer) -> Result<ExitCode> {
    let (mut plan, mut out, mut cost) = (sync.plan()?, output(), Cost::default());
    while let Some(action) = plan.try_next().await? {
        cost = cost.with(&action);
        let is_refused = matches!(action, Action::Refuse { .. });
        match args.json {
            _ if args.check && !is_refused => {}
            true => json(&mut out, &action)?,
            false if action.is_notable() => writeln!(out, "{action}")?,
            false => {}
        }
    }
    match args.json {
        _ if args.check => {}
        true => json(&mut out, &cost)?,
        false => writeln!(out, "{cost}")?,
    }
    out.flush()?;
    let (planned, allowed) = (cost.removals, args.max_delete);
    let is_too_many = planned > allowed && !args.check;
    if is_too_many {
        let why = Withheld::TooMany { planned, allowed };
        print_error(&format!("nothing would be deleted or hidden: {why}"));
    }
    Ok(status(cost.refusals == 0 && !is_too_many))
}
