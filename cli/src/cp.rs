//! `b2kit cp`.

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
use crate::place::{Place, is_prefix};
use crate::shown::Shown;

/// Files that are under way at once.
const FILES: usize = 4;

pub(crate) async fn run(args: &Cp, shown: &Shown, client: &Client) -> Result<ExitCode, Failure> {
    let job = Job {
        args,
        shown,
        client,
        tally: Tally::default(),
    };
    job.run().await
}

/// What can be said of the arguments without looking.
pub(crate) fn check(args: &Cp) {
    match (&args.from, &args.to) {
        (Place::There { .. }, Place::There { .. }) => {
            refuse("cp", "both are at B2; one has to be a path, or -")
        }
        (Place::Here(_) | Place::Standard, Place::Here(_) | Place::Standard) => {
            refuse("cp", "one of them has to be b2://BUCKET/NAME")
        }
        (Place::Standard, Place::There { name, .. }) if is_prefix(name) => {
            refuse("cp", "standard input needs a name: b2://BUCKET/NAME")
        }
        (Place::There { name, .. }, Place::Standard) if is_prefix(name) => refuse(
            "cp",
            "only one file can go to standard output: b2://BUCKET/NAME",
        ),
        (Place::Standard, _) | (_, Place::Standard) if args.resume => {
            refuse("cp", "standard input and output can't be gone on with")
        }
        _ => {}
    }
}

struct Job<'a> {
    args: &'a Cp,
    shown: &'a Shown,
    client: &'a Client,
    tally: Tally,
}

/// What has become of the files.
#[derive(Default)]
struct Tally {
    copied: Cell<u64>,
    failed: Cell<u64>,
}

