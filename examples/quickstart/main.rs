//! Uploads two files over real HTTP, lists them, downloads them again and compares them.
//!
//! ```text
//! cargo run --example quickstart                      an emulator, which it starts by itself
//! cargo run --example quickstart -- FILE              your own file instead of generated ones
//! cargo run --example quickstart -- --real [FILE]     the real B2, with a key from the environment
//! cargo run --example quickstart -- --endpoint URL    another B2, with a key from the environment
//! ```

mod log;

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fmt};

use b2kit::backend::emulator::{Emulator, Server};
use b2kit::transfer::Source;
use b2kit::types::{BucketType, Sha1, Sha1Hasher};
use b2kit::{BucketHandle, Bytes, Client, Credentials, DeleteMode, RetryPolicy};
use futures_lite::StreamExt as _;
use futures_lite::future::block_on;

/// Any error: the program only shows it.
type Failure = Box<dyn StdError + Send + Sync>;

const USAGE: &str = "usage: quickstart [--real | --endpoint URL] [FILE]";

const HELP: &str = "\
Uploads two files to B2, lists them, downloads them again, compares them and deletes them.

  FILE              upload this file instead of two generated ones
  --real            use the real B2 instead of an emulator in memory
  --endpoint URL    use the B2 at this URL

With --real and --endpoint the key comes from B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.";

