//! The commands `ls`, `du`, `rm`, `stat`, `cat`, `link`, `hash` and `unfinished`.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use b2kit::types::{Action, FileVersion, ListedFile, Sha1Hasher, Timestamp};
use b2kit::{BucketHandle, Client, DeleteMode, DeleteScope, Error, SystemTimer, Timer as _};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::Failure;
use crate::args::{Du, File, Hash, Link, Ls, Rm, Stat, Unfinished, refuse};
use crate::escape::escape;
use crate::location::{Location, Remote, is_prefix};
use crate::output::{Output, json};

/// Maximum number of concurrent calls.
const CALLS: usize = 16;

/// Rows of a listing.
type Rows = BoxStream<'static, Result<ListedFile, Error>>;

async fn bucket(client: &Client, at: &Remote) -> Result<BucketHandle, Failure> {
    Ok(client.bucket(&at.bucket).await?)
}

/// A file's current version. Exits with a usage error if the name is a prefix.
async fn current_version(
    client: &Client,
    at: &Remote,
    command: &str,
) -> Result<FileVersion, Failure> {
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
            ListedFile::Version(version) if args.long => write_long(&mut out, version)?,
            row if args.long => writeln!(
                out,
                "{:>24} {:>15} {:<24} {}",
                "-",
                "-",
                "-",
                escape(row.file_name())
            )?,
            row => writeln!(out, "{}", escape(row.file_name()))?,
        }
    }
    Ok(out.done()?)
}

/// The folder's name with a `/` at its end.
fn folder(name: &str) -> String {
    match is_prefix(name) {
        true => name.to_owned(),
        false => format!("{name}/"),
    }
}

fn write_long(out: &mut Output, version: &FileVersion) -> io::Result<()> {
    let size = match version.action {
        Action::Hide => "hidden".to_owned(),
        Action::Start => "unfinished".to_owned(),
        _ => version.content_length.to_string(),
    };
    let (time, name) = (version.upload_timestamp, escape(version.file_name.as_str()));
    writeln!(out, "{time} {size:>15} {} {name}", version.file_id)
}

pub(crate) async fn du(args: &Du, client: &Client) -> Result<ExitCode, Failure> {
    let bucket = bucket(client, &args.at).await?;
    let versions = match args.versions {
        true => bucket.versions(&args.at.name).boxed(),
        false => bucket.list(&args.at.name).boxed(),
    };
    let add = |(files, bytes), version: FileVersion| {
        ready(Ok((files + 1, bytes + version.content_length)))
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
        // `a` would also match `a.bak`.
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
        return match name {
            "" => report_outcomes(bucket.delete_all_files(mode), args.dry_run, "deleted").await,
            name => {
                report_outcomes(bucket.delete_prefix(name, mode), args.dry_run, "deleted").await
            }
        };
    }
    let files = match args.recursive {
        true => bucket.list(name).boxed(),
        false => {
            // `versions` also finds hidden files.
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
                // The version that was listed: there may be a newer one by now.
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
    report_outcomes(
        Box::pin(done.try_buffer_unordered(CALLS)),
        args.dry_run,
        verb,
    )
    .await
}

/// Prints an error. Standard error may be closed.
fn print_error(what: &str) {
    let _ = writeln!(io::stderr(), "error: {what}");
}

/// Prints the outcome for each file. If standard output fails, the remaining files are processed all the same.
async fn report_outcomes(
    mut outcomes: impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Unpin,
    is_dry: bool,
    verb: &str,
) -> Result<ExitCode, Failure> {
    let (mut out, mut found, mut failed) = (Output::new(), 0_u64, 0_u64);
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
    if let Some(error) = unwritten.or(out.done().err()) {
        return Err(crate::cp::context(
            "the outcomes can't be written".to_owned(),
            error,
        ));
    }
    if found == 0 {
        return Err("there is no such file".into());
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(crate) async fn stat(args: &Stat, client: &Client) -> Result<ExitCode, Failure> {
    let mut out = Output::new();
    json(&mut out, &current_version(client, &args.at, "stat").await?)?;
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
    for location in &args.at {
        let (sha1, name) = match (location, client) {
            (Location::Remote { bucket, name }, Some(client)) => {
                let at = Remote {
                    bucket: bucket.clone(),
                    name: name.clone(),
                };
                let version = current_version(client, &at, "hash").await?;
                let sha1 = version.expected_sha1().map(|sha1| sha1.to_string());
                (
                    sha1.ok_or_else(|| "B2 has no SHA-1 of it".to_owned()),
                    format!("b2://{bucket}/{name}"),
                )
            }
            (Location::Local(path), _) => {
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
            Ok(sha1) => writeln!(out, "{sha1}  {}", escape(&name))?,
            Err(why) => {
                failed = true;
                print_error(&format!("{}: {why}", escape(&name)));
            }
        }
    }
    out.done()?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
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
            write_long(&mut out, &file)?;
        }
        return Ok(out.done()?);
    };
    if !is_prefix(&args.at.name) {
        // `a` would also match `a.bak`.
        refuse(
            "unfinished",
            "--cancel-older-than needs a bucket or a prefix that ends in /",
        );
    }
    let age = Duration::from_secs(hours.saturating_mul(3_600));
    let before = SystemTimer
        .wall_clock()
        .checked_sub(age)
        .ok_or("--cancel-older-than is too long")?;
    let mode = match args.dry_run {
        true => DeleteMode::DryRun,
        false => DeleteMode::Delete { concurrency: CALLS },
    };
    let cancelled = bucket.cancel_unfinished(&args.at.name, Timestamp::try_from(before)?, mode);
    match report_outcomes(cancelled, args.dry_run, "cancelled").await {
        Err(error) if error.to_string() == "there is no such file" => Ok(ExitCode::SUCCESS),
        code => code,
    }
}
