//! `ls`, `du`, `rm`, `stat`, `cat`, `link`, `hash`, `unfinished`: what is asked of files at B2, and done to them.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use b2kit::types::{Action, FileVersion, ListedFile, Sha1Hasher, Timestamp};
use b2kit::{BucketHandle, Client, DeleteMode, DeleteScope, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::args::{Du, File, Hash, Link, Ls, Rm, Stat, Unfinished, refuse};
use crate::output::{Output, json};
use crate::place::{Place, Remote, is_prefix};
use crate::{Failure, status};

/// Calls that are under way at once.
const CALLS: usize = 16;

/// Rows of a listing.
type Rows = BoxStream<'static, Result<ListedFile, Error>>;

async fn bucket(client: &Client, at: &Remote) -> Result<BucketHandle, Failure> {
    Ok(client.bucket(&at.bucket).await?)
}

/// One file's current version.
async fn one(client: &Client, at: &Remote, command: &str) -> Result<FileVersion, Failure> {
    if is_prefix(&at.name) {
        refuse(command, "it needs the name of a file: b2://BUCKET/NAME");
    }
    let found = bucket(client, at).await?.stat(at.name.as_str()).await?;
    found.ok_or_else(|| format!("{} has no file {:?}, or it is hidden", at.bucket, at.name).into())
}

pub(crate) async fn ls(args: &Ls, client: &Client) -> Result<ExitCode, Failure> {
    let mut out = Output::new();
    let Some(at) = &args.at else {
        for bucket in client.buckets().await? {
            match args.json {
                true => json(&mut out, &bucket)?,
                false => writeln!(out, "b2://{}/", bucket.bucket_name)?,
            }
        }
        return Ok(out.done()?);
    };
    let bucket = bucket(client, at).await?;
    let mut rows: Rows = match (args.versions, args.recursive) {
        (true, _) => bucket
            .versions(&at.name)
            .map_ok(ListedFile::Version)
            .boxed(),
        (false, true) => bucket.list(&at.name).map_ok(ListedFile::Version).boxed(),
        (false, false) => bucket.list_folder(&folder(&at.name)).boxed(),
    };
    while let Some(row) = rows.try_next().await? {
        match &row {
            row if args.json => json(&mut out, row)?,
            ListedFile::Version(version) if args.long => long(&mut out, version)?,
            row if args.long => writeln!(
                out,
                "{:>24} {:>15} {:<24} {}",
                "-",
                "-",
                "-",
                escaped(row.file_name())
            )?,
            row => writeln!(out, "{}", escaped(row.file_name()))?,
        }
    }
    Ok(out.done()?)
}

/// A folder with or without its `/`.
fn folder(name: &str) -> String {
    match is_prefix(name) {
        true => name.to_owned(),
        false => format!("{name}/"),
    }
}

fn long(out: &mut Output, version: &FileVersion) -> io::Result<()> {
    let size = match version.action {
        Action::Hide => "hidden".to_owned(),
        Action::Start => "unfinished".to_owned(),
        _ => version.content_length.to_string(),
    };
    let (time, name) = (
        version.upload_timestamp,
        escaped(version.file_name.as_str()),
    );
    writeln!(out, "{time} {size:>15} {} {name}", version.file_id)
}

/// A name may hold what a terminal would obey.
fn escaped(name: &str) -> String {
    crate::shown::harmless(name)
}

pub(crate) async fn du(args: &Du, client: &Client) -> Result<ExitCode, Failure> {
    let bucket = bucket(client, &args.at).await?;
    let versions = match args.versions {
        true => bucket.versions(&args.at.name).boxed(),
        false => bucket.list(&args.at.name).boxed(),
    };
    let add = |(files, bytes), version: FileVersion| {
        ready(Ok((
            files + 1,
            version.content_length.saturating_add(bytes),
        )))
    };
    let (files, bytes): (u64, u64) = versions.try_fold((0, 0), add).await?;
    let mut out = Output::new();
    match args.json {
        true => writeln!(out, "{{\"files\":{files},\"bytes\":{bytes}}}")?,
        false => writeln!(out, "{bytes} bytes in {files} files")?,
    }
    Ok(out.done()?)
}

pub(crate) async fn rm(args: &Rm, client: &Client) -> Result<ExitCode, Failure> {
    match (is_prefix(&args.at.name), args.recursive) {
        (true, false) => refuse("rm", "all files with a prefix: add --recursive"),
        // Or `a` would stand for `a.bak` as well.
        (false, true) => refuse("rm", "--recursive needs a prefix that ends in /"),
        _ => {}
    }
    let bucket = &bucket(client, &args.at).await?;
    let name = &*args.at.name;
    if args.recursive && args.versions {
        let mode = match args.dry_run {
            true => DeleteMode::DryRun,
            false => DeleteMode::Delete { concurrency: CALLS },
        };
        let code = match name {
            "" => over(bucket.delete_all_files(mode), args.dry_run, "deleted").await,
            name => over(bucket.delete_prefix(name, mode), args.dry_run, "deleted").await,
        };
        return code?.ok_or_else(|| NOTHING.into());
    }
    let files = match args.recursive {
        true => bucket.list(name).boxed(),
        false => {
            // A hidden file has versions, too.
            let is_it = move |version: &FileVersion, name: &str| version.file_name == *name;
            let own = name.to_owned();
            let all = match args.versions {
                true => bucket.versions(name).boxed(),
                false => bucket.list(name).boxed(),
            };
            let all = all.try_take_while(move |version| ready(Ok(is_it(version, &own))));
            all.boxed().take(1).boxed()
        }
    };
    let done = files.map_ok(|version| async move {
        let name = version.name();
        let outcome = match (args.dry_run, args.versions, args.current) {
            (true, ..) => Ok(()),
            (_, true, _) => bucket
                .delete(name, DeleteScope::AllVersions)
                .await
                .map(drop),
            (_, _, true) => bucket
                // The one that was listed: a newer one may be there by now.
                .delete_version(&version)
                .await
                .map(drop),
            _ => bucket.hide(name).await.map(drop),
        };
        Ok((version, outcome))
    });
    let verb = match args.versions || args.current {
        true => "deleted",
        false => "hidden",
    };
    let done = Box::pin(done.try_buffer_unordered(CALLS));
    over(done, args.dry_run, verb)
        .await?
        .ok_or_else(|| NOTHING.into())
}

/// What can't be removed.
const NOTHING: &str = "there is no such file";

/// An error for people. Nobody may be there to read it.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "error: {what}");
}

