//! From nothing to a file that went up, came back and is the same, over real HTTP.
//!
//! ```text
//! cargo run --example quickstart                       against B2 in memory, which it starts by itself
//! cargo run --example quickstart -- FILE               with a file of yours instead of generated ones
//! cargo run --example quickstart -- --real [FILE]      against the real B2, with the key from the environment
//! cargo run --example quickstart -- --endpoint URL     against another B2, with the key from the environment
//! ```

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt};

use b2kit::api::{
    CancelLargeFile, CreateBucket, DeleteBucket, DeleteFileVersion, DownloadFileById,
    FinishLargeFile, ListFileNames, ListFileVersions, StartLargeFile, UploadFile, UploadPart,
};
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::types::{
    Bucket, BucketName, BucketType, FileId, FileInfo, FileName, FileVersion, PartNumber, Sha1,
    Sha1Hasher,
};
use b2kit::{Body, Bytes, Client, Credentials, RetryPolicy};
use futures::Stream;
use futures::executor::block_on;

/// Any error at all: the program only shows it.
type Failure = Box<dyn StdError + Send + Sync>;

const USAGE: &str = "usage: quickstart [--real | --endpoint URL] [FILE]";

fn main() -> ExitCode {
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

    // B2 in memory, behind a port of this machine. It ends with the program.
    let emulator = Emulator::new();
    let server = if choice.service == Service::Emulator {
        Some(Server::start(&emulator)?)
    } else {
        None
    };

    // This is what changes for the real service: the key comes from the environment, and there is no endpoint to set.
    let b2 = match (&choice.service, &server) {
        (Service::Emulator, Some(server)) => Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
            .endpoint(server.url())
            .build()?,
        (Service::Endpoint(url), _) => Client::builder()
            .credentials(Credentials::from_env()?)
            .endpoint(url)
            .build()?,
        _ => Client::builder()
            .credentials(Credentials::from_env()?)
            .build()?,
    };

    // Where nobody listens, say so at once; from here on, what may pass is tried again for a while.
    let session = b2.with_retry(RetryPolicy::never()).session().await?;
    say(
        "authorized",
        format_args!(
            "account {} at {}, API {}",
            session.account_id(),
            session.api_url(),
            session.version()
        ),
    );

    let name = BucketName::new(format!("quickstart-{:016x}", random()))?;
    let bucket = b2
        .call(CreateBucket::new(name, BucketType::AllPrivate))
        .await?;
    say("created", format_args!("bucket {}", bucket.bucket_name));

    let outcome = there_and_back(&b2, &bucket, &files).await;
    let tidied = tidy_up(&b2, &bucket).await;
    outcome?;
    tidied?;
    say(
        "tidied up",
        format_args!("bucket {} is gone again", bucket.bucket_name),
    );

    let farewell = match choice.service {
        Service::Emulator => {
            "That was B2 in memory. The lines that change for the real service, in examples/quickstart.rs:\n\n    \
             Client::builder().credentials(Credentials::from_env()?).build()?\n\n\
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

async fn there_and_back(b2: &Client, bucket: &Bucket, files: &[Local]) -> Result<(), Failure> {
    for file in files {
        let stored = upload(b2, bucket, file).await?;
        let how = if stored.content_sha1.sha1().is_some() {
            "in one piece"
        } else {
            "in parts"
        };
        say(
            "uploaded",
            format_args!(
                "{} ({}, {how})",
                stored.file_name,
                Size(stored.content_length)
            ),
        );
    }
    let listed = b2.call(ListFileNames::new(&bucket.bucket_id)).await?.files;
    for file in listed.iter().filter_map(|row| row.version()) {
        say(
            "listed",
            format_args!(
                "{} {} {}",
                file.file_name,
                Size(file.content_length),
                short(&file.file_id)
            ),
        );
        let local = files
            .iter()
            .find(|local| local.name == *file.file_name)
            .ok_or("a file that was not uploaded")?;
        let (len, sha1) = download(b2, file).await?;
        let expected = local.sha1()?;
        if (len, sha1) != (local.len, expected) {
            return Err(format!(
                "{} came back as {len} bytes with SHA-1 {sha1}",
                file.file_name
            )
            .into());
        }
        say(
            "downloaded",
            format_args!("{} SHA-1 {sha1}, as it went", file.file_name),
        );
    }
    if listed.len() != files.len() {
        return Err(format!(
            "{} files were uploaded and {} listed",
            files.len(),
            listed.len()
        )
        .into());
    }
    Ok(())
}

/// Uploads a file: in one piece, or in parts where it is too large for one comfortable request.
async fn upload(b2: &Client, bucket: &Bucket, file: &Local) -> Result<FileVersion, Failure> {
    let name = FileName::new(&*file.name)?;
    let part_size = b2.session().await?.absolute_minimum_part_size().max(1);
    if file.len <= 2 * part_size {
        return Ok(b2
            .call(UploadFile::new(
                &bucket.bucket_id,
                name,
                file.body(0, file.len),
            ))
            .await?);
    }
    let info = FileInfo::new().with("large_file_sha1", file.sha1()?.to_string())?;
    let started = b2
        .call(StartLargeFile::new(&bucket.bucket_id, name).file_info(info))
        .await?;
    match upload_parts(b2, &started.file_id, file, part_size).await {
        Ok(sha1s) => Ok(b2
            .call(FinishLargeFile::new(&started.file_id, sha1s))
            .await?),
        Err(error) => {
            // What was started costs money until it is cancelled.
            b2.call(CancelLargeFile::new(&started.file_id)).await?;
            Err(error)
        }
    }
}

async fn upload_parts(
    b2: &Client,
    file_id: &FileId,
    file: &Local,
    part_size: u64,
) -> Result<Vec<Sha1>, Failure> {
    // 10,000 parts are the most that a file may have.
    let part_size = part_size.max(file.len.div_ceil(10_000));
    let mut sha1s = Vec::new();
    let mut start = 0;
    while start < file.len {
        let len = part_size.min(file.len - start);
        let number = PartNumber::new(sha1s.len() as u64 + 1)?;
        let part = b2
            .call(UploadPart::new(file_id, number, file.body(start, len)))
            .await?;
        sha1s.push(*part.content_sha1.sha1().ok_or("the part has no SHA-1")?);
        start += len;
        say_progress(format_args!(
            "part {number} of {}, {} of {}",
            file.len.div_ceil(part_size),
            Size(start),
            Size(file.len)
        ));
    }
    Ok(sha1s)
}

/// Reads a file back, piece by piece. The stream itself ends in an error if the bytes don't have B2's SHA-1.
async fn download(b2: &Client, file: &FileVersion) -> Result<(u64, Sha1), Failure> {
    let mut body = b2.call(DownloadFileById::new(&file.file_id)).await?.body;
    let (mut len, mut hasher) = (0, Sha1Hasher::default());
    while let Some(bytes) = body.next().await.transpose()? {
        len += bytes.len() as u64;
        hasher.update(&bytes);
    }
    Ok((len, hasher.finish()))
}

/// Deletes all that is in the bucket, and the bucket.
async fn tidy_up(b2: &Client, bucket: &Bucket) -> Result<(), Failure> {
    loop {
        let page = b2.call(ListFileVersions::new(&bucket.bucket_id)).await?;
        for version in page.files.iter().filter_map(|row| row.version()) {
            b2.call(DeleteFileVersion::new(
                &*version.file_name,
                &version.file_id,
            ))
            .await?;
        }
        if page.next_file_name.is_none() {
            break;
        }
    }
    b2.call(DeleteBucket::new(&bucket.bucket_id)).await?;
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
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                Some(option) if option.starts_with('-') || option.is_empty() => {
                    return Err(format!("what is {option:?}? {USAGE}").into());
                }
                _ if choice.file.is_some() => {
                    return Err(format!("one file at a time; {USAGE}").into());
                }
                _ => choice.file = Some(arg.into()),
            }
        }
        Ok(choice)
    }

    /// The file that was named, or two that are made up: a small one, and one of 12 MB.
    fn files(&self) -> Result<Vec<Local>, Failure> {
        let Some(path) = &self.file else {
            let line = "The quick brown fox jumps over the lazy dog.\n";
            return Ok(vec![
                Local::generated("hello/fox & dog ü.txt", line.repeat(26).into_bytes()),
                Local::generated(
                    "twelve-megabytes.bin",
                    (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect(),
                ),
            ]);
        };
        let failed = |error| format!("can't read {}: {error}", path.display());
        let meta = fs::metadata(path).map_err(failed)?;
        if !meta.is_file() {
            return Err(format!("{} is not a file", path.display()).into());
        }
        File::open(path).map_err(failed)?;
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("the file's name is not UTF-8")?;
        Ok(vec![Local {
            name: name.to_owned(),
            len: meta.len(),
            content: Content::Path(path.clone()),
        }])
    }
}

/// What is to be uploaded.
struct Local {
    name: String,
    len: u64,
    content: Content,
}

enum Content {
    Memory(Bytes),
    Path(PathBuf),
}

impl Local {
    fn generated(name: &str, content: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            len: content.len() as u64,
            content: Content::Memory(content.into()),
        }
    }

    /// A stretch of the file as a body that can be sent again: each attempt opens it anew.
    fn body(&self, start: u64, len: u64) -> Body {
        match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(start).expect("it is in memory");
                Body::from(
                    bytes.slice(start..start + usize::try_from(len).expect("it is in memory")),
                )
            }
            Content::Path(path) => {
                let path = path.clone();
                Body::replay(len, move || pieces(&path, start, len))
            }
        }
    }

    fn sha1(&self) -> Result<Sha1, Failure> {
        self.hashed()
            .map_err(|error| format!("can't read {}: {error}", self.name).into())
    }

    fn hashed(&self) -> io::Result<Sha1> {
        match &self.content {
            Content::Memory(bytes) => Ok(Sha1::of(bytes)),
            Content::Path(path) => {
                let (mut file, mut hasher, mut piece) =
                    (File::open(path)?, Sha1Hasher::default(), vec![0; 1 << 16]);
                loop {
                    match file.read(&mut piece)? {
                        0 => return Ok(hasher.finish()),
                        read => hasher.update(&piece[..read]),
                    }
                }
            }
        }
    }
}

