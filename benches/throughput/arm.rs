//! [`Client`]: one of the two that are compared.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit::api::{ApiVersion, DownloadFileById, Session, UploadFile};
use b2kit::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use b2kit::http::{Method, Request};
use b2kit::types::{FileName, Secret, Sha1, Sha1Hasher};
use b2kit::{Body, Bytes};
use futures::Stream;
use http_body_util::{BodyExt as _, Either, Empty, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Failure;
use crate::file::{File, Reading};

/// Who makes the transfer.
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

/// Which way the file goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Upload,
    Download,
}

impl Direction {
    pub(crate) const ALL: [Self; 2] = [Self::Upload, Self::Download];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client, ready to transfer.
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

    /// Sends or receives the whole file and checks its SHA-1.
    pub(crate) async fn transfer(&self, direction: Direction, file: &File) -> Result<(), Failure> {
        match (self, direction) {
            (Self::B2kit(client), Direction::Upload) => upload(client, file).await,
            (Self::B2kit(client), Direction::Download) => download(client, file).await,
            (Self::Bare(client), Direction::Upload) => client.upload(file).await,
            (Self::Bare(client), Direction::Download) => client.download(file).await,
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

async fn download(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let mut body = client.call(DownloadFileById::new(file.id())).await?.body;
    let expected = body.checked_against();
    while let Some(bytes) = body.next().await {
        std::hint::black_box(bytes?);
    }
    same(expected, file)
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

type BareBody = Either<StreamBody<HashedAtEnd>, Empty<Bytes>>;

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

    async fn upload(&self, file: &File) -> Result<(), Failure> {
        let body = HashedAtEnd {
            source: file.read(),
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
            .request(request.body(Either::Right(Empty::new()))?);
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
