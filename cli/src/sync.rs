//! The command `sync`, and the output of all syncs.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use b2kit::Client;
use b2kit::sync::{Action, Cost, Outcome, Status, Summary, SyncProgress, Synchronizer};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::DecimalBytes;

use crate::args::{SyncArgs, refuse};
use crate::location::Location;
use crate::output::{JsonLines, json, output, status};
use crate::terminal::{TICK, Terminal};

pub(crate) async fn run(args: &SyncArgs, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let policy = args.policy()?;
    let sync = synchronizer(args, client).await?.policy(policy);
    match args.dry_run || args.check {
        true => plan(args, &sync).await,
        false => execute(&sync, terminal, args.json).await,
    }
}

async fn synchronizer(args: &SyncArgs, client: &Client) -> Result<Synchronizer> {
    Ok(match (&args.from, &args.to) {
        (Location::Local(root), Location::Remote(to)) => {
            Synchronizer::up(root, &to.bucket(client).await?, &to.name)
        }
        (Location::Remote(from), Location::Local(root)) => {
            Synchronizer::down(&from.bucket(client).await?, &from.name, root)
        }
        (Location::Remote(from), Location::Remote(to)) => {
            let (source, destination) = (from.bucket(client).await?, to.bucket(client).await?);
            Synchronizer::copy(&source, &from.name, &destination, &to.name)
        }
        _ => refuse(
            "sync",
            "one of FROM and TO must be b2://BUCKET/PREFIX, and neither can be -",
        ),
    })
}

/// Executes the plan, and shows what happens.
pub(crate) async fn execute(
    sync: &Synchronizer,
    terminal: &Terminal,
    writes_json: bool,
) -> Result<ExitCode> {
    let (mut run, bar) = (sync.execute(sync.plan()?), terminal.bar());
    let mut lines = writes_json.then(JsonLines::begin);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            outcome = run.next() => match outcome {
                Some(Ok(outcome)) => {
                    report(terminal, writes_json, &outcome);
                    if let Some(lines) = &mut lines {
                        lines.send(&outcome).await?;
                    }
                }
                Some(Err(error)) => terminal.error(error),
                None => break,
            },
            _ = tick.tick() => bar.set_message(progress(run.progress(), bar.elapsed())),
        }
    }
    bar.finish_and_clear();
    let summary = run.summary();
    if let Some(mut lines) = lines {
        lines.send(&summary).await?;
        // The sync has finished all the same.
        lines
            .done()
            .await
            .context("the outcomes can't be written")?;
    }
    Ok(conclude(terminal, &summary))
}

/// Prints an outcome for people.
fn report(terminal: &Terminal, writes_json: bool, outcome: &Outcome) {
    let is_in_json = writes_json && matches!(outcome.status, Status::Done);
    if outcome.is_notable() && outcome.is_failure() {
        terminal.error(outcome);
    } else if outcome.is_notable() && !is_in_json {
        terminal.info(&outcome.to_string());
    }
}

fn conclude(terminal: &Terminal, summary: &Summary) -> ExitCode {
    terminal.info(&summary.to_string());
    if let Some(why) = summary.withheld_because {
        let withheld = summary.withheld;
        terminal.error(format!("{withheld} were not deleted or hidden: {why}"));
    }
    if !summary.is_complete() {
        terminal.error(format!("{} were not done", summary.undone()));
    }
    status(summary.is_complete())
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
    match (args.check, args.json) {
        (true, _) => {}
        (false, true) => json(&mut out, &cost)?,
        (false, false) => writeln!(out, "{cost}")?,
    }
    out.flush()?;
    Ok(status(cost.refusals == 0))
}

fn progress(now: SyncProgress, elapsed: Duration) -> String {
    let rate = now.bytes / elapsed.as_secs().max(1);
    let left = now.total_bytes.saturating_sub(now.bytes) / rate.max(1);
    format!("{now}, {}/s, {left} s left", DecimalBytes(rate))
}
