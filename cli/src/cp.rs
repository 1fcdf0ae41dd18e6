//! The command `cp`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use b2kit::sync::{SyncPolicy, Synchronizer};
use b2kit::transfer::{Progress, Source, safe_local_path};
use b2kit::{BucketHandle, Client};

use crate::args::{Cp, refuse};
use crate::location::{Location, Remote};
use crate::protection::Protected;
use crate::terminal::Terminal;

/// Refuses arguments that can't work, before the first call.
pub(crate) fn check(args: &Cp) {
    let why = match (&args.from, &args.to) {
        (Location::Remote(_), Location::Remote(_)) => "one of FROM and TO must be a path or -",
        (Location::Local(_) | Location::Stdio, Location::Local(_) | Location::Stdio) => {
            "one of FROM and TO must be b2://BUCKET/NAME"
        }
        (Location::Stdio, Location::Remote(at)) if at.is_prefix() => {
            "standard input needs a name: b2://BUCKET/NAME"
        }
        (Location::Remote(at), Location::Stdio) if at.is_prefix() => {
            "only one file can go to standard output: b2://BUCKET/NAME"
        }
        (Location::Stdio, _) | (_, Location::Stdio) if args.resume => {
            "standard input and output can't be resumed"
        }
        _ => return,
    };
    refuse("cp", why)
}

pub(crate) async fn run(args: &Cp, terminal: &Terminal, client: &Client) -> Result<ExitCode> {
    let job = Job { args, terminal };
    match (&args.from, &args.to) {
        (from, Location::Remote(to)) => job.up(from, to, &to.bucket(client).await?).await,
        (Location::Remote(from), to) => job.down(from, to, &from.bucket(client).await?).await,
        _ => Ok(ExitCode::FAILURE), // it was checked
    }
}

struct Job<'a> {
    args: &'a Cp,
    terminal: &'a Terminal,
}

impl Job<'_> {
    async fn up(&self, from: &Location, to: &Remote, bucket: &BucketHandle) -> Result<ExitCode> {
        let (source, name, from) = match from {
            Location::Local(path) => {
                let from = path.display().to_string();
                let found = fs::metadata(path).with_context(|| format!("{from} can't be read"))?;
                match (found.is_dir(), to.is_prefix()) {
                    (true, true) => {
                        return self.tree(Synchronizer::up(path, bucket, &to.name)).await;
                    }
                    (true, false) => {
                        bail!("{from} is a directory, so {:?} must end in /", to.name)
                    }
                    _ => {}
                }
                (Source::path(path), name_of(path, to)?, from)
            }
            _ => {
                let input = Source::reader(blocking::Unblock::new(io::stdin()));
                (input, to.name.clone(), "standard input".to_owned())
            }
        };
        let progress = Progress::new();
        let mut upload = bucket.upload(&*name, source).progress(&progress);
        upload = upload.hash_first(!self.args.no_hash_first);
        if self.args.resume {
            upload = upload.resume();
        }
        let upload = self.protected()?.upload(upload);
        let uploaded = self.terminal.transfer(&name, &progress, upload).await;
        uploaded.with_context(|| format!("{from} to {name}"))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn down(&self, from: &Remote, to: &Location, bucket: &BucketHandle) -> Result<ExitCode> {
        let (name, progress) = (&*from.name, Progress::new());
        let download = bucket.download(name).progress(&progress).modified_time();
        let mut download = self.protected()?.download(download);
        if self.args.resume {
            download = download.resume();
        }
        let (downloaded, to) = match to {
            Location::Local(path) if from.is_prefix() => {
                return self.tree(Synchronizer::down(bucket, name, path)).await;
            }
            Location::Local(path) => {
                let path = path_of(name, path)?;
                let download = download.to_path(&path);
                let downloaded = self.terminal.transfer(name, &progress, download).await;
                (downloaded, path.display().to_string())
            }
            _ => {
                let download = download.to_writer(blocking::Unblock::new(io::stdout()));
                let downloaded = self.terminal.transfer(name, &progress, download).await;
                (downloaded, "standard output".to_owned())
            }
        };
        downloaded.with_context(|| format!("{name} to {to}"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// A directory, or all files with a prefix: a sync that ignores what is at the destination.
    async fn tree(&self, sync: Synchronizer) -> Result<ExitCode> {
        let policy = SyncPolicy::new()
            .ignore_destination(true)
            .portable_names(true)
            .resume(self.args.resume)
            .hash_first(!self.args.no_hash_first);
        let policy = self.protected()?.policy(policy);
        crate::sync::execute(&sync.policy(policy), self.terminal, false).await
    }

    fn protected(&self) -> Result<Protected> {
        self.args.protection.read(&self.args.from, &self.args.to)
    }
}

/// The name at B2 for a local file; below a prefix, the file keeps its own name.
fn name_of(path: &Path, to: &Remote) -> Result<String> {
    if !to.is_prefix() {
        return Ok(to.name.clone());
    }
    let own = path.file_name().and_then(|own| own.to_str());
    let own = own.with_context(|| {
        let path = path.display();
        format!("the name of {path} is not UTF-8; give a name at B2")
    })?;
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
