//! The command `sync`.

use std::io::Write as _;
use std::process::ExitCode;

use b2kit::Client;
use b2kit::sync::{Action, Cost, Outcome, Reason, Status, SyncProgress, Synchronizer};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::DecimalBytes;

use crate::Failure;
use crate::args::{SyncArgs, refuse};
use crate::location::Location;
use crate::output::{Output, json};
use crate::terminal::{TICK, Terminal};

pub(crate) async fn run(
    args: &SyncArgs,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode, Failure> {
    let sync = synchronizer(args, client).await?.policy(args.policy()?);
    if args.dry_run || args.check {
        return plan(args, &sync).await;
    }
    let (mut run, bar) = (sync.execute(sync.plan()?), terminal.bar());
    let mut tick = tokio::time::interval(TICK);
    // The first error of standard output. The sync continues all the same.
    let mut unwritten = None;
    loop {
        tokio::select! {
            outcome = run.next() => match outcome {
                Some(Ok(outcome)) => {
                    let prints = args.json && unwritten.is_none();
                    unwritten = unwritten.or(report(prints, args, terminal, &outcome).err());
                }
                Some(Err(error)) => terminal.error(&error),
                None => break,
            },
            _ = tick.tick() => bar.set_message(line(run.progress())),
        }
    }
    bar.finish_and_clear();
    let summary = run.summary();
    if args.json && unwritten.is_none() {
        unwritten = json(&mut std::io::stdout().lock(), &summary).err();
    }
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
    if let Some(error) = unwritten {
        return Err(crate::cp::context(
            "the outcomes can't be written".to_owned(),
            error,
        ));
    }
    if summary.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    let undone = summary.refused + summary.changed + summary.failed + summary.withheld;
    terminal.error(&*Failure::from(format!("{undone} were not synced")));
    Ok(ExitCode::FAILURE)
}

async fn synchronizer(args: &SyncArgs, client: &Client) -> Result<Synchronizer, Failure> {
    Ok(match (&args.from, &args.to) {
        (Location::Local(root), Location::Remote { bucket, name }) => {
            Synchronizer::up(root, &client.bucket(bucket).await?, name)
        }
        (Location::Remote { bucket, name }, Location::Local(root)) => {
            Synchronizer::down(&client.bucket(bucket).await?, name, root)
        }
        (
            Location::Remote { bucket, name },
            Location::Remote {
                bucket: other,
                name: there,
            },
        ) => {
            let (source, destination) = (client.bucket(bucket).await?, client.bucket(other).await?);
            Synchronizer::copy(&source, name, &destination, there)
        }
        _ => refuse(
            "sync",
            "one of FROM and TO must be b2://BUCKET/PREFIX, and neither can be -",
        ),
    })
}

/// Prints the plan, or what is refused in it.
async fn plan(args: &SyncArgs, sync: &Synchronizer) -> Result<ExitCode, Failure> {
    let (mut plan, mut out, mut cost) = (sync.plan()?, Output::new(), Cost::default());
    while let Some(action) = plan.try_next().await? {
        cost = cost.with(&action);
        let is_refused = matches!(action, Action::Refuse { .. });
        let is_quiet = matches!(
            &action,
            Action::End(_)
                | Action::Skip {
                    reason: Reason::Same | Reason::SameSha1 | Reason::Extra,
                    ..
                }
        );
        match args.json {
            _ if args.check && !is_refused => {}
            true => json(&mut out, &action)?,
            false if is_quiet => {}
            false => writeln!(out, "{action}")?,
        }
    }
    if args.json && !args.check {
        json(&mut out, &cost)?;
    } else if !args.check {
        let (up, down) = (
            DecimalBytes(cost.uploaded_bytes),
            DecimalBytes(cost.downloaded_bytes),
        );
        let calls = cost.calls;
        writeln!(
            out,
            "{} to upload ({up}), {} to download ({down}), {} to copy, {} to delete or hide, \
             {} refused; about {} calls of class A, {} of B, {} of C",
            cost.uploads,
            cost.downloads,
            cost.copies,
            cost.removals,
            cost.refusals,
            calls.class_a,
            calls.class_b,
            calls.class_c,
        )?;
    }
    let code = out.done()?;
    Ok(if cost.refusals == 0 {
        code
    } else {
        ExitCode::FAILURE
    })
}

/// Writes an outcome as JSON if `prints`, and errors for people.
fn report(
    prints: bool,
    args: &SyncArgs,
    terminal: &Terminal,
    outcome: &Outcome,
) -> std::io::Result<()> {
    let written = match prints {
        true => json(&mut std::io::stdout().lock(), outcome),
        false => Ok(()),
    };
    let action = &outcome.action;
    match &outcome.status {
        Status::Done if !args.json => terminal.info(&action.to_string()),
        Status::Refused => terminal.error(&*Failure::from(action.to_string())),
        Status::Changed => terminal.error(&*Failure::from(format!(
            "{action}: not done, for something else is at the destination by now"
        ))),
        Status::Failed(error) => terminal.error(&crate::cp::WithContext {
            what: action.to_string(),
            error: error.clone().into(),
        }),
        _ => {}
    }
    written
}

fn line(now: SyncProgress) -> String {
    let more = if now.is_scanned { "" } else { " or more" };
    format!(
        "{} of {}{more} files, {} of {}, {} looked at",
        now.transfers_over,
        now.transfers,
        DecimalBytes(now.bytes),
        DecimalBytes(now.total_bytes),
        now.scanned,
    )
}
