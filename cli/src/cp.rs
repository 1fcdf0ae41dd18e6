//! The command `cp`.

use std::cell::Cell;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use b2kit::transfer::{FileDownload, Progress, Source, safe_local_path};
use b2kit::{BucketHandle, Client, Error, ErrorKind};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use walkdir::{DirEntry, WalkDir};

use crate::Failure;
use crate::args::{Cp, refuse};
use crate::location::{Location, is_prefix};
use crate::terminal::Terminal;

/// Maximum number of files copied concurrently.
const FILES: usize = 4;

pub(crate) async fn run(
    args: &Cp,
    terminal: &Terminal,
    client: &Client,
) -> Result<ExitCode, Failure> {
    let job = Job {
        args,
        terminal,
        client,
        tally: Tally::default(),
    };
    job.run().await
}

/// Refuses arguments that can't work, before the first call.
pub(crate) fn check(args: &Cp) {
    match (&args.from, &args.to) {
        (Location::Remote { .. }, Location::Remote { .. }) => {
            refuse("cp", "one of FROM and TO must be a path or -")
        }
        (Location::Local(_) | Location::Stdio, Location::Local(_) | Location::Stdio) => {
            refuse("cp", "one of FROM and TO must be b2://BUCKET/NAME")
        }
        (Location::Stdio, Location::Remote { name, .. }) if is_prefix(name) => {
            refuse("cp", "standard input needs a name: b2://BUCKET/NAME")
        }
        (Location::Remote { name, .. }, Location::Stdio) if is_prefix(name) => refuse(
            "cp",
            "only one file can go to standard output: b2://BUCKET/NAME",
        ),
        (Location::Stdio, _) | (_, Location::Stdio) if args.resume => {
            refuse("cp", "standard input and output can't be resumed")
        }
        _ => {}
    }
}

struct Job<'a> {
    args: &'a Cp,
    terminal: &'a Terminal,
    client: &'a Client,
    tally: Tally,
}

/// How many files were copied, and how many failed.
#[derive(Default)]
struct Tally {
    copied: Cell<u64>,
    failed: Cell<u64>,
}