impl Job<'_> {
    async fn run(&self) -> Result<ExitCode, Failure> {
        match (&self.args.from, &self.args.to) {
            (Place::Standard, Place::There { bucket, name }) => {
                let bucket = self.bucket(bucket).await?;
                let input = Source::reader(blocking::Unblock::new(io::stdin()));
                self.up(&bucket, input, name, "standard input").await?;
            }
            (Place::Here(path), Place::There { bucket, name }) => {
                let found = fs::metadata(path).map_err(|error| at(path, "can't be read", error))?;
                if found.is_dir() {
                    return self.all_up(path, bucket, name).await;
                }
                let mut name = name.clone();
                if is_prefix(&name) {
                    let own = path.file_name().and_then(|own| own.to_str());
                    name += own.ok_or_else(|| {
                        let path = path.display();
                        format!(
                            "the name of {path} is no text, which B2's names are; give it another"
                        )
                    })?;
                }
                let bucket = self.bucket(bucket).await?;
                self.up(&bucket, Source::path(path), &name, path.display())
                    .await?;
            }
            (Place::There { bucket, name }, Place::Here(path)) => {
                let bucket = self.bucket(bucket).await?;
                if is_prefix(name) {
                    return self.all_down(&bucket, name, path).await;
                }
                let path = self.path_of(name, path)?;
                let (down, progress) = self.download(&bucket, name);
                let down = self.shown.transfer(name, &progress, down.to_path(&path));
                down.await
                    .map_err(|error| about(format!("{name} to {}", path.display()), error))?;
            }
            (Place::There { bucket, name }, Place::Standard) => {
                let bucket = self.bucket(bucket).await?;
                let progress = Progress::new();
                let download = bucket.download(name.as_str()).progress(&progress);
                let out = blocking::Unblock::new(io::stdout());
                let down = self
                    .shown
                    .transfer(name, &progress, download.to_writer(out));
                down.await
                    .map_err(|error| about(format!("{name} to standard output"), error))?;
            }
            _ => unreachable!("it was checked"),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn bucket(&self, name: &str) -> Result<BucketHandle, Failure> {
        Ok(self.client.bucket(name).await?)
    }

    /// Where a file goes that is to be at `path`: into it, if that is a directory.
    fn path_of(&self, name: &str, path: &Path) -> Result<PathBuf, Failure> {
        if !path.is_dir() {
            return Ok(path.to_owned());
        }
        let (_, own) = name.rsplit_once('/').unwrap_or(("", name));
        Ok(path.join(safe_local_path(own)?))
    }

    async fn up(
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
        let up = self.shown.transfer(name, &progress, upload);
        up.await
            .map_err(|error| about(format!("{from} to {name}"), error))?;
        Ok(())
    }

    /// A file that goes to the disk, and how far it is.
    fn download(&self, bucket: &BucketHandle, name: &str) -> (FileDownload, Progress) {
        let progress = Progress::new();
        let mut download = bucket.download(name).progress(&progress).modified_time();
        if self.args.resume {
            download = download.resume();
        }
        (download, progress)
    }

    async fn all_up(
        &self,
        directory: &Path,
        bucket: &str,
        prefix: &str,
    ) -> Result<ExitCode, Failure> {
        if !is_prefix(prefix) {
            return Err(format!(
                "{} is a directory, and {prefix:?} would be one name for all its files; end it in /",
                directory.display()
            )
            .into());
        }
        let bucket = &self.bucket(bucket).await?;
        let found = stream::iter(WalkDir::new(directory).min_depth(1)).map(Ok);
        self.each(found, async |entry: Result<DirEntry, _>| {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type());
            let why = if kind.is_dir() {
                return Ok(false);
            } else if kind.is_symlink() {
                "it is a link"
            } else if !kind.is_file() {
                "it is no file, but a pipe, socket or device"
            } else if is_partial(&entry.file_name().to_string_lossy()) {
                "it is part of a download"
            } else {
                let inside = path.strip_prefix(directory)?.to_str();
                let inside = inside.ok_or_else(|| {
                    format!(
                        "{}: its name is no text, which B2's names are",
                        path.display()
                    )
                })?;
                let name = inside.replace(std::path::MAIN_SEPARATOR, "/");
                let (source, from) = (Source::path(path), path.display());
                self.up(bucket, source, &format!("{prefix}{name}"), from)
                    .await?;
                return Ok(true);
            };
            let path = path.display();
            self.shown.word(&format!("{path} is skipped: {why}"));
            Ok(false)
        })
        .await?;
        Ok(self.verdict(&format!("there is no file below {}", directory.display())))
    }

    async fn all_down(
        &self,
        bucket: &BucketHandle,
        prefix: &str,
        directory: &Path,
    ) -> Result<ExitCode, Failure> {
        let names = bucket
            .list(prefix)
            .map_ok(|file| file.file_name.as_str().to_owned());
        self.each(names.map_err(Failure::from), async |name: String| {
            let inside = name.strip_prefix(prefix).unwrap_or(&name);
            if is_prefix(inside) {
                let why = "it stands for a directory";
                self.shown.word(&format!("{name} is skipped: {why}"));
                return Ok(false);
            }
            let safe = safe_local_path(inside).map_err(|error| about(&*name, error))?;
            let path = directory.join(&safe);
            fs::create_dir_all(directory).map_err(|error| at(directory, "can't be made", error))?;
            let (down, progress) = self.download(bucket, &name);
            let down = down.to_path_below(directory, safe);
            let down = self.shown.transfer(&name, &progress, down);
            down.await
                .map_err(|error| about(format!("{name} to {}", path.display()), error))?;
            Ok(true)
        })
        .await?;
        Ok(self.verdict(&format!(
            "no file in {} has a name that begins with {prefix:?}",
            bucket.name()
        )))
    }

    /// Copies each, several at once. One that fails doesn't stop the others, unless they would fail too.
    async fn each<T>(
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
                    Err(error) if concerns_all(&*error) => return Err(error),
                    Err(error) => {
                        self.shown.error(&*error);
                        self.tally.failed.set(self.tally.failed.get() + 1);
                    }
                }
                Ok(())
            })
            .await
    }

    fn verdict(&self, nothing: &str) -> ExitCode {
        let (copied, failed) = (self.tally.copied.get(), self.tally.failed.get());
        if copied == 0 && failed == 0 {
            self.shown.error(&*Failure::from(nothing));
            return ExitCode::FAILURE;
        }
        if failed > 0 {
            let all = copied + failed;
            self.shown.error(&*Failure::from(format!(
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

/// Whether the next file would fail as this one did.
fn concerns_all(error: &(dyn std::error::Error + 'static)) -> bool {
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

/// An error, and what it was about.
pub(crate) fn about(what: impl Into<String>, error: impl Into<Failure>) -> Failure {
    Box::new(About {
        what: what.into(),
        error: error.into(),
    })
}

fn at(path: &Path, what: &str, error: io::Error) -> Failure {
    about(format!("{} {what}", path.display()), error)
}

#[derive(Debug)]
pub(crate) struct About {
    pub(crate) what: String,
    pub(crate) error: Failure,
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for About {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}
