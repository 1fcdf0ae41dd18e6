//! The commands that hide and delete: `rm` and `unfinished`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use b2kit::types::{FileVersion, Timestamp};
use b2kit::{BucketHandle, Client, DeleteMode, DeleteScope, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::args::{Rm, Unfinished};
use crate::files::{named, with_prefix, write_long};
use crate::output::{done, escape, output, print_error, status};

/// Maximum number of concurrent calls.
const CALLS: usize = 16;

/// What happens to each file. An error of the listing ends it.
type Outcomes<'a> = BoxStream<'a, Result<(FileVersion, Result<(), Error>), Error>>;

pub(crate) async fn rm(args: &Rm, client: &Client) -> Result<ExitCode> {
    let (bucket, name) = (&client.bucket(&args.at.bucket).await?, &*args.at.name);
    let outcomes = match (args.recursive && args.versions, name) {
        (true, "") => bucket.delete_all_files(mode(args.dry_run)).boxed(),
        (true, prefix) => bucket.delete_prefix(prefix, mode(args.dry_run)).boxed(),
        (false, _) => remove(args, bucket),
    };
    let deletes = args.versions || args.current;
    let verb = if deletes { "deleted" } else { "hidden" };
    let code = report(outcomes, args.dry_run, verb).await?;
    code.context("there is no such file")
}

/// Hides or deletes the files: of a single name the newest version, which `--versions` finds even if it is hidden.
fn remove<'a>(args: &'a Rm, bucket: &'a BucketHandle) -> Outcomes<'a> {
    let files = match args.recursive {
        true => with_prefix(bucket, &args.at.name, args.versions),
        false => named(bucket, &args.at.name, args.versions).take(1).boxed(),
    };
    let remove = move |version: FileVersion| async move {
        let (name, all) = (version.name(), DeleteScope::AllVersions);
        let outcome = match (args.dry_run, args.versions, args.current) {
            (true, ..) => Ok(()),
            (_, true, _) => bucket.delete(name, all).await.map(drop),
            // The version that was listed, since there may be a newer one.
            (_, _, true) => bucket.delete_version(&version).await.map(drop),
            _ => bucket.hide(name).await.map(drop),
        };
        Ok((version, outcome))
    };
    files.map_ok(remove).try_buffer_unordered(CALLS).boxed()
}

const fn mode(is_dry: bool) -> DeleteMode {
    match is_dry {
        true => DeleteMode::DryRun,
        false => DeleteMode::Delete { concurrency: CALLS },
    }
}

/// Prints the outcome for each file; `None` if there was no file. If standard output fails, the remaining files are
/// processed all the same.
async fn report(mut outcomes: Outcomes<'_>, is_dry: bool, verb: &str) -> Result<Option<ExitCode>> {
    let (mut out, mut found, mut is_complete, mut written) = (output(), false, true, Ok(()));
    let would = if is_dry { "would be " } else { "" };
    while let Some((version, outcome)) = outcomes.try_next().await? {
        found = true;
        let (name, id) = (escape(version.file_name.as_str()), &version.file_id);
        if let Err(error) = outcome {
            is_complete = false;
            print_error(&format!("{name} ({id}) is not {verb}: {error:#}"));
        } else if written.is_ok() {
            written = writeln!(out, "{would}{verb}: {name} ({id})");
        }
    }
    let written = written.and_then(|()| out.flush());
    written.context("the outcomes can't be written")?;
    Ok(found.then(|| status(is_complete)))
}

pub(crate) async fn unfinished(args: &Unfinished, client: &Client) -> Result<ExitCode> {
    let (bucket, at) = (client.bucket(&args.at.bucket).await?, &args.at);
    let Some(hours) = args.cancel_older_than else {
        let (files, mut out) = (bucket.unfinished(&at.name), output());
        let mut files = files.try_filter(|file| ready(at.contains(file.file_name.as_str())));
        while let Some(file) = files.try_next().await? {
            write_long(&mut out, &file)?;
        }
        return done(out);
    };
    let before = Timestamp::from_millis(match hours {
        // All, although the current time, which is B2's, may be a minute late.
        0 => i64::MAX,
        hours => client.current_time().as_millis() - i64::from(hours) * 3_600_000,
    });
    let cancelled = bucket.cancel_unfinished(&at.name, before, mode(args.dry_run));
    let code = report(cancelled.boxed(), args.dry_run, "cancelled").await?;
    Ok(code.unwrap_or(ExitCode::SUCCESS))
}