fn main() -> ExitCode {
    log::warnings();
    let outcome =
        Choice::from_args(env::args_os().skip(1)).and_then(|choice| block_on(quickstart(&choice)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", OneLine(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn quickstart(choice: &Choice) -> Result<(), Failure> {
    let files = choice.files()?;

    // B2 in memory, on a local port. It stops with the program.
    let emulator = Emulator::new();
    let server = if choice.service == Service::Emulator {
        Some(Server::start(&emulator)?)
    } else {
        None
    };

    // This changes for the real service: `from_env` takes the key from the environment, and no
    // endpoint is set.
    let b2 = match (&choice.service, &server) {
        (Service::Emulator, Some(server)) => Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
            .endpoint(server.url())
            .build()?,
        (Service::Endpoint(url), _) => Client::builder()
            .credentials(Credentials::from_env()?)
            .endpoint(url)
            .build()?,
        _ => Client::from_env()?,
    };

    // If nobody listens, fail at once. From here on, transient errors are retried with backoff.
    let session = b2
        .with_retry_policy(RetryPolicy::disabled())
        .session()
        .await?;
    say(
        "authorized",
        format_args!(
            "account {} at {}, API {}",
            session.account_id(),
            session.api_url(),
            session.version()
        ),
    );

    let name = format!("quickstart-{:016x}", random());
    let bucket = b2.create_bucket(&name, BucketType::AllPrivate).await?;
    say("created", format_args!("bucket {}", bucket.name()));

    let outcome = there_and_back(&bucket, &files).await;
    let tidied = tidy_up(&bucket).await;
    outcome?;
    tidied?;
    say(
        "tidied up",
        format_args!("bucket {} is gone again", bucket.name()),
    );

    let farewell = match choice.service {
        Service::Emulator => {
            "That was B2 in memory. For the real service, examples/quickstart/main.rs makes its \
             client so:\n\n    \
             Client::from_env()?\n\n\
             Or just: cargo run --example quickstart -- --real\n\
             with B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY set."
        }
        Service::Real => "That was the real B2.",
        Service::Endpoint(_) => "",
    };
    let _ = writeln!(
        io::stdout(),
        "\nEverything came back as it went.\n{farewell}"
    );
    Ok(())
}

async fn there_and_back(bucket: &BucketHandle, files: &[Local]) -> Result<(), Failure> {
    for file in files {
        // Any size, in parts if it is large. The part size is set only to show parts with a small
        // file.
        let mut upload = bucket.upload(&*file.name, file.source());
        if let Content::Memory(_) = file.content {
            upload = upload.part_size(5_000_000);
        }
        let uploaded = upload.await?;
        let how = match uploaded.parts {
            0 => "in one piece".to_owned(),
            parts => format!("in {parts} parts"),
        };
        let (name, size) = (&uploaded.file.file_name, uploaded.file.content_length);
        say("uploaded", format_args!("{name} ({}, {how})", Size(size)));
    }

    // One stream, however many pages there are.
    let mut listed = bucket.list("");
    let mut count = 0;
    while let Some(file) = listed.try_next().await? {
        let name = file.file_name.as_str();
        say("listed", format_args!("{name}"));
        let local = files
            .iter()
            .find(|local| local.name == *name)
            .ok_or("a file that was not uploaded")?;

        // The stream ends in an error if the bytes don't have the SHA-1 that B2 has stored.
        let mut download = bucket.download(name).stream().await?;
        let mut hasher = Sha1Hasher::default();
        while let Some(bytes) = download.next().await.transpose()? {
            hasher.update(&bytes);
        }
        let sha1 = hasher.finish();
        if sha1 != local.sha1()? {
            return Err(format!("{name} came back with SHA-1 {sha1}").into());
        }
        say(
            "downloaded",
            format_args!("{name} SHA-1 {sha1}, as it went"),
        );
        count += 1;
    }
    if count != files.len() {
        return Err(format!("{} files were uploaded and {count} listed", files.len()).into());
    }
    Ok(())
}

/// Deletes all files of the bucket, and the bucket.
async fn tidy_up(bucket: &BucketHandle) -> Result<(), Failure> {
    let mut deleted = bucket.delete_all_files(DeleteMode::Delete { concurrency: 4 });
    while let Some((_, outcome)) = deleted.try_next().await? {
        outcome?;
    }
    bucket.delete_bucket().await?;
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Service {
    Emulator,
    Real,
    Endpoint(String),
}

struct Choice {
    service: Service,
    file: Option<PathBuf>,
}

impl Choice {
    fn from_args(mut args: impl Iterator<Item = OsString>) -> Result<Self, Failure> {
        let mut choice = Self {
            service: Service::Emulator,
            file: None,
        };
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--real") => choice.service = Service::Real,
                Some("--endpoint") => {
                    let url = args
                        .next()
                        .and_then(|url| url.into_string().ok())
                        .ok_or(USAGE)?;
                    choice.service = Service::Endpoint(url);
                }
                Some("--help" | "-h") => {
                    println!("{USAGE}\n\n{HELP}");
                    std::process::exit(0);
                }
                Some(option) if option.starts_with('-') || option.is_empty() => {
                    return Err(format!("unknown option {option:?}; {USAGE}").into());
                }
                _ if choice.file.is_some() => {
                    return Err(format!("one file at a time; {USAGE}").into());
                }
                _ => choice.file = Some(arg.into()),
            }
        }
        Ok(choice)
    }

    /// The file that was named, or two generated ones: a small one, and one of 12 MB.
    fn files(&self) -> Result<Vec<Local>, Failure> {
        let Some(path) = &self.file else {
            let line = "The quick brown fox jumps over the lazy dog.\n";
            let numbers = (0..3_000_000_u32).flat_map(u32::to_le_bytes);
            return Ok(vec![
                Local {
                    name: "hello/fox & dog ü.txt".to_owned(),
                    content: Content::Memory(line.repeat(26).into()),
                },
                Local {
                    name: "twelve-megabytes.bin".to_owned(),
                    content: Content::Memory(numbers.collect()),
                },
            ]);
        };
        let failed = |error| format!("can't read {}: {error}", path.display());
        if !File::open(path)
            .and_then(|file| file.metadata())
            .map_err(failed)?
            .is_file()
        {
            return Err(format!("{} is not a file", path.display()).into());
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("the file's name is not UTF-8")?;
        Ok(vec![Local {
            name: name.to_owned(),
            content: Content::Path(path.clone()),
        }])
    }
}

/// What is to be uploaded.
struct Local {
    name: String,
    content: Content,
}

enum Content {
    Memory(Bytes),
    Path(PathBuf),
}

impl Local {
    fn source(&self) -> Source {
        match &self.content {
            Content::Memory(bytes) => Source::bytes(bytes.clone()),
            Content::Path(path) => Source::path(path),
        }
    }

    fn sha1(&self) -> Result<Sha1, Failure> {
        let path = match &self.content {
            Content::Memory(bytes) => return Ok(Sha1::of(bytes)),
            Content::Path(path) => path,
        };
        let failed = |error| format!("can't read {}: {error}", path.display());
        let mut file = File::open(path).map_err(failed)?;
        let (mut hasher, mut piece) = (Sha1Hasher::default(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&piece[..read]),
            }
        }
    }
}

fn say(what: &str, about: fmt::Arguments<'_>) {
    // If the reader has closed the pipe, the bucket is deleted all the same.
    let _ = writeln!(io::stdout(), "  ✓ {what:<11} {about}");
}

/// Random enough for a name that nobody else has.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

/// A number of bytes for people to read.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let size = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} B", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", size / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", size / 1e6),
            _ => write!(f, "{:.1} GB", size / 1e9),
        }
    }
}

/// An error and its sources, in one line.
struct OneLine<'a>(&'a dyn StdError);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