/// The bytes of a stretch of a file, a piece at a time.
fn pieces(
    path: &Path,
    start: u64,
    len: u64,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + use<>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(futures::stream::try_unfold(
        file.take(len),
        async |mut file| {
            let mut piece = vec![0; 1 << 16];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok((read > 0).then(|| (Bytes::from(piece), file)))
        },
    ))
}

fn say(what: &str, about: fmt::Arguments<'_>) {
    let clear = if io::stdout().is_terminal() {
        "\r\x1b[K"
    } else {
        ""
    };
    // Whoever closed the pipe has seen enough; the bucket is tidied up all the same.
    let _ = writeln!(io::stdout(), "{clear}  ✓ {what:<11} {about}");
}

/// A line that the next one replaces: for terminals only.
fn say_progress(about: fmt::Arguments<'_>) {
    if io::stdout().is_terminal() {
        let _ = write!(io::stdout(), "\r\x1b[K  … {about}");
        let _ = io::stdout().flush();
    }
}

/// An id's end: enough to tell it from others.
fn short(id: &FileId) -> String {
    let id = id.as_str();
    format!("…{}", &id[id.len().saturating_sub(14)..])
}

/// Enough for a name that nobody else has.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

/// Bytes as people read them.
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

/// An error and all that lies beneath it, in one line.
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
