//! Uploads two files over HTTP, lists and downloads them, compares their SHA-1, and deletes them.
//!
//! ```text
//! cargo run --example quickstart                      an emulator, which it starts itself
//! cargo run --example quickstart -- FILE              a file of yours instead of generated ones
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

/// Any error: the program only prints it.
type Failure = Box<dyn StdError + Send + Sync>;

const USAGE: &str = "usage: quickstart [--real | --endpoint URL] [FILE]";

const HELP: &str = "\
Uploads two files to B2, lists and downloads them, compares their SHA-1, and deletes them.

  FILE              upload this file instead of two generated ones
  --real            use the real B2 instead of an emulator in memory
  --endpoint URL    use the B2 at this URL

With --real and --endpoint the key comes from B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.";

fn main() -> ExitCode {
    log::warnings();
    let outcome = Arguments::parse(env::args_os().skip(1))
        .and_then(|arguments| block_on(quickstart(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", OneLine(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn quickstart(arguments: &Arguments) -> Result<(), Failure> {
    let files = arguments.files()?;

    // B2 in memory, served on a local port until the program ends.
    let emulator = Emulator::new();
    let server = if arguments.service == Service::Emulator {
        Some(Server::start(&emulator)?)
    } else {
        None
    };

    // For the real service, this is `Client::from_env`, which reads the key from the environment.
    let b2 = match (&arguments.service, &server) {
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

    // Fails at once if no server listens. All later calls retry transient errors with backoff.
    let session = b2
        .with_retry_policy(RetryPolicy::disabled())
        .session()
        .await?;
    print_step(
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
    print_step("created", format_args!("bucket {}", bucket.name()));

    let outcome = round_trip(&bucket, &files).await;
    let cleaned = clean_up(&bucket).await;
    outcome?;
    cleaned?;
    print_step(
        "deleted",
        format_args!("bucket {} and all files in it", bucket.name()),
    );

    let farewell = match arguments.service {
        Service::Emulator => {
            "This was an emulator in memory. For the real service, a program makes its client \
             with\n\n    \
             Client::from_env()?\n\n\
             To try it, set B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY, and run\n\n    \
             cargo run --example quickstart -- --real"
        }
        Service::Real => "This was the real B2.",
        Service::Endpoint(_) => "",
    };
    let _ = writeln!(io::stdout(), "\nAll files came back unchanged.\n{farewell}");
    Ok(())
}

async fn round_trip(bucket: &BucketHandle, files: &[LocalFile]) -> Result<(), Failure> {
    for file in files {
        // Files of any size; large ones are uploaded in parts. The small part size shows that with a
        // small file.
        let mut upload = bucket.upload(&*file.name, file.source());
        if let Content::Memory(_) = file.content {
            upload = upload.part_size(5_000_000);
        }
        let uploaded = upload.await?;
        let how = match uploaded.parts {
            0 => "in one call".to_owned(),
            parts => format!("in {parts} parts"),
        };
        let (name, size) = (&uploaded.file.file_name, uploaded.file.content_length);
        print_step("uploaded", format_args!("{name} ({}, {how})", Size(size)));
    }

    // A stream of all files; it requests one page after another.
    let mut listed = bucket.list("");
    let mut count = 0;
    while let Some(file) = listed.try_next().await? {
        let name = file.file_name.as_str();
        print_step("listed", format_args!("{name}"));
        let local = files
            .iter()
            .find(|local| local.name == *name)
            .ok_or("a file that was not uploaded")?;

        // The stream ends in an error if the bytes don't match the SHA-1 that B2 stores.
        let mut download = bucket.download(name).stream().await?;
        let mut hasher = Sha1Hasher::default();
        while let Some(bytes) = download.next().await.transpose()? {
            hasher.update(&bytes);
        }
        let sha1 = hasher.finish();
        if sha1 != local.sha1()? {
            return Err(format!("{name} was downloaded with SHA-1 {sha1}").into());
        }
        print_step("downloaded", format_args!("{name} SHA-1 {sha1}, unchanged"));
        count += 1;
    }
    if count != files.len() {
        return Err(format!("{} files were uploaded, but {count} listed", files.len()).into());
    }
    Ok(())
}

/// Deletes all files of the bucket, and the bucket.
async fn clean_up(bucket: &BucketHandle) -> Result<(), Failure> {
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

struct Arguments {
    service: Service,
    file: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Self, Failure> {
        let mut arguments = Self {
            service: Service::Emulator,
            file: None,
        };
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--real") => arguments.service = Service::Real,
                Some("--endpoint") => {
                    let url = args
                        .next()
                        .and_then(|url| url.into_string().ok())
                        .ok_or(USAGE)?;
                    arguments.service = Service::Endpoint(url);
                }
                Some("--help" | "-h") => {
                    println!("{USAGE}\n\n{HELP}");
                    std::process::exit(0);
                }
                Some(option) if option.starts_with('-') || option.is_empty() => {
                    return Err(format!("unknown option {option:?}; {USAGE}").into());
                }
                _ if arguments.file.is_some() => {
                    return Err(format!("only one file; {USAGE}").into());
                }
                _ => arguments.file = Some(arg.into()),
            }
        }
        Ok(arguments)
    }

    /// The given file, or two generated ones: a small one, and one of 12 MB.
    fn files(&self) -> Result<Vec<LocalFile>, Failure> {
        let Some(path) = &self.file else {
            let line = "The quick brown fox jumps over the lazy dog.\n";
            let numbers = (0..3_000_000_u32).flat_map(u32::to_le_bytes);
            return Ok(vec![
                LocalFile {
                    name: "hello/fox & dog ü.txt".to_owned(),
                    content: Content::Memory(line.repeat(26).into()),
                },
                LocalFile {
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
        Ok(vec![LocalFile {
            name: name.to_owned(),
            content: Content::Path(path.clone()),
        }])
    }
}

/// A file to upload.
struct LocalFile {
    name: String,
    content: Content,
}

enum Content {
    Memory(Bytes),
    Path(PathBuf),
}

impl LocalFile {
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
        let (mut hasher, mut buffer) = (Sha1Hasher::default(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }
}

fn print_step(what: &str, about: fmt::Arguments<'_>) {
    // Errors are ignored: if standard output is closed, the bucket is still deleted.
    let _ = writeln!(io::stdout(), "  ✓ {what:<11} {about}");
}

/// A random number, for a bucket name that is not taken.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

/// A number of bytes, formatted for people.
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
