//! The command `sync`, and the output of all syncs.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use b2kit::Client;
use b2kit::sync::{Action, Cost, Outcome, Status, Summary, Synchronizer};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::args::SyncArgs;
use crate::location::Location;
use crate::output::{JsonLines, json, output, status};
use crate::terminal::{OF_A_SYNC, TICK, Terminal};

pub(crate) async fn run(args: &SyncArgs, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let policy = args.policy()?;
    let sync = synchronizer(&args.from, &args.to, client).await?;
    let sync = sync.policy(policy);
    match args.dry_run || args.check {
        true => plan(args, &sync).await,
        false => execute(&sync, terminal, args.json).await,
    }
}

pub(crate) async fn synchronizer(
    from: &Location,
    to: &Location,
    client: &Client,
) -> Result<Synchronizer> {
    Ok(match (from, to) {
        (Location::Local(from), Location::Remote(to)) => {
            Synchronizer::up(from, &client.bucket(&to.bucket).await?, &to.name)
        }
        (Location::Remote(from), Location::Local(to)) => {
            Synchronizer::down(&client.bucket(&from.bucket).await?, &from.name, to)
        }
        (Location::Remote(from), Location::Remote(to)) => {
            let source = client.bucket(&from.bucket).await?;
            let destination = client.bucket(&to.bucket).await?;
            Synchronizer::copy(&source, &from.name, &destination, &to.name)
        }
        _ => bail!("one of them must be b2://BUCKET/PREFIX"),
    })
}

/// Executes the plan, and shows what happens.
pub(crate) async fn execute(
    sync: &Synchronizer,
    terminal: &Terminal,
    writes_json: bool,
) -> Result<ExitCode> {
    let (mut run, bar) = (sync.run()?, terminal.bar(OF_A_SYNC));
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
            _ = tick.tick() => {
                let now = run.progress();
                bar.show(now, now.bytes, Some(now.total_bytes));
            }
        }
    }
    drop(bar);
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
    match summary.undone() {
        0 if summary.is_complete() => {}
        0 => terminal.error("not everything was compared"),
        undone => terminal.error(format!("{undone} were not done")),
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
