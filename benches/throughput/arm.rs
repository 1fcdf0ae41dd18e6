//! [`Client`]: one of the two that are compared.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit::api::{ApiVersion, DownloadFileById, ListFileNames, Session, UploadFile};
use b2kit::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use b2kit::http::{Method, Request};
use b2kit::transfer::Source;
use b2kit::types::{BucketName, FileName, Secret, Sha1, Sha1Hasher};
use b2kit::{Body, BucketHandle, Bytes};
use futures::{Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Failure;
use crate::file::{File, Reading};
use crate::listing::{Asked, LIST};
use crate::page::Floor;

/// Who does it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arm {
    B2kit,
    Bare,
}

impl Arm {
    pub(crate) const BOTH: [Self; 2] = [Self::B2kit, Self::Bare];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::B2kit => "b2kit",
            Self::Bare => "bare",
        }
    }
}

/// What there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    Upload,
    Send,
    Download,
    Fetch,
    List,
}

impl Task {
    pub(crate) const ALL: [Self; 5] = [
        Self::Upload,
        Self::Send,
        Self::Download,
        Self::Fetch,
        Self::List,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Send => "send",
            Self::Download => "download",
            Self::Fetch => "fetch",
            Self::List => "list",
        }
    }

    /// The task as a job of this size: a file's bytes, or a listing's rows.
    pub(crate) fn of_size(self, size: u64) -> Job {
        match self {
            Self::Upload => Job::Upload(File::new(size)),
            Self::Send => Job::Send(File::new(size)),
            Self::Download => Job::Download(File::new(size)),
            Self::Fetch => Job::Fetch(File::new(size)),
            Self::List => Job::List(size),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A task and what it is done with.
pub(crate) enum Job {
    Upload(File),
    /// From the disk, as a transfer.
    Send(File),
    Download(File),
    /// To the disk, as a transfer; bare hyper only writes, and verifies nothing.
    Fetch(File),
    /// That many rows.
    List(u64),
}

/// A client, ready to work.
pub(crate) enum Client {
    B2kit(b2kit::Client),
    Bare(Bare),
}

impl Client {
    /// Has to be called within the runtime that both arms are to run on.
    pub(crate) fn new(arm: Arm, port: u16) -> Result<Self, Failure> {
        let origin = format!("http://127.0.0.1:{port}");
        Ok(match arm {
            Arm::Bare => Self::Bare(Bare::new(origin)),
            Arm::B2kit => {
                let token = Secret::new("t");
                let session = Session::new(ApiVersion::V4, "a", token, &*origin, &*origin);
                let client = b2kit::Client::builder()
                    .session(session)
                    .endpoint(origin)
                    .build()?;
                Self::B2kit(client)
            }
        })
    }

    /// Sends or receives the whole file and checks its SHA-1, or reads the whole listing and counts its rows.
    pub(crate) async fn carry_out(&self, job: &Job) -> Result<(), Failure> {
        match (self, job) {
            (Self::B2kit(client), Job::Upload(file)) => upload(client, file).await,
            (Self::B2kit(client), Job::Send(file)) => send(client, file).await,
            (Self::B2kit(client), Job::Download(file)) => download(client, file).await,
            (Self::B2kit(client), Job::Fetch(file)) => fetch(client, file).await,
            (Self::B2kit(client), Job::List(rows)) => list(client, *rows).await,
            (Self::Bare(client), Job::Upload(file)) => client.upload(file, file.read()).await,
            (Self::Bare(client), Job::Send(file)) => {
                client.upload(file, file.read_from_disk()?).await
            }
            (Self::Bare(client), Job::Download(file)) => client.download(file).await,
            (Self::Bare(client), Job::Fetch(file)) => client.fetch(file).await,
            (Self::Bare(client), Job::List(rows)) => client.list(*rows).await,
        }
    }
}

async fn upload(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let source = *file;
    let body = Body::replay(file.len, move || Ok(source.read()));
    let stored = client
        .call(UploadFile::new("b", FileName::new("file")?, body))
        .await?;
    same(stored.content_sha1.sha1().copied(), file)
}

async fn send(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let bucket = BucketHandle::new(client.clone(), "b".into(), BucketName::new("bucket")?);
    let uploaded = bucket.upload("file", Source::path(file.path())).await?;
    if uploaded.file.content_length == file.len {
        Ok(())
    } else {
        Err(format!("{} bytes arrived", uploaded.file.content_length).into())
    }
}

async fn fetch(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let download = client.download(file.id()).require_verified();
    download.to_path(file.target()).await?;
    Ok(())
}

async fn download(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let mut body = client.call(DownloadFileById::new(file.id())).await?.body;
    let expected = body.checked_against();
    while let Some(bytes) = body.next().await {
        std::hint::black_box(bytes?);
    }
    same(expected, file)
}

async fn list(client: &b2kit::Client, rows: u64) -> Result<(), Failure> {
    let mut files = client.stream(ListFileNames::new(rows.to_string()));
    let mut there = 0;
    while let Some(file) = files.try_next().await? {
        std::hint::black_box(file);
        there += 1;
    }
    all(there, rows)
}

fn all(there: u64, rows: u64) -> Result<(), Failure> {
    if there == rows {
        Ok(())
    } else {
        Err(format!("there are {there} rows and should be {rows}").into())
    }
}

fn same(sha1: Option<Sha1>, file: &File) -> Result<(), Failure> {
    if sha1 == Some(file.sha1) {
        Ok(())
    } else {
        Err(format!("the SHA-1 is {sha1:?} and should be {:?}", file.sha1).into())
    }
}

/// hyper as one would use it by hand: a client with the settings of b2kit's backend, plain requests, and the same SHA-1
/// over the same chunks.
pub(crate) struct Bare {
    client: legacy::Client<HttpConnector, BareBody>,
    origin: String,
}

type BareBody = Either<StreamBody<HashedAtEnd>, Full<Bytes>>;

impl Bare {
    fn new(origin: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(2500))
            .http1_max_headers(256)
            .build(connector);
        Self { client, origin }
    }

    async fn upload(&self, file: &File, source: Reading) -> Result<(), Failure> {
        let body = HashedAtEnd {
            source,
            hasher: Some(Sha1Hasher::default()),
        };
        let request = self
            .request(Method::POST, "/upload")
            .header("x-bz-file-name", "file")
            .header("x-bz-content-sha1", "hex_digits_at_end")
            .header(CONTENT_TYPE, "b2/x-auto")
            .header(CONTENT_LENGTH, file.len + 40)
            .body(Either::Left(StreamBody::new(body)))?;
        let answer = self.client.request(request).await?;
        let document = answer.into_body().collect().await?.to_bytes();
        let stored: b2kit::types::FileVersion = serde_json::from_slice(&document)?;
        same(stored.content_sha1.sha1().copied(), file)
    }

    async fn download(&self, file: &File) -> Result<(), Failure> {
        let path = format!("/b2api/v4/b2_download_file_by_id?fileId={}", file.id());
        let request = self.request(Method::GET, &path);
        let answer = self
            .client
            .request(request.body(Either::Right(Full::default()))?);
        let mut body = answer.await?.into_body();
        let mut hasher = Sha1Hasher::default();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                hasher.update(&bytes);
                std::hint::black_box(bytes);
            }
        }
        same(Some(hasher.finish()), file)
    }

    async fn fetch(&self, file: &File) -> Result<(), Failure> {
        let path = format!("/b2api/v4/b2_download_file_by_id?fileId={}", file.id());
        let request = self.request(Method::GET, &path);
        let request = request.body(Either::Right(Full::default()))?;
        let mut body = self.client.request(request).await?.into_body();
        let mut target = std::fs::File::create(file.target())?;
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                io::Write::write_all(&mut target, &bytes)?;
            }
        }
        target.sync_all()?;
        Ok(())
    }

    async fn list(&self, rows: u64) -> Result<(), Failure> {
        let mut asked = Asked {
            bucket_id: rows.to_string(),
            start_file_name: None,
            max_file_count: 1_000,
        };
        let mut there = 0;
        loop {
            let request = self
                .request(Method::POST, LIST)
                .header(CONTENT_TYPE, "application/json")
                .body(Either::Right(serde_json::to_vec(&asked)?.into()))?;
            let answer = self.client.request(request).await?;
            let page = answer.into_body().collect().await?.to_bytes();
            let page = Floor::read(&page)?;
            for row in page.files {
                std::hint::black_box(row);
                there += 1;
            }
            match page.next_file_name {
                Some(next) => asked.start_file_name = Some(next.to_owned()),
                None => return all(there, rows),
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> b2kit::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header(AUTHORIZATION, "t")
    }
}

/// The file's bytes and then the digits of their SHA-1, as simply as it can be done.
struct HashedAtEnd {
    source: Reading,
    hasher: Option<Sha1Hasher>,
}

impl Stream for HashedAtEnd {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(next) = Pin::new(&mut self.source).poll_next(cx) else {
            return Poll::Pending;
        };
        let bytes = match next.transpose()? {
            Some(bytes) => {
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(&bytes);
                }
                Some(bytes)
            }
            None => self
                .hasher
                .take()
                .map(|hasher| Bytes::copy_from_slice(&hasher.finish().hex())),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
