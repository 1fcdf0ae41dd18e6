//! The command `sync`, and how any sync is shown.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use b2kit::Client;
use b2kit::sync::{Action, Cost, Outcome, Reason, Status, Summary, SyncProgress, Synchronizer};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::DecimalBytes;

use crate::args::{SyncArgs, refuse};
use crate::exit_status::status;
use crate::failure::{Failure, WithContext, context};
use crate::location::Location;
use crate::output::{JsonLines, Output, json};
use crate::terminal::{TICK, Terminal};

pub(crate) async fn run(
    args: &SyncArgs,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode, Failure> {
    let sync = synchronizer(args, client).await?.policy(args.policy()?);
    match args.dry_run || args.check {
        true => plan(args, &sync).await,
        false => execute(&sync, terminal, args.json).await,
    }
}

async fn synchronizer(args: &SyncArgs, client: &Client) -> Result<Synchronizer, Failure> {
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
) -> Result<ExitCode, Failure> {
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
                Some(Err(error)) => terminal.error(&error),
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
        let written = lines.done().await;
        written.map_err(|error| context("the outcomes can't be written", error))?;
    }
    Ok(conclude(terminal, &summary))
}

/// Prints an outcome for people.
fn report(terminal: &Terminal, writes_json: bool, outcome: &Outcome) {
    let action = &outcome.action;
    match &outcome.status {
        Status::Done if !writes_json => terminal.info(&action.to_string()),
        Status::Refused => terminal.error(&*Failure::from(action.to_string())),
        Status::Changed => terminal.error(&*Failure::from(format!(
            "{action}: not done, since something else is at the destination by now"
        ))),
        Status::Failed(error) => terminal.error(&WithContext {
            what: action.to_string(),
            error: error.clone().into(),
        }),
        Status::Skipped if !is_usual(action) => terminal.info(&action.to_string()),
        _ => {}
    }
}

/// Whether it needs no explanation that nothing is done.
const fn is_usual(action: &Action) -> bool {
    matches!(
        action,
        Action::Skip {
            reason: Reason::Same | Reason::SameSha1 | Reason::Extra,
            ..
        }
    )
}

fn conclude(terminal: &Terminal, summary: &Summary) -> ExitCode {
    terminal.info(&format!(
        "{} uploaded, {} downloaded, {} copied ({}), {} hidden, {} deleted, {} the same or skipped",
        summary.uploaded,
        summary.downloaded,
        summary.copied,
        DecimalBytes(summary.bytes),
        summary.hidden,
        summary.deleted,
        summary.skipped,
    ));
    if let Some(why) = summary.withheld_because {
        terminal.error(&*Failure::from(format!(
            "{} were not deleted or hidden: {why}",
            summary.withheld
        )));
    }
    if !summary.is_complete() {
        let undone = summary.refused + summary.changed + summary.failed + summary.withheld;
        terminal.error(&*Failure::from(format!("{undone} were not done")));
    }
    status(summary.is_complete())
}

/// Prints the plan, or what is refused in it.
async fn plan(args: &SyncArgs, sync: &Synchronizer) -> Result<ExitCode, Failure> {
    let (mut plan, mut out, mut cost) = (sync.plan()?, Output::new(), Cost::default());
    while let Some(action) = plan.try_next().await? {
        cost = cost.with(&action);
        let is_refused = matches!(action, Action::Refuse { .. });
        let is_quiet = is_usual(&action) || matches!(action, Action::End(_));
        match args.json {
            _ if args.check && !is_refused => {}
            true => json(&mut out, &action)?,
            false if is_quiet => {}
            false => writeln!(out, "{action}")?,
        }
    }
    match (args.check, args.json) {
        (true, _) => {}
        (false, true) => json(&mut out, &cost)?,
        (false, false) => writeln!(out, "{}", price(&cost))?,
    }
    out.done()?;
    Ok(status(cost.refusals == 0))
}

fn price(cost: &Cost) -> String {
    let calls = cost.calls;
    format!(
        "{} to upload ({}), {} to download ({}), {} to copy, {} to delete or hide, \
         {} refused; about {} calls of class A, {} of B, {} of C",
        cost.uploads,
        DecimalBytes(cost.uploaded_bytes),
        cost.downloads,
        DecimalBytes(cost.downloaded_bytes),
        cost.copies,
        cost.removals,
        cost.refusals,
        calls.class_a,
        calls.class_b,
        calls.class_c,
    )
}

fn progress(now: SyncProgress, elapsed: Duration) -> String {
    let more = if now.is_scanned { "" } else { " or more" };
    let rate = now.bytes / elapsed.as_secs().max(1);
    let left = now.total_bytes.saturating_sub(now.bytes) / rate.max(1);
    format!(
        "{} of {}{more} files, {} of {}, {}/s, {left} s{more} left, {} retries, {} looked at",
        now.finished_transfers,
        now.transfers,
        DecimalBytes(now.bytes),
        DecimalBytes(now.total_bytes),
        DecimalBytes(rate),
        now.retries,
        now.scanned,
    )
}
