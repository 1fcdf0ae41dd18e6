//! Each backend in a `CheckedClient`, as `b2kit::Client` uses it.

use b2kit::backend::hyper::HyperClient;
use b2kit::backend::isahc::IsahcClient;
use b2kit::backend::reqwest::ReqwestClient;
use b2kit::{Body, CheckedClient, HttpClient, Request, SystemTimer};
use futures::executor::block_on;
use tokio::runtime;

use crate::chunks::{DOCUMENT, chunks};
use crate::{Failure, Library, Task, measure};

pub(crate) fn run(library: Library, origin: &str, tasks: Vec<Task>) -> Result<(f64, f64), Failure> {
    let tokio = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let inside = tokio.enter();
    match library {
        Library::Hyper => {
            let backend = CheckedClient::new(HyperClient::new()?, SystemTimer);
            drop(inside);
            tokio.block_on(all(&backend, origin, tasks))
        }
        Library::Reqwest => {
            let backend = CheckedClient::new(ReqwestClient::new()?, SystemTimer);
            drop(inside);
            tokio.block_on(all(&backend, origin, tasks))
        }
        Library::Isahc => block_on(all(
            &CheckedClient::new(IsahcClient::new(), SystemTimer),
            origin,
            tasks,
        )),
        #[cfg(feature = "surf")]
        Library::Surf => {
            let client = b2kit::backend::surf::SurfClient::new();
            block_on(all(&CheckedClient::new(client, SystemTimer), origin, tasks))
        }
    }
}

async fn all(
    backend: &CheckedClient,
    origin: &str,
    tasks: Vec<Task>,
) -> Result<(f64, f64), Failure> {
    measure(tasks, |task| perform(backend, origin, task)).await
}

async fn perform(backend: &CheckedClient, origin: &str, task: Task) -> Result<(), Failure> {
    match task {
        Task::Up(bytes) => {
            let request = post(origin, Body::replay(bytes, move || Ok(chunks(bytes))))?;
            backend
                .send(request)
                .await?
                .into_body()
                .collect(1 << 20)
                .await?;
        }
        Task::Down(bytes) => {
            let uri = format!("{origin}/{bytes}");
            let request = b2kit::http::Request::get(uri).body(Body::empty())?;
            let mut body = backend.send(request).await?.into_body();
            while let Some(chunk) = body.next().await {
                std::hint::black_box(chunk?);
            }
        }
        Task::Calls(calls) => {
            for _ in 0..calls {
                let answer = backend.send(post(origin, DOCUMENT.into())?).await?;
                let document = answer.into_body().collect(1 << 20).await?;
                let value: serde_json::Value = serde_json::from_slice(&document)?;
                std::hint::black_box(value);
            }
        }
    }
    Ok(())
}

fn post(origin: &str, body: Body) -> Result<Request, Failure> {
    Ok(b2kit::http::Request::post(format!("{origin}/0")).body(body)?)
}
