//! [`Bare`]: hyper without b2kit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit::Bytes;
use b2kit::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use b2kit::http::{Method, Request, Response};
use b2kit::types::{Sha1, Sha1Hasher};
use futures::Stream;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Failure;
use crate::file::File;

/// hyper without b2kit: a client with the settings of b2kit's backend, plain requests, and the same SHA-1 over the same
/// chunks.
pub(crate) struct Bare {
    client: legacy::Client<HttpConnector, BareBody>,
    origin: String,
}

type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

pub(crate) type BareBody = Either<StreamBody<HashedAtEnd>, Full<Bytes>>;

impl Bare {
    pub(crate) fn new(origin: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(2500))
            .http1_max_headers(256)
            .build(connector);
        Self { client, origin }
    }

    /// Sends `source`, and returns the SHA-1 that the server received.
    pub(crate) async fn upload(
        &self,
        len: u64,
        source: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<Option<Sha1>, Failure> {
        let body = HashedAtEnd {
            source: Box::pin(source),
            hasher: Some(Sha1Hasher::default()),
        };
        let request = self
            .request(Method::POST, "/upload")
            .header("x-bz-file-name", "file")
            .header("x-bz-content-sha1", "hex_digits_at_end")
            .header(CONTENT_TYPE, "b2/x-auto")
            .header(CONTENT_LENGTH, len + 40)
            .body(Either::Left(StreamBody::new(body)))?;
        let answer = self.send(request).await?;
        let document = answer.into_body().collect().await?.to_bytes();
        let stored: b2kit::types::FileVersion = serde_json::from_slice(&document)?;
        Ok(stored.content_sha1.sha1().copied())
    }

    /// Receives the file and checks its SHA-1.
    pub(crate) async fn download(&self, file: &File) -> Result<(), Failure> {
        let mut body = self.get(file).await?;
        let mut hasher = Sha1Hasher::default();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                hasher.update(&bytes);
                std::hint::black_box(bytes);
            }
        }
        same(Some(hasher.finish()), file)
    }

    /// The body that has the file's bytes.
    pub(crate) async fn get(&self, file: &File) -> Result<Incoming, Failure> {
        let path = format!("/b2api/v4/b2_download_file_by_id?fileId={}", file.id());
        let request = self.request(Method::GET, &path);
        let request = request.body(Either::Right(Full::default()))?;
        Ok(self.send(request).await?.into_body())
    }

    pub(crate) async fn send(
        &self,
        request: Request<BareBody>,
    ) -> Result<Response<Incoming>, Failure> {
        Ok(self.client.request(request).await?)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> b2kit::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header(AUTHORIZATION, "t")
    }
}

/// The file's bytes followed by the digits of their SHA-1, in the simplest way.
pub(crate) struct HashedAtEnd {
    source: BodyStream,
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

/// Fails unless this is the file's SHA-1.
pub(crate) fn same(sha1: Option<Sha1>, file: &File) -> Result<(), Failure> {
    if sha1 == Some(file.sha1) {
        Ok(())
    } else {
        Err(format!("the SHA-1 is {sha1:?} and should be {:?}", file.sha1).into())
    }
}
