//! The command `cp`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use b2kit::Client;
use b2kit::sync::SyncPolicy;
use b2kit::transfer::{Progress, Source, safe_local_path};
use b2kit::types::B2Uri;
use blocking::Unblock;

use crate::args::Cp;
use crate::location::Location;
use crate::output::ThreadedOutput;
use crate::sync::{execute, synchronizer};
use crate::terminal::Terminal;

pub(crate) async fn run(args: &Cp, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let (from, to) = (&args.from, &args.to);
    let policy = args.protection.policy(from, to)?;
    let policy = policy.resume(args.resume).hash_first(!args.no_hash_first);
    let copied = match (from, to) {
        (Location::Local(path), Location::Remote(to)) if is_directory(path, to)? => None,
        (Location::Remote(from), Location::Local(_)) if from.is_prefix() => None,
        (Location::Remote(from), to) => Some(download(from, to, &policy, terminal, client).await),
        (from, Location::Remote(to)) => Some(upload(from, to, &policy, terminal, client).await),
        _ => bail!("one of them must be b2://BUCKET/NAME"),
    };
    match copied {
        Some(copied) => {
            copied.with_context(|| format!("{from} to {to}"))?;
            Ok(ExitCode::SUCCESS)
        }
        // A sync that ignores what is at the destination.
        None => {
            let policy = policy.ignore_destination(true).portable_names(true);
            let tree = synchronizer(from, to, client).await?.policy(policy);
            execute(&tree, terminal, false).await
        }
    }
}

fn is_directory(from: &Path, to: &B2Uri) -> Result<bool> {
    let path = from.display();
    let found = fs::metadata(from).with_context(|| format!("{path} can't be read"))?;
    if found.is_dir() && !to.is_prefix() {
        bail!("{path} is a directory, so {:?} must end in /", to.name);
    }
    Ok(found.is_dir())
}

async fn upload(
    from: &Location,
    to: &B2Uri,
    policy: &SyncPolicy,
    terminal: &Terminal,
    client: &Client,
) -> Result<()> {
    let (source, name) = match from {
        Location::Local(path) => (Source::path(path), name_of(path, to)?),
        _ => (Source::reader(Unblock::new(io::stdin())), to.name.clone()),
    };
    let (bucket, progress) = (client.bucket(&to.bucket).await?, Progress::new());
    let upload = policy.apply_to_upload(bucket.upload(&*name, source));
    let upload = upload.progress(&progress);
    terminal.transfer(&name, &progress, upload).await.map(drop)
}

async fn download(
    from: &B2Uri,
    to: &Location,
    policy: &SyncPolicy,
    terminal: &Terminal,
    client: &Client,
) -> Result<()> {
    let (name, progress) = (&*from.name, Progress::new());
    let download = client.bucket(&from.bucket).await?.download(name);
    let download = policy.apply_to_download(download.modified_time());
    let download = download.progress(&progress);
    match to {
        Location::Local(path) => {
            let download = download.to_path(path_of(name, path)?);
            terminal.transfer(name, &progress, download).await.map(drop)
        }
        _ => {
            let download = download.to_writer(ThreadedOutput::new());
            terminal.transfer(name, &progress, download).await.map(drop)
        }
    }
}

/// The name at B2 of a local file: below a prefix, its own.
fn name_of(path: &Path, to: &B2Uri) -> Result<String> {
    if !to.is_prefix() {
        return Ok(to.name.clone());
    }
    let own = path.file_name().and_then(|own| own.to_str());
    let own = own.context("the file's name is not UTF-8; give a name at B2")?;
    Ok(format!("{}{own}", to.name))
}

/// Where to write the file `name`: `path`, or a file in it if it is a directory.
fn path_of(name: &str, path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let (_, own) = name.rsplit_once('/').unwrap_or(("", name));
    Ok(path.join(safe_local_path(own)?))
}
