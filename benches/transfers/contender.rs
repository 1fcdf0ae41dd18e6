//! [`Contender`]: b2kit, bare hyper, bare sockets or curl.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use b2kit::api::{ApiVersion, Session};
use b2kit::transfer::Source;
use b2kit::types::{BucketName, Secret};
use b2kit::{BucketHandle, Bytes, Client};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::Failure;
use crate::bare::{Bare, same};
use crate::disk::{self, Disk};
use crate::file::{File, chunk};
use crate::load::{Load, Task};
use crate::meter::Meter;
use crate::process::Server;
use crate::sample::{self, Sample};
use crate::socket;

/// The contenders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    B2kit,
    Bare,
    Socket,
    Curl,
}

impl Contender {
    const fn name(self) -> &'static str {
        match self {
            Self::B2kit => "b2kit",
            Self::Bare => "bare",
            Self::Socket => "socket",
            Self::Curl => "curl",
        }
    }

    /// Takes a sample in a new process.
    pub(crate) fn take(
        self,
        server: &Server,
        disk: Disk<'_>,
        load: Load,
    ) -> Result<Sample, Failure> {
        if self == Self::Curl {
            return curl(server, disk, load);
        }
        let directory = disk.0.to_str().ok_or("the directory has no plain name")?;
        let (port, words) = (server.port().to_string(), load.to_arguments());
        let mut what = vec![self.name(), &*port, directory];
        what.extend(words.iter().map(String::as_str));
        Sample::take(&what)
    }
}

/// The main function of a sample's process. There is no warm-up: setup counts.
pub(crate) fn run_sample(what: &[&str]) -> Result<(), Failure> {
    let &[contender, port, directory, task, files, size, at_once] = what else {
        return Err(
            "the arguments of a sample are CONTENDER PORT DIRECTORY TASK FILES SIZE CONCURRENCY"
                .into(),
        );
    };
    let load = Load::from_arguments([task, files, size, at_once])?;
    let (disk, origin) = (
        Disk(Path::new(directory)),
        format!("http://127.0.0.1:{port}"),
    );
    // A sparse file would have another SHA-1.
    let file = File::new(if matches!(load.task, Task::Send | Task::SendOnce) {
        0
    } else {
        load.size
    });
    let file = File {
        len: load.size,
        ..file
    };
    sample::run_sample(async {
        let meter;
        if contender == Contender::B2kit.name() {
            let session = Session::new(ApiVersion::V4, "a", Secret::new("t"), &*origin, &*origin);
            let client = Client::builder()
                .session(session)
                .endpoint(origin)
                .build()?;
            meter = Meter::start();
            b2kit(client, disk, load, &file).await?;
        } else if contender == Contender::Socket.name() {
            meter = Meter::start();
            socket::transfer(port.parse()?, disk, load, &file)?;
        } else {
            let client = Bare::new(origin);
            meter = Meter::start();
            bare(&client, disk, load, &file).await?;
        }
        Ok(meter.stop())
    })
}

/// With b2kit, as a program would use it.
async fn b2kit(client: Client, disk: Disk<'_>, load: Load, file: &File) -> Result<(), Failure> {
    let bucket = BucketHandle::new(client.clone(), "b".into(), BucketName::new("bucket")?);
    let numbers = stream::iter(0..load.files);
    match load.task {
        Task::Up | Task::UpFromDisk => {
            let path = disk.source();
            let uploads = bucket.upload_many(numbers, load.at_once, |bucket, number| {
                let source = match load.task {
                    Task::Up => Source::bytes(Bytes::copy_from_slice(chunk(load.size))),
                    _ => Source::path(&path),
                };
                bucket.upload(format!("f{number}"), source)
            });
            all(
                uploads.map(|(_, outcome)| outcome.map(|uploaded| uploaded.file.content_length)),
                load,
            )
            .await
        }
        Task::Down => {
            let id = file.id();
            let downloads = bucket.download_many(numbers, load.at_once, |_, _| {
                let download = client.download(&*id).require_verified();
                download.to_writer(futures::io::sink())
            });
            all(
                downloads.map(|(_, outcome)| outcome.map(|downloaded| downloaded.bytes)),
                load,
            )
            .await
        }
        Task::Send | Task::SendOnce => {
            let upload = bucket.upload("file", Source::path(disk.source()));
            let uploaded = upload.hash_first(load.task == Task::Send).await?;
            is_all(uploaded.file.content_length, load)
        }
        Task::Fetch => {
            let download = client.download(file.id()).require_verified();
            let download = download.concurrency(load.at_once);
            is_all(download.to_path(disk.target()).await?.bytes, load)
        }
        Task::FetchUnverified => {
            let download = client.download(format!("4_z{}_none", file.len));
            is_all(download.to_path(disk.target()).await?.bytes, load)
        }
    }
}