/// Says of each file what happened to it; `None` if there was no file.
async fn over(
    mut outcomes: impl futures::Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Unpin,
    is_dry: bool,
    verb: &str,
) -> Result<Option<ExitCode>, Failure> {
    let (mut out, mut found, mut failed) = (Output::new(), 0_u64, 0_u64);
    // Nobody may read what is written. The rest is done all the same, and the exit status tells.
    let mut unwritten = None;
    let would = if is_dry { "would be " } else { "" };
    while let Some((version, outcome)) = outcomes.try_next().await? {
        found += 1;
        let (name, id) = (escaped(version.file_name.as_str()), &version.file_id);
        match outcome {
            Ok(()) if unwritten.is_some() => {}
            Ok(()) => unwritten = writeln!(out, "{would}{verb}: {name} ({id})").err(),
            Err(error) => {
                failed += 1;
                complain(&format!("{name} ({id}) is not {verb}: {error:#}"));
            }
        }
    }
    if let Some(error) = unwritten.or(out.done().err()) {
        return Err(crate::cp::about(
            "the outcomes can't be written".to_owned(),
            error,
        ));
    }
    Ok((found > 0).then(|| status(failed == 0)))
}

pub(crate) async fn stat(args: &Stat, client: &Client) -> Result<ExitCode, Failure> {
    let mut out = Output::new();
    json(&mut out, &one(client, &args.at, "stat").await?)?;
    Ok(out.done()?)
}

