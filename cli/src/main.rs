//! Copies files, directories and standard input to B2 and back, with progress.
//!
//! ```text
//! cp FILE b2://BUCKET/NAME           a file up; a NAME that is empty or ends in / keeps the file's own
//! cp DIRECTORY b2://BUCKET/PREFIX/   all files below a directory up
//! cp - b2://BUCKET/NAME              standard input up, of any length
//! cp b2://BUCKET/NAME FILE           a file down; a FILE that is a directory keeps the name
//! cp b2://BUCKET/PREFIX/ DIRECTORY   all files with the prefix down
//! cp b2://BUCKET/NAME -              a file to standard output
//!
//! --endpoint URL   another B2 than the real one, such as the emulator
//! --resume         go on with what an earlier run has left
//! --quiet          no progress
//! ```
//!
//! The key comes from `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`.

use std::error::Error as StdError;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

use b2kit::api::ListFileNames;
use b2kit::transfer::{Progress, ProgressNow, Source, local_name};
use b2kit::{BucketHandle, Client, Credentials, SystemTimer, Timer as _};
use futures::executor::block_on;
use futures::future::{Either, select};
use futures::{TryStreamExt as _, stream};

type Failure = Box<dyn StdError + Send + Sync>;

const USAGE: &str = "usage: cp [--endpoint URL] [--resume] [--quiet] FROM TO, one of which is b2://BUCKET/NAME and the \
                     other a path, or - for standard input or output";

/// Files that are under way at once.
const FILES: usize = 4;

fn main() -> ExitCode {
    let outcome = Job::from_args(env::args().skip(1)).and_then(|job| block_on(job.run()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut line = error.to_string();
            let mut source = error.source();
            while let Some(beneath) = source {
                line.push_str(": ");
                line.push_str(&beneath.to_string());
                source = beneath.source();
            }
            eprintln!("error: {}", harmless(&line));
            ExitCode::FAILURE
        }
    }
}

struct Job {
    from: Place,
    to: Place,
    endpoint: Option<String>,
    resume: bool,
    quiet: bool,
}

enum Place {
    There { bucket: String, name: String },
    Here(PathBuf),
    Standard,
}