impl Job<'_> {
    async fn run(&self) -> Result<ExitCode, Failure> {
        match (&self.args.from, &self.args.to) {
            (Location::Stdio, Location::Remote { bucket, name }) => {
                let bucket = self.bucket(bucket).await?;
                let input = Source::reader(blocking::Unblock::new(io::stdin()));
                self.upload(&bucket, input, name, "standard input").await?;
            }
            (Location::Local(path), Location::Remote { bucket, name }) => {
                let found =
                    fs::metadata(path).map_err(|error| path_error(path, "can't be read", error))?;
                if found.is_dir() {
                    return self.upload_directory(path, bucket, name).await;
                }
                let mut name = name.clone();
                if is_prefix(&name) {
                    let own = path.file_name().and_then(|own| own.to_str());
                    name += own.ok_or_else(|| {
                        let path = path.display();
                        format!("the name of {path} is not UTF-8; give a name at B2")
                    })?;
                }
                let bucket = self.bucket(bucket).await?;
                self.upload(&bucket, Source::path(path), &name, path.display())
                    .await?;
            }
            (Location::Remote { bucket, name }, Location::Local(path)) => {
                let bucket = self.bucket(bucket).await?;
                if is_prefix(name) {
                    return self.download_prefix(&bucket, name, path).await;
                }
                let path = self.destination(name, path)?;
                let (down, progress) = self.download(&bucket, name);
                let down = self.terminal.transfer(name, &progress, down.to_path(&path));
                down.await
                    .map_err(|error| context(format!("{name} to {}", path.display()), error))?;
            }
            (Location::Remote { bucket, name }, Location::Stdio) => {
                let bucket = self.bucket(bucket).await?;
                let progress = Progress::new();
                let download = bucket.download(name.as_str()).progress(&progress);
                let out = blocking::Unblock::new(io::stdout());
                let down = self
                    .terminal
                    .transfer(name, &progress, download.to_writer(out));
                down.await
                    .map_err(|error| context(format!("{name} to standard output"), error))?;
            }
            _ => unreachable!("refused by check"),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn bucket(&self, name: &str) -> Result<BucketHandle, Failure> {
        Ok(self.client.bucket(name).await?)
    }

    /// Where to write the file `name`: `path`, or a file in it if it is a directory.
    fn destination(&self, name: &str, path: &Path) -> Result<PathBuf, Failure> {
        if !path.is_dir() {
            return Ok(path.to_owned());
        }
        let (_, own) = name.rsplit_once('/').unwrap_or(("", name));
        Ok(path.join(safe_local_path(own)?))
    }

    async fn upload(
        &self,
        bucket: &BucketHandle,
        source: Source,
        name: &str,
        from: impl Display,
    ) -> Result<(), Failure> {
        let progress = Progress::new();
        let mut upload = bucket.upload(name, source).progress(&progress);
        upload = upload.hash_first(!self.args.no_hash_first);
        if self.args.resume {
            upload = upload.resume();
        }
        let up = self.terminal.transfer(name, &progress, upload);
        up.await
            .map_err(|error| context(format!("{from} to {name}"), error))?;
        Ok(())
    }

    /// A download to disk, and its progress.
    fn download(&self, bucket: &BucketHandle, name: &str) -> (FileDownload, Progress) {
        let progress = Progress::new();
        let mut download = bucket.download(name).progress(&progress).modified_time();
        if self.args.resume {
            download = download.resume();
        }
        (download, progress)
    }

    async fn upload_directory(
        &self,
        directory: &Path,
        bucket: &str,
        prefix: &str,
    ) -> Result<ExitCode, Failure> {
        if !is_prefix(prefix) {
            return Err(format!(
                "{} is a directory, so {prefix:?} must end in /",
                directory.display()
            )
            .into());
        }
        let bucket = &self.bucket(bucket).await?;
        let found = stream::iter(WalkDir::new(directory).min_depth(1)).map(Ok);
        self.copy_each(found, async |entry: Result<DirEntry, _>| {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type());
            let why = if kind.is_dir() {
                return Ok(false);
            } else if kind.is_symlink() {
                "it is a symbolic link"
            } else if !kind.is_file() {
                "it is a pipe, socket or device"
            } else if is_partial(&entry.file_name().to_string_lossy()) {
                "it is a partial download"
            } else {
                let inside = path.strip_prefix(directory)?.to_str();
                let inside =
                    inside.ok_or_else(|| format!("{}: its name is not UTF-8", path.display()))?;
                let name = inside.replace(std::path::MAIN_SEPARATOR, "/");
                let (source, from) = (Source::path(path), path.display());
                self.upload(bucket, source, &format!("{prefix}{name}"), from)
                    .await?;
                return Ok(true);
            };
            let path = path.display();
            self.terminal.info(&format!("{path} is skipped: {why}"));
            Ok(false)
        })
        .await?;
        Ok(self.exit_code(&format!("there is no file below {}", directory.display())))
    }

    async fn download_prefix(
        &self,
        bucket: &BucketHandle,
        prefix: &str,
        directory: &Path,
    ) -> Result<ExitCode, Failure> {
        let names = bucket
            .list(prefix)
            .map_ok(|file| file.file_name.as_str().to_owned());
        self.copy_each(names.map_err(Failure::from), async |name: String| {
            let inside = name.strip_prefix(prefix).unwrap_or(&name);
            if is_prefix(inside) {
                let why = "it is a folder marker";
                self.terminal.info(&format!("{name} is skipped: {why}"));
                return Ok(false);
            }
            let safe = safe_local_path(inside).map_err(|error| context(&*name, error))?;
            let path = directory.join(&safe);
            fs::create_dir_all(directory)
                .map_err(|error| path_error(directory, "can't be made", error))?;
            let (down, progress) = self.download(bucket, &name);
            let down = down.to_path_below(directory, safe);
            let down = self.terminal.transfer(&name, &progress, down);
            down.await
                .map_err(|error| context(format!("{name} to {}", path.display()), error))?;
            Ok(true)
        })
        .await?;
        Ok(self.exit_code(&format!(
            "no file in {} has a name that begins with {prefix:?}",
            bucket.name()
        )))
    }

    /// Copies several files concurrently. A failure doesn't stop the others, unless it [would hit them too](stops_all).
    async fn copy_each<T>(
        &self,
        items: impl Stream<Item = Result<T, Failure>>,
        copy: impl AsyncFn(T) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let copy = &copy;
        items
            .try_for_each_concurrent(FILES, |item| async move {
                match copy(item).await {
                    Ok(true) => self.tally.copied.set(self.tally.copied.get() + 1),
                    Ok(false) => {}
                    Err(error) if stops_all(&*error) => return Err(error),
                    Err(error) => {
                        self.terminal.error(&*error);
                        self.tally.failed.set(self.tally.failed.get() + 1);
                    }
                }
                Ok(())
            })
            .await
    }

    fn exit_code(&self, nothing: &str) -> ExitCode {
        let (copied, failed) = (self.tally.copied.get(), self.tally.failed.get());
        if copied == 0 && failed == 0 {
            self.terminal.error(&*Failure::from(nothing));
            return ExitCode::FAILURE;
        }
        if failed > 0 {
            let all = copied + failed;
            self.terminal.error(&*Failure::from(format!(
                "{failed} of {all} were not copied"
            )));
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.to_ascii_lowercase().contains(".b2part")
}

/// Whether the next file would fail for the same reason.
fn stops_all(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut beneath = Some(error);
    while let Some(error) = beneath {
        if let Some(error) = error.downcast_ref::<Error>() {
            return matches!(
                error.kind(),
                ErrorKind::Credentials
                    | ErrorKind::Unauthorized
                    | ErrorKind::CapExceeded
                    | ErrorKind::TooManyRequests
                    | ErrorKind::Unavailable
                    | ErrorKind::Http
                    | ErrorKind::Untrusted
            );
        }
        beneath = error.source();
    }
    false
}

/// Adds what failed to an error.
pub(crate) fn context(what: impl Into<String>, error: impl Into<Failure>) -> Failure {
    Box::new(WithContext {
        what: what.into(),
        error: error.into(),
    })
}

fn path_error(path: &Path, what: &str, error: io::Error) -> Failure {
    context(format!("{} {what}", path.display()), error)
}

#[derive(Debug)]
pub(crate) struct WithContext {
    pub(crate) what: String,
    pub(crate) error: Failure,
}

impl std::fmt::Display for WithContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for WithContext {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}
