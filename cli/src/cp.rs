//! `b2kit cp`.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use b2kit::sync::{Compare, Newer, SyncPolicy, Synchronizer};
use b2kit::transfer::{FileDownload, Progress, Source, safe_local_path};
use b2kit::{BucketHandle, Client};

use crate::Failure;
use crate::args::{Cp, refuse};
use crate::place::{Place, is_prefix};
use crate::shown::Shown;

pub(crate) async fn run(args: &Cp, shown: &Shown, client: &Client) -> Result<ExitCode, Failure> {
    let job = Job {
        args,
        shown,
        client,
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
                if found.is_dir() && !is_prefix(name) {
                    let why = format!(
                        "{} is a directory, and {name:?} would be one name for all its files; end it in /",
                        path.display()
                    );
                    return Err(why.into());
                }
                if found.is_dir() {
                    let bucket = self.bucket(bucket).await?;
                    return self.tree(Synchronizer::up(path, &bucket, name)).await;
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
                    return self.tree(Synchronizer::down(&bucket, name, path)).await;
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

    /// A directory, or all files with a prefix: a sync to which all files differ.
    async fn tree(&self, sync: Synchronizer) -> Result<ExitCode, Failure> {
        let policy = SyncPolicy::new()
            .compare(Compare::Always)
            .newer(Newer::Replace)
            .portable_names(true)
            .resume(self.args.resume)
            .hash_first(!self.args.no_hash_first);
        crate::sync::execute(&sync.policy(policy), self.shown, false).await
    }
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