pub(crate) async fn cat(args: &File, client: &Client) -> Result<ExitCode, Failure> {
    if is_prefix(&args.at.name) {
        refuse("cat", "it needs the name of a file: b2://BUCKET/NAME");
    }
    let bucket = bucket(client, &args.at).await?;
    let out = blocking::Unblock::new(io::stdout());
    bucket
        .download(args.at.name.as_str())
        .to_writer(out)
        .await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn link(args: &Link, client: &Client) -> Result<ExitCode, Failure> {
    if is_prefix(&args.at.name) {
        refuse("link", "it needs the name of a file: b2://BUCKET/NAME");
    }
    let bucket = bucket(client, &args.at).await?;
    let duration = Duration::from_secs(args.seconds);
    let link = bucket
        .presigned_url(args.at.name.as_str(), duration)
        .await?;
    let mut out = Output::new();
    writeln!(out, "{}", link.url_with_token().expose())?;
    Ok(out.done()?)
}

pub(crate) async fn hash(args: &Hash, client: Option<&Client>) -> Result<ExitCode, Failure> {
    let (mut out, mut failed) = (Output::new(), false);
    for place in &args.at {
        let (sha1, name) = match (place, client) {
            (Place::There { bucket, name }, Some(client)) => {
                let at = Remote {
                    bucket: bucket.clone(),
                    name: name.clone(),
                };
                let version = one(client, &at, "hash").await?;
                let sha1 = version.expected_sha1().map(|sha1| sha1.to_string());
                (
                    sha1.ok_or_else(|| "B2 has no SHA-1 of it".to_owned()),
                    format!("b2://{bucket}/{name}"),
                )
            }
            (Place::Here(path), _) => {
                let file = std::fs::File::open(path).map(|mut file| {
                    let mut hasher = Hasher(Sha1Hasher::default());
                    io::copy(&mut file, &mut hasher).map(|_| hasher.0.finish().to_string())
                });
                let sha1 = file
                    .and_then(|sha1| sha1)
                    .map_err(|error| error.to_string());
                (sha1, path.display().to_string())
            }
            _ => refuse("hash", "it needs paths, and b2://BUCKET/NAME"),
        };
        match sha1 {
            Ok(sha1) => writeln!(out, "{sha1}  {}", escaped(&name))?,
            Err(why) => {
                failed = true;
                complain(&format!("{}: {why}", escaped(&name)));
            }
        }
    }
    out.done()?;
    Ok(status(!failed))
}

struct Hasher(Sha1Hasher);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) async fn unfinished(args: &Unfinished, client: &Client) -> Result<ExitCode, Failure> {
    let bucket = bucket(client, &args.at).await?;
    let Some(hours) = args.cancel_older_than else {
        let (mut files, mut out) = (bucket.unfinished(&args.at.name), Output::new());
        while let Some(file) = files.try_next().await? {
            long(&mut out, &file)?;
        }
        return Ok(out.done()?);
    };
    if !is_prefix(&args.at.name) {
        // Or uploads of `a.bak` would be cancelled for `a`.
        refuse(
            "unfinished",
            "--cancel-older-than needs a bucket or a prefix that ends in /",
        );
    }
    let age = i64::try_from(hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
    // By the clock of those who say when a file was started.
    let before = client.current_time().as_millis().saturating_sub(age);
    let mode = match args.dry_run {
        true => DeleteMode::DryRun,
        false => DeleteMode::Delete { concurrency: CALLS },
    };
    let before = Timestamp::from_millis(before);
    let cancelled = bucket.cancel_unfinished(&args.at.name, before, mode);
    let code = over(cancelled, args.dry_run, "cancelled").await?;
    Ok(code.unwrap_or(ExitCode::SUCCESS))
}
