//! The commands `ls`, `du`, `stat`, `cat`, `link` and `hash`.

use std::fs::File as LocalFile;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use b2kit::sync::Location;
use b2kit::types::{Action, B2Uri, FileVersion, ListedFile, Sha1};
use b2kit::{BucketHandle, Client, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::args::{Du, File, Hash, Link, Ls};
use crate::output::{done, escape, json, output, print_error, status, threaded_output};

/// A listing.
pub(crate) type Files<T = FileVersion> = BoxStream<'static, Result<T, Error>>;

/// The current versions of all files with this prefix, or all their versions.
pub(crate) fn with_prefix(bucket: &BucketHandle, prefix: &str, versions: bool) -> Files {
    match versions {
        true => bucket.versions(prefix).boxed(),
        false => bucket.list(prefix).boxed(),
    }
}

/// The current version of the file of this name, or all its versions.
pub(crate) fn named(bucket: &BucketHandle, name: &str, versions: bool) -> Files {
    let own = name.to_owned();
    let is_it = move |version: &FileVersion| ready(Ok(version.file_name == *own));
    // It is listed before all names that begin with its own.
    let files = with_prefix(bucket, name, versions);
    files.try_take_while(is_it).boxed()
}

/// The files at a location: those with its prefix; or the file of its name, then those in the folder of this name. With
/// `is_deep` also those in the folders below.
fn list(bucket: &BucketHandle, at: &B2Uri, versions: bool, is_deep: bool) -> Files<ListedFile> {
    let (row, folder) = (ListedFile::Version, at.folder());
    let below = match is_deep {
        true => with_prefix(bucket, &folder, versions).map_ok(row).boxed(),
        false => bucket.list_folder(&at.name).boxed(),
    };
    let file = (!at.is_prefix()).then(|| named(bucket, &at.name, versions).map_ok(row));
    stream::iter(file).flatten().chain(below).boxed()
}

/// A file's current version.
async fn current_version(client: &Client, at: &B2Uri) -> Result<FileVersion> {
    let found = client.bucket(&at.bucket).await?.stat(&*at.name).await?;
    found.with_context(|| format!("{} has no file {:?}, or it is hidden", at.bucket, at.name))
}

pub(crate) async fn ls(args: &Ls, client: &Client) -> Result<ExitCode> {
    let mut out = output();
    let Some(at) = &args.at else {
        for bucket in client.buckets().await? {
            match args.json {
                true => json(&mut out, &bucket)?,
                false => writeln!(out, "b2://{}/", bucket.bucket_name)?,
            }
        }
        return done(out);
    };
    let bucket = client.bucket(&at.bucket).await?;
    let mut rows = list(&bucket, at, args.versions, args.versions || args.recursive);
    while let Some(row) = rows.try_next().await? {
        let name = escape(row.file_name());
        match &row {
            row if args.json => json(&mut out, row)?,
            ListedFile::Version(version) if args.long => write_long(&mut out, version)?,
            _ if args.long => writeln!(out, "{0:>24} {0:>15} {0:<24} {name}", "-")?,
            _ => writeln!(out, "{name}")?,
        }
    }
    done(out)
}

pub(crate) fn write_long(out: &mut impl Write, version: &FileVersion) -> io::Result<()> {
    let size = match version.action {
        Action::Hide => "hidden".to_owned(),
        Action::Start => "unfinished".to_owned(),
        _ => version.content_length.to_string(),
    };
    let (time, name) = (version.upload_timestamp, escape(version.file_name.as_str()));
    writeln!(out, "{time} {size:>15} {} {name}", version.file_id)
}

pub(crate) async fn du(args: &Du, client: &Client) -> Result<ExitCode> {
    let bucket = client.bucket(&args.at.bucket).await?;
    let add = |(files, bytes): (u64, u64), row: ListedFile| {
        let more = row.into_version().map_or(0, |file| file.content_length);
        ready(Ok((files + 1, bytes.saturating_add(more))))
    };
    let rows = list(&bucket, &args.at, args.versions, true);
    let (files, bytes) = rows.try_fold((0, 0), add).await?;
    let mut out = output();
    match args.json {
        true => writeln!(out, "{{\"files\":{files},\"bytes\":{bytes}}}")?,
        false => writeln!(out, "{bytes} bytes in {files} files")?,
    }
    done(out)
}

pub(crate) async fn stat(args: &File, client: &Client) -> Result<ExitCode> {
    let mut out = output();
    json(&mut out, &current_version(client, &args.at).await?)?;
    done(out)
}

pub(crate) async fn cat(args: &File, client: &Client) -> Result<ExitCode> {
    let bucket = client.bucket(&args.at.bucket).await?;
    let download = bucket.download(&*args.at.name);
    download.to_writer(threaded_output()).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn link(args: &Link, client: &Client) -> Result<ExitCode> {
    let bucket = client.bucket(&args.at.bucket).await?;
    let duration = Duration::from_secs(args.seconds);
    let link = bucket.presigned_url(&*args.at.name, duration).await?;
    let mut out = output();
    writeln!(out, "{}", link.url_with_token().expose())?;
    done(out)
}

/// Without a client only local files can be hashed.
pub(crate) async fn hash(args: &Hash, client: Option<&Client>) -> Result<ExitCode> {
    let (mut out, mut is_complete) = (output(), true);
    for at in &args.at {
        match hash_one(at, client).await {
            Ok(sha1) => writeln!(out, "{sha1}  {}", escape(&at.to_string()))?,
            Err(error) => {
                is_complete = false;
                print_error(&format!("{at}: {error:#}"));
            }
        }
    }
    done(out).map(|_| status(is_complete))
}

async fn hash_one(at: &Location, client: Option<&Client>) -> Result<Sha1> {
    match (at.clone(), client) {
        (Location::Remote(at), Some(client)) => {
            let version = current_version(client, &at).await?;
            version.expected_sha1().context("B2 has no SHA-1 of it")
        }
        (Location::Local(path), _) => {
            // On another thread, so that Ctrl-C is noticed.
            Ok(blocking::unblock(|| Sha1::of_reader(LocalFile::open(path)?)).await?)
        }
        (Location::Remote(_), None) => bail!("it needs an application key"),
    }
}
