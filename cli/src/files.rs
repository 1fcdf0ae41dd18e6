//! The commands `ls`, `du`, `rm`, `stat`, `cat`, `link`, `hash` and `unfinished`.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use b2kit::types::{Action, FileVersion, ListedFile, Sha1, Sha1Hasher, Timestamp};
use b2kit::{Client, DeleteMode, DeleteScope, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::args::{Du, File, Hash, Link, Ls, Rm, Unfinished, refuse};
use crate::escape::escape;
use crate::exit_status::status;
use crate::failure::{Failure, context};
use crate::location::{Location, Remote};
use crate::output::{Output, json};

/// Maximum number of concurrent calls.
const CALLS: usize = 16;

/// Rows of a listing.
type Rows = BoxStream<'static, Result<ListedFile, Error>>;

/// A file's current version.
async fn current_version(client: &Client, at: &Remote) -> Result<FileVersion, Failure> {
    let found = at.bucket(client).await?.stat(at.name.as_str()).await?;
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
    let bucket = at.bucket(client).await?;
    let mut rows: Rows = match (args.versions, args.recursive) {
        (true, _) => bucket
            .versions(&at.name)
            .map_ok(ListedFile::Version)
            .boxed(),
        (false, true) => bucket.list(&at.name).map_ok(ListedFile::Version).boxed(),
        (false, false) if at.is_prefix() => bucket.list_folder(&at.name).boxed(),
        (false, false) => bucket.list_folder(&format!("{}/", at.name)).boxed(),
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
    let bucket = args.at.bucket(client).await?;
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
    match (args.at.is_prefix(), args.recursive) {
        (true, false) => refuse("rm", "all files with a prefix: add --recursive"),
        // `a` would also match `a.bak`.
        (false, true) => refuse("rm", "--recursive needs a prefix that ends in /"),
        _ => {}
    }
    let bucket = &args.at.bucket(client).await?;
    let name = &*args.at.name;
    if args.recursive && args.versions {
        let mode = mode(args.dry_run);
        let code = match name {
            "" => report_outcomes(bucket.delete_all_files(mode), args.dry_run, "deleted").await,
            name => {
                report_outcomes(bucket.delete_prefix(name, mode), args.dry_run, "deleted").await
            }
        };
        return code?.ok_or_else(|| NOTHING.into());
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
    let done = Box::pin(done.try_buffer_unordered(CALLS));
    report_outcomes(done, args.dry_run, verb)
        .await?
        .ok_or_else(|| NOTHING.into())
}

const fn mode(is_dry: bool) -> DeleteMode {
    match is_dry {
        true => DeleteMode::DryRun,
        false => DeleteMode::Delete { concurrency: CALLS },
    }
}

const NOTHING: &str = "there is no such file";

/// Prints an error. Standard error may be closed.
fn print_error(what: &str) {
    let _ = writeln!(io::stderr(), "error: {what}");
}

/// Prints the outcome for each file; `None` if there was no file. If standard output fails, the remaining files are
/// processed all the same.
async fn report_outcomes(
    mut outcomes: impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Unpin,
    is_dry: bool,
    verb: &str,
) -> Result<Option<ExitCode>, Failure> {
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
        return Err(context("the outcomes can't be written".to_owned(), error));
    }
    Ok((found > 0).then(|| status(failed == 0)))
}

pub(crate) async fn stat(args: &File, client: &Client) -> Result<ExitCode, Failure> {
    let mut out = Output::new();
    json(&mut out, &current_version(client, &args.at).await?)?;
    Ok(out.done()?)
}

pub(crate) async fn cat(args: &File, client: &Client) -> Result<ExitCode, Failure> {
    let download = args.at.bucket(client).await?.download(&*args.at.name);
    let out = blocking::Unblock::new(io::stdout());
    download.to_writer(out).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn link(args: &Link, client: &Client) -> Result<ExitCode, Failure> {
    let bucket = args.at.bucket(client).await?;
    let duration = Duration::from_secs(args.seconds);
    let link = bucket.presigned_url(&*args.at.name, duration).await?;
    let mut out = Output::new();
    writeln!(out, "{}", link.url_with_token().expose())?;
    Ok(out.done()?)
}

/// Without a client only local files can be hashed.
pub(crate) async fn hash(args: &Hash, client: Option<&Client>) -> Result<ExitCode, Failure> {
    let (mut out, mut failed) = (Output::new(), false);
    for location in &args.at {
        let (sha1, name) = match (location, client) {
            (Location::Remote(at), Some(client)) => {
                let sha1 = current_version(client, at).await?.expected_sha1();
                let sha1 = sha1.ok_or_else(|| "B2 has no SHA-1 of it".to_owned());
                (sha1, format!("b2://{}/{}", at.bucket, at.name))
            }
            (Location::Local(path), _) => {
                let sha1 = sha1(path).map_err(|error| error.to_string());
                (sha1, path.display().to_string())
            }
            _ => continue,
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
    Ok(status(!failed))
}

fn sha1(path: &Path) -> io::Result<Sha1> {
    let mut hasher = Sha1Hasher::default();
    let mut file = BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    loop {
        let chunk = file.fill_buf()?;
        if chunk.is_empty() {
            return Ok(hasher.finish());
        }
        hasher.update(chunk);
        let read = chunk.len();
        file.consume(read);
    }
}

/// The upper limit of start times. `now` is by the clock that recorded them, and may be a minute late: 0 hours are all.
fn started_before(hours: u64, now: Timestamp) -> Timestamp {
    let age = i64::try_from(hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
    Timestamp::from_millis(match age {
        0 => i64::MAX,
        age => now.as_millis().saturating_sub(age),
    })
}

pub(crate) async fn unfinished(args: &Unfinished, client: &Client) -> Result<ExitCode, Failure> {
    let bucket = args.at.bucket(client).await?;
    let Some(hours) = args.cancel_older_than else {
        let (mut files, mut out) = (bucket.unfinished(&args.at.name), Output::new());
        while let Some(file) = files.try_next().await? {
            write_long(&mut out, &file)?;
        }
        return Ok(out.done()?);
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
