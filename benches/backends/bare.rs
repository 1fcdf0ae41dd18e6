//! Each library without b2kit, with the settings of its backend.

use std::time::Duration;

use b2kit::Bytes;
use b2kit::http::Request;
use b2kit::http::header::CONTENT_LENGTH;
use futures::executor::block_on;
use futures::io::AsyncReadExt as _;
use futures::stream::{BoxStream, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use isahc::AsyncBody;
use isahc::config::{Configurable as _, ExpectContinue, VersionNegotiation};
use tokio::runtime;

use crate::chunks::{DOCUMENT, Reader, chunks};
use crate::{Failure, Library, Task, measure};

pub(crate) fn run(library: Library, origin: &str, tasks: Vec<Task>) -> Result<(f64, f64), Failure> {
    let tokio = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match library {
        Library::Hyper => tokio.block_on(async {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            let client = legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_millis(2500))
                .build(connector);
            measure(tasks, |task| by_hyper(&client, origin, task)).await
        }),
        Library::Reqwest => tokio.block_on(async {
            let client = b2kit::backend::reqwest::ReqwestClient::defaults().build()?;
            measure(tasks, |task| by_reqwest(&client, origin, task)).await
        }),
        Library::Isahc => {
            let client = isahc::HttpClient::builder()
                .tcp_nodelay()
                .version_negotiation(VersionNegotiation::http11())
                .automatic_decompression(false)
                .expect_continue(ExpectContinue::disabled())
                .build()?;
            block_on(measure(tasks, |task| by_isahc(&client, origin, task)))
        }
        #[cfg(feature = "surf")]
        Library::Surf => {
            let client = surf::client()?;
            block_on(measure(tasks, |task| surf::by_surf(&client, origin, task)))
        }
    }
}

fn checked(value: &[u8]) -> Result<(), Failure> {
    let value: serde_json::Value = serde_json::from_slice(value)?;
    std::hint::black_box(value);
    Ok(())
}

type HyperBody = http_body_util::Either<
    StreamBody<BoxStream<'static, std::io::Result<Frame<Bytes>>>>,
    Full<Bytes>,
>;

async fn by_hyper(
    client: &legacy::Client<HttpConnector, HyperBody>,
    origin: &str,
    task: Task,
) -> Result<(), Failure> {
    let whole = |bytes: &'static str| HyperBody::Right(Full::from(bytes));
    match task {
        Task::Up(bytes) => {
            let frames = chunks(bytes).map(|chunk| chunk.map(Frame::data)).boxed();
            let request = Request::post(format!("{origin}/0"))
                .header(CONTENT_LENGTH, bytes)
                .body(HyperBody::Left(StreamBody::new(frames)))?;
            client.request(request).await?.into_body().collect().await?;
        }
        Task::Down(bytes) => {
            let request = Request::get(format!("{origin}/{bytes}")).body(whole(""))?;
            let mut body = client.request(request).await?.into_body();
            while let Some(frame) = body.frame().await {
                std::hint::black_box(frame?.into_data().ok());
            }
        }
        Task::Calls(calls) => {
            for _ in 0..calls {
                let request = Request::post(format!("{origin}/0")).body(whole(DOCUMENT))?;
                let answer = client.request(request).await?.into_body();
                checked(&answer.collect().await?.to_bytes())?;
            }
        }
    }
    Ok(())
}

async fn by_reqwest(client: &reqwest::Client, origin: &str, task: Task) -> Result<(), Failure> {
    match task {
        Task::Up(bytes) => {
            let request = client
                .post(format!("{origin}/0"))
                .header(CONTENT_LENGTH, bytes);
            let body = reqwest::Body::wrap_stream(chunks(bytes));
            request.body(body).send().await?.bytes().await?;
        }
        Task::Down(bytes) => {
            let answer = client.get(format!("{origin}/{bytes}")).send().await?;
            let mut chunks = answer.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                std::hint::black_box(chunk?);
            }
        }
        Task::Calls(calls) => {
            for _ in 0..calls {
                let answer = client.post(format!("{origin}/0")).body(DOCUMENT).send();
                checked(&answer.await?.bytes().await?)?;
            }
        }
    }
    Ok(())
}

async fn by_isahc(client: &isahc::HttpClient, origin: &str, task: Task) -> Result<(), Failure> {
    match task {
        Task::Up(bytes) => {
            let body = AsyncBody::from_reader_sized(Reader { left: bytes }, bytes);
            let mut answer = client.post_async(format!("{origin}/0"), body).await?;
            answer.body_mut().read_to_end(&mut Vec::new()).await?;
        }
        Task::Down(bytes) => {
            let mut answer = client.get_async(format!("{origin}/{bytes}")).await?;
            let mut buffer = vec![0; 64 << 10];
            while answer.body_mut().read(&mut buffer).await? > 0 {
                std::hint::black_box(&buffer);
            }
        }
        Task::Calls(calls) => {
            for _ in 0..calls {
                let mut answer = client.post_async(format!("{origin}/0"), DOCUMENT).await?;
                let mut document = Vec::new();
                answer.body_mut().read_to_end(&mut document).await?;
                checked(&document)?;
            }
        }
    }
    Ok(())
}

#[cfg(feature = "surf")]
mod surf {
    use b2kit::backend::surf::{SurfClient, http_client, surf};
    use futures::io::AsyncReadExt as _;
    use surf::{Body, Client};

    use super::{DOCUMENT, Failure, Reader, Task, checked};

    pub(super) fn client() -> Result<Client, Failure> {
        let client = http_client::isahc::IsahcClient::from_client(SurfClient::defaults().build()?);
        Ok(Client::with_http_client(client))
    }

    pub(super) async fn by_surf(client: &Client, origin: &str, task: Task) -> Result<(), Failure> {
        let post = |body: Body| client.post(format!("{origin}/0")).body(body);
        match task {
            Task::Up(bytes) => {
                let length = usize::try_from(bytes)?;
                let body = Body::from_reader(Reader { left: bytes }, Some(length));
                let mut answer = post(body).await.map_err(surf::Error::into_inner)?;
                answer.body_bytes().await.map_err(surf::Error::into_inner)?;
            }
            Task::Down(bytes) => {
                let answer = client.get(format!("{origin}/{bytes}")).await;
                let mut answer = answer.map_err(surf::Error::into_inner)?;
                let mut body = answer.take_body();
                let mut buffer = vec![0; 64 << 10];
                while body.read(&mut buffer).await? > 0 {
                    std::hint::black_box(&buffer);
                }
            }
            Task::Calls(calls) => {
                for _ in 0..calls {
                    let answer = post(DOCUMENT.into()).await;
                    let mut answer = answer.map_err(surf::Error::into_inner)?;
                    let document = answer.body_bytes().await;
                    checked(&document.map_err(surf::Error::into_inner)?)?;
                }
            }
        }
        Ok(())
    }
}
