//! The commands `ls`, `du`, `stat`, `cat`, `link` and `hash`.

use std::fs::File as LocalFile;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use b2kit::types::{Action, FileVersion, ListedFile, Sha1, Sha1Hasher};
use b2kit::{Client, Error};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::args::{Du, File, Hash, Link, Ls};
use crate::escape::escape;
use crate::location::{Location, Remote};
use crate::output::{json, output, print_error, status};

/// Rows of a listing.
type Rows = BoxStream<'static, Result<ListedFile, Error>>;

/// A file's current version.
async fn current_version(client: &Client, at: &Remote) -> Result<FileVersion> {
    let found = at.bucket(client).await?.stat(at.name.as_str()).await?;
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

/// Flushes the output. A late error fails the command like any other.
fn done(mut out: impl Write) -> Result<ExitCode> {
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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
    let download = args.at.bucket(client).await?.download(&*args.at.name);
    let out = blocking::Unblock::new(io::stdout());
    download.to_writer(out).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn link(args: &Link, client: &Client) -> Result<ExitCode> {
    let bucket = args.at.bucket(client).await?;
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
                print_error(&format!("{}: {error:#}", escape(&at.to_string())));
            }
        }
    }
    done(out)?;
    Ok(status(is_complete))
}

async fn hash_one(at: &Location, client: Option<&Client>) -> Result<Sha1> {
    match (at, client) {
        (Location::Remote(at), Some(client)) => current_version(client, at)
            .await?
            .expected_sha1()
            .context("B2 has no SHA-1 of it"),
        (Location::Local(path), _) => Ok(sha1(path)?),
        _ => bail!("it is neither a path nor b2://BUCKET/NAME"),
    }
}

fn sha1(path: &Path) -> io::Result<Sha1> {
    let mut hasher = Sha1Hasher::default();
    let mut file = BufReader::with_capacity(1 << 20, LocalFile::open(path)?);
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finish())
}
