//! The command `cp`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use b2kit::Client;
use b2kit::sync::Location::{self, Local, Remote};
use b2kit::sync::{SyncPolicy, Synchronizer};
use b2kit::transfer::{Progress, Source};
use b2kit::types::B2Uri;
use blocking::Unblock;

use crate::args::{Cp, is_stdio};
use crate::output::threaded_output;
use crate::sync::execute;
use crate::terminal::Terminal;

pub(crate) async fn run(args: &Cp, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let (from, to) = (&args.from, &args.to);
    let policy = args.protection.policy(from, to)?;
    let policy = policy.resume(args.resume).hash_first(!args.no_hash_first);
    if is_tree(from, to)? {
        // A sync that ignores what is at the destination.
        let policy = policy.ignore_destination(true);
        let tree = Synchronizer::between(client, from, to).await?;
        return execute(&tree.policy(policy), terminal, false).await;
    }
    let copied = copy(args, &policy, terminal, client).await;
    copied.with_context(|| format!("{from} to {to}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether it stands for many files.
fn is_tree(from: &Location, to: &Location) -> Result<bool> {
    match (from, to) {
        (Remote(from), _) => Ok(from.is_prefix()),
        (Local(path), Remote(to)) if !is_stdio(from) => {
            let shown = path.display();
            let found = fs::metadata(path).with_context(|| format!("{shown} can't be read"))?;
            if found.is_dir() && !to.is_prefix() {
                bail!("{shown} is a directory, so {:?} must end in /", to.name);
            }
            Ok(found.is_dir())
        }
        _ => Ok(false),
    }
}

/// Copies a single file.
async fn copy(args: &Cp, policy: &SyncPolicy, terminal: &Terminal, client: &Client) -> Result<()> {
    let progress = Progress::new();
    match (&args.from, &args.to) {
        (Remote(from), Local(path)) => {
            let name = &*from.name;
            let download = client.bucket(&from.bucket).await?.download(name);
            let download = policy.apply_to_download(download.modified_time());
            let download = download.progress(&progress);
            if is_stdio(&args.to) {
                let download = download.to_writer(threaded_output());
                return terminal.transfer(name, &progress, download).await;
            }
            let download = download.to_path(path_of(name, path, policy)?);
            terminal.transfer(name, &progress, download).await
        }
        (Local(path), Remote(to)) => {
            let (source, name) = match is_stdio(&args.from) {
                true => (Source::reader(Unblock::new(io::stdin())), to.name.clone()),
                false => (Source::path(path), name_of(path, to)?),
            };
            let upload = client.bucket(&to.bucket).await?.upload(&*name, source);
            let upload = policy.apply_to_upload(upload).progress(&progress);
            terminal.transfer(&name, &progress, upload).await
        }
        _ => bail!("one of them must be b2://BUCKET/NAME"),
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
fn path_of(name: &str, path: &Path, policy: &SyncPolicy) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let (_, own) = name.rsplit_once('/').unwrap_or(("", name));
    Ok(path.join(policy.local_path(own)?))
}