impl Job {
    fn from_args(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut places, mut endpoint, mut resume, mut quiet) = (Vec::new(), None, false, false);
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--endpoint" => endpoint = Some(args.next().ok_or(USAGE)?),
                "--resume" => resume = true,
                "--quiet" => quiet = true,
                "-" => places.push(Place::Standard),
                flag if flag.starts_with("--") => {
                    return Err(format!("what is {flag}? {USAGE}").into());
                }
                place => places.push(match place.strip_prefix("b2://") {
                    Some(there) => {
                        let (bucket, name) = there.split_once('/').unwrap_or((there, ""));
                        Place::There {
                            bucket: bucket.to_owned(),
                            name: name.to_owned(),
                        }
                    }
                    None => Place::Here(place.into()),
                }),
            }
        }
        let [from, to] = <[Place; 2]>::try_from(places).map_err(|_| USAGE)?;
        Ok(Self {
            from,
            to,
            endpoint,
            resume,
            quiet,
        })
    }

    async fn run(&self) -> Result<(), Failure> {
        match (&self.from, &self.to) {
            (Place::There { bucket, name }, to @ (Place::Here(_) | Place::Standard)) => {
                let bucket = self.bucket(bucket).await?;
                match to {
                    Place::Here(path) if name.is_empty() || name.ends_with('/') => {
                        self.all_down(&bucket, name, path).await
                    }
                    Place::Here(path) => self.down(&bucket, name, path).await,
                    _ => {
                        let out = blocking::Unblock::new(io::stdout());
                        let progress = Progress::new();
                        let download = bucket.download(name.as_str()).progress(&progress);
                        self.shown(name, &progress, download.to_writer(out)).await?;
                        Ok(())
                    }
                }
            }
            (from @ (Place::Here(_) | Place::Standard), Place::There { bucket, name }) => {
                let bucket = self.bucket(bucket).await?;
                match from {
                    Place::Here(path) if path.is_dir() => self.all_up(&bucket, path, name).await,
                    Place::Here(path) => {
                        let mut name = name.clone();
                        if name.is_empty() || name.ends_with('/') {
                            let own = path.file_name().and_then(|own| own.to_str());
                            name += own.ok_or("the file's name is no text; give it another")?;
                        }
                        self.up(&bucket, Source::path(path), &name, self.resume)
                            .await
                    }
                    _ => {
                        let input = Source::reader(blocking::Unblock::new(io::stdin()));
                        self.up(&bucket, input, name, false).await
                    }
                }
            }
            _ => Err(USAGE.into()),
        }
    }

    async fn bucket(&self, name: &str) -> Result<BucketHandle, Failure> {
        let mut client = Client::builder().credentials(Credentials::from_env()?);
        if let Some(endpoint) = &self.endpoint {
            client = client.endpoint(endpoint);
        }
        Ok(client.build()?.bucket(name).await?)
    }

    async fn up(
        &self,
        bucket: &BucketHandle,
        source: Source,
        name: &str,
        resume: bool,
    ) -> Result<(), Failure> {
        let progress = Progress::new();
        let mut upload = bucket.upload(name, source).progress(&progress);
        if resume {
            upload = upload.resume();
        }
        self.shown(name, &progress, upload).await?;
        Ok(())
    }

    async fn down(&self, bucket: &BucketHandle, name: &str, path: &Path) -> Result<(), Failure> {
        let path = if path.is_dir() {
            let (_, own) = name.rsplit_once('/').unwrap_or(("", name));
            path.join(local_name(own)?)
        } else {
            path.to_owned()
        };
        let progress = Progress::new();
        let mut download = bucket.download(name).progress(&progress).modified_time();
        if self.resume {
            download = download.resume();
        }
        self.shown(name, &progress, download.to_path(path)).await?;
        Ok(())
    }

    async fn all_up(
        &self,
        bucket: &BucketHandle,
        directory: &Path,
        prefix: &str,
    ) -> Result<(), Failure> {
        if !prefix.is_empty() && !prefix.ends_with('/') {
            return Err(format!("{prefix:?} would be one name for all files; end it in /").into());
        }
        let mut files = Vec::new();
        find(directory, prefix, &mut files)?;
        let work = stream::iter(files.into_iter().map(Ok)).map_ok(|(path, name)| async move {
            self.up(bucket, Source::path(path), &name, self.resume)
                .await
        });
        work.try_buffer_unordered(FILES).try_collect().await
    }

    async fn all_down(
        &self,
        bucket: &BucketHandle,
        prefix: &str,
        directory: &Path,
    ) -> Result<(), Failure> {
        let names = bucket
            .client()
            .stream(ListFileNames::new(bucket.id()).prefix(prefix));
        let work = names.map_err(Failure::from).map_ok(|row| async move {
            let name = row.file_name();
            let path = directory.join(local_name(&name[prefix.len()..])?);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            self.down(bucket, name, &path).await
        });
        work.try_buffer_unordered(FILES).try_collect().await
    }

    /// Awaits a transfer and shows how far it is: on a terminal as it goes, elsewhere at its end.
    async fn shown<T, E>(
        &self,
        name: &str,
        progress: &Progress,
        transfer: impl IntoFuture<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
    {
        let began = SystemTimer.now();
        let mut transfer = Box::pin(transfer.into_future());
        let live = !self.quiet && io::stderr().is_terminal();
        let outcome = loop {
            match select(transfer, SystemTimer.sleep(Duration::from_millis(200))).await {
                Either::Left((outcome, _)) => break outcome,
                Either::Right((_, rest)) => transfer = rest,
            }
            if live {
                eprint!("\r\x1b[K{}", line(name, progress.now(), began));
                let _ = io::stderr().flush();
            }
        };
        if live {
            eprint!("\r\x1b[K");
        }
        let done = outcome.map_err(Into::into)?;
        if !self.quiet {
            eprintln!("{}", line(name, progress.now(), began));
        }
        Ok(done)
    }
}

/// All regular files below a directory, with the names that they get. Links are not followed.
fn find(directory: &Path, prefix: &str, files: &mut Vec<(PathBuf, String)>) -> Result<(), Failure> {
    let named = |error| format!("{directory:?} can't be read: {error}");
    for entry in fs::read_dir(directory).map_err(named)? {
        let entry = entry.map_err(named)?;
        let own = entry.file_name();
        let own = own
            .to_str()
            .ok_or_else(|| format!("the name of {:?} is no text", entry.path()))?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            find(&entry.path(), &format!("{prefix}{own}/"), files)?;
        } else if kind.is_file() {
            files.push((entry.path(), format!("{prefix}{own}")));
        }
    }
    Ok(())
}

fn line(name: &str, now: ProgressNow, began: Instant) -> String {
    let megabytes = now.bytes as f64 / 1e6;
    let seconds = SystemTimer.now().duration_since(began).as_secs_f64();
    let speed = megabytes / seconds.max(0.001);
    let share = match now.total_bytes {
        Some(total) if total > 0 => format!("{:3} %  ", now.bytes * 100 / total),
        _ => String::new(),
    };
    let retries = match now.retries {
        0 => String::new(),
        retries => format!("  {retries} sent or fetched again"),
    };
    let name = harmless(name);
    format!("{name}  {share}{megabytes:.1} MB  {speed:.1} MB/s{retries}")
}

/// A name may hold what a terminal would obey.
fn harmless(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}