/// Checks that all files were transferred completely.
async fn all(
    lens: impl futures::Stream<Item = Result<u64, b2kit::Error>>,
    load: Load,
) -> Result<(), Failure> {
    let bytes: u64 = lens.try_fold(0, async |sum, len| Ok(sum + len)).await?;
    is_all(bytes, load)
}

fn is_all(bytes: u64, load: Load) -> Result<(), Failure> {
    if bytes == load.files * load.size {
        Ok(())
    } else {
        Err(format!("{bytes} bytes").into())
    }
}

/// With bare hyper: the same bytes and concurrency, with SHA-1. A large file is one request, and is not verified when
/// it is downloaded.
async fn bare(client: &Bare, disk: Disk<'_>, load: Load, file: &File) -> Result<(), Failure> {
    let path = disk.source();
    let one = |_| async {
        match load.task {
            Task::Up => same(client.upload(file.len, file.read()).await?, file),
            Task::UpFromDisk => {
                let source = disk::read(&path, file.len)?;
                same(client.upload(file.len, source).await?, file)
            }
            _ => client.download(file).await,
        }
    };
    match load.task {
        Task::Send | Task::SendOnce => {
            let source = disk::read(&path, file.len)?;
            client.upload(file.len, source).await.map(drop)
        }
        Task::Fetch | Task::FetchUnverified => {
            let mut body = client.get(file).await?;
            let mut target = std::fs::File::create(disk.target())?;
            while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
                if let Ok(bytes) = frame?.into_data() {
                    io::Write::write_all(&mut target, &bytes)?;
                }
            }
            Ok(target.sync_all()?)
        }
        _ => {
            let files = stream::iter(0..load.files).map(one);
            files.buffer_unordered(load.at_once).try_collect().await
        }
    }
}

/// One process of curl for all files, without hashing. Its time is that of the whole process.
fn curl(server: &Server, disk: Disk<'_>, load: Load) -> Result<Sample, Failure> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--disable"]);
    if load.at_once > 1 && load.files > 1 {
        let at_once = load.at_once.to_string();
        curl.args([
            "--parallel",
            "--parallel-immediate",
            "--parallel-max",
            &at_once,
        ]);
    }
    let origin = format!("http://127.0.0.1:{}", server.port());
    let numbers = format!("[1-{}]", load.files);
    let id = File::new(if load.task == Task::Down {
        load.size
    } else {
        0
    })
    .sha1;
    let id = format!("4_z{}_{id}", load.size);
    match load.task {
        Task::Up | Task::UpFromDisk | Task::Send | Task::SendOnce => {
            curl.args(["--request", "POST", "--header", "Expect:"]);
            curl.arg("--upload-file").arg(disk.source());
            curl.arg(format!("{origin}/upload?{numbers}"));
        }
        Task::Down | Task::Fetch | Task::FetchUnverified => {
            let target = disk.target();
            let nowhere = Path::new("/dev/null");
            let target = if load.task == Task::Down {
                nowhere
            } else {
                &target
            };
            curl.arg("--output").arg(target);
            curl.arg(format!(
                "{origin}/b2_download_file_by_id?fileId={id}&{numbers}"
            ));
        }
    }
    let meter = Meter::start();
    // curl prints its progress even with `--silent`.
    let output = curl.output()?;
    let (wall, _) = meter.stop();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("curl: {}: {said}", output.status).into());
    }
    Ok(Sample {
        wall,
        cpu: None,
        peak: None,
    })
}

/// Whether curl is installed.
pub(crate) fn has_curl() -> bool {
    let version = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
