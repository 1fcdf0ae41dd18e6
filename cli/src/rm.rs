//! The commands that hide and delete: `rm` and `unfinished`.

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use b2kit::types::{FileVersion, Timestamp};
use b2kit::{BucketHandle, Client, DeleteMode, DeleteScope, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::args::{Rm, Unfinished, refuse};
use crate::escape::escape;
use crate::files::write_long;
use crate::output::{output, print_error, status};

/// Maximum number of concurrent calls.
const CALLS: usize = 16;

pub(crate) async fn rm(args: &Rm, client: &Client) -> Result<ExitCode> {
    match (args.at.is_prefix(), args.recursive) {
        (true, false) => refuse("rm", "all files with a prefix: add --recursive"),
        // `a` would also match `a.bak`.
        (false, true) => refuse("rm", "--recursive needs a prefix that ends in /"),
        _ => {}
    }
    let (bucket, name) = (&args.at.bucket(client).await?, &*args.at.name);
    let verb = match args.versions || args.current {
        true => "deleted",
        false => "hidden",
    };
    let mode = mode(args.dry_run);
    let code = match (args.recursive && args.versions, name) {
        (true, "") => report_outcomes(bucket.delete_all_files(mode), args.dry_run, verb).await?,
        (true, _) => report_outcomes(bucket.delete_prefix(name, mode), args.dry_run, verb).await?,
        (false, _) => {
            let remove = |version| async { Ok(remove(args, bucket, version).await) };
            let done = files(args, bucket).map_ok(remove);
            report_outcomes(pin!(done.try_buffer_unordered(CALLS)), args.dry_run, verb).await?
        }
    };
    code.context("there is no such file")
}

/// The files to hide or delete: of a single name the newest version, which `versions` finds even if it is hidden.
fn files(args: &Rm, bucket: &BucketHandle) -> BoxStream<'static, Result<FileVersion, Error>> {
    let name = args.at.name.clone();
    let listed = match args.versions {
        true => bucket.versions(&name).boxed(),
        false => bucket.list(&name).boxed(),
    };
    match args.recursive {
        true => listed,
        false => listed
            .try_take_while(move |version| ready(Ok(version.file_name == *name)))
            .take(1)
            .boxed(),
    }
}

async fn remove(
    args: &Rm,
    bucket: &BucketHandle,
    version: FileVersion,
) -> (FileVersion, Result<(), Error>) {
    let name = version.name();
    let outcome = match (args.dry_run, args.versions, args.current) {
        (true, ..) => Ok(()),
        (_, true, _) => bucket
            .delete(name, DeleteScope::AllVersions)
            .await
            .map(drop),
        // The version that was listed, since there may be a newer one.
        (_, _, true) => bucket.delete_version(&version).await.map(drop),
        _ => bucket.hide(name).await.map(drop),
    };
    (version, outcome)
}

const fn mode(is_dry: bool) -> DeleteMode {
    match is_dry {
        true => DeleteMode::DryRun,
        false => DeleteMode::Delete { concurrency: CALLS },
    }
}

/// Prints the outcome for each file; `None` if there was no file. If standard output fails, the remaining files are
/// processed all the same.
async fn report_outcomes(
    mut outcomes: impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Unpin,
    is_dry: bool,
    verb: &str,
) -> Result<Option<ExitCode>> {
    let (mut out, mut found, mut failed) = (output(), 0_u64, 0_u64);
    let mut unwritten = None;
    let would = if is_dry { "would be " } else { "" };
    while let Some((version, outcome)) = outcomes.try_next().await? {
        found += 1;
        let (name, id) = (escape(version.file_name.as_str()), &version.file_id);
        match outcome {
            Ok(()) if unwritten.is_some() => {}
            Ok(()) => unwritten = writeln!(out, "{would}{verb}: {name} ({id})").err(),
            Err(error) => {
                failed += 1;
                print_error(&format!("{name} ({id}) is not {verb}: {error:#}"));
            }
        }
    }
    if let Some(error) = unwritten.or(out.flush().err()) {
        return Err(error).context("the outcomes can't be written");
    }
    Ok((found > 0).then(|| status(failed == 0)))
}

/// The upper limit of start times. `now` is by the clock that recorded them, and may be a minute late: 0 hours are all.
fn started_before(hours: u64, now: Timestamp) -> Timestamp {
    let age = i64::try_from(hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
    Timestamp::from_millis(match age {
        0 => i64::MAX,
        age => now.as_millis().saturating_sub(age),
    })
}

pub(crate) async fn unfinished(args: &Unfinished, client: &Client) -> Result<ExitCode> {
    let bucket = args.at.bucket(client).await?;
    let Some(hours) = args.cancel_older_than else {
        let (mut files, mut out) = (bucket.unfinished(&args.at.name), output());
        while let Some(file) = files.try_next().await? {
            write_long(&mut out, &file)?;
        }
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    if !args.at.is_prefix() {
        // `a` would also match `a.bak`.
        refuse(
            "unfinished",
            "--cancel-older-than needs a bucket or a prefix that ends in /",
        );
    }
    let before = started_before(hours, client.current_time());
    let cancelled = bucket.cancel_unfinished(&args.at.name, before, mode(args.dry_run));
    let code = report_outcomes(cancelled, args.dry_run, "cancelled").await?;
    Ok(code.unwrap_or(ExitCode::SUCCESS))
}
