//! The same small program with bare hyper: no retries, no limits, and no checks except the SHA-1; it reads files as a
//! whole.
//!
//! ```text
//! size-bare ENDPOINT BUCKET NAME FILE           uploads
//! size-bare ENDPOINT BUCKET NAME FILE TARGET    uploads, and downloads to TARGET
//! ```

mod peak;

use std::error::Error as StdError;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect};
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};

type Failure = Box<dyn StdError + Send + Sync>;

#[cfg(not(feature = "tls"))]
type Connector = connect::HttpConnector;
#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<connect::HttpConnector>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(std::env::args().skip(1).collect()))?;
    peak::print();
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    account_id: String,
    authorization_token: String,
    api_info: ApiInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiInfo {
    storage_api: StorageApi,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageApi {
    api_url: String,
    download_url: String,
}

#[derive(Deserialize)]
struct Buckets {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    bucket_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UploadUrl {
    upload_url: String,
    authorization_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    content_length: u64,
    content_sha1: String,
}

struct Bare(Client<Connector, Full<Bytes>>);

impl Bare {
    fn new() -> Self {
        #[cfg(not(feature = "tls"))]
        let connector = connect::HttpConnector::new();
        #[cfg(feature = "tls")]
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let response = self.0.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }

    async fn call(
        &self,
        account: &Account,
        name: &str,
        document: serde_json::Value,
    ) -> Result<Bytes, Failure> {
        let api = &account.api_info.storage_api.api_url;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{api}/b2api/v4/{name}"))
            .header(AUTHORIZATION, &account.authorization_token)
            .body(Full::from(document.to_string()))?;
        self.send(request).await
    }
}

async fn run(arguments: Vec<String>) -> Result<(), Failure> {
    let (endpoint, bucket, name, file, target) = match &arguments[..] {
        [endpoint, bucket, name, file] => (endpoint, bucket, name, file, None),
        [endpoint, bucket, name, file, target] => (endpoint, bucket, name, file, Some(target)),
        _ => return Err("usage: size-bare ENDPOINT BUCKET NAME FILE [TARGET]".into()),
    };
    let b2 = Bare::new();
    let account = authorize(&b2, endpoint).await?;
    let document = serde_json::json!({"accountId": account.account_id, "bucketName": bucket});
    let buckets = b2.call(&account, "b2_list_buckets", document).await?;
    let buckets: Buckets = serde_json::from_slice(&buckets)?;
    let bucket_id = &buckets.buckets.first().ok_or("no such bucket")?.bucket_id;

    let document = serde_json::json!({"bucketId": bucket_id});
    let url = b2.call(&account, "b2_get_upload_url", document).await?;
    let uploaded = upload(
        &b2,
        &serde_json::from_slice(&url)?,
        name,
        std::fs::read(file)?,
    )
    .await?;
    println!("uploaded {} bytes", uploaded.content_length);
    if let Some(target) = target {
        let origin = &account.api_info.storage_api.download_url;
        let request = Request::builder()
            .uri(format!("{origin}/file/{bucket}/{name}"))
            .header(AUTHORIZATION, &account.authorization_token)
            .body(Full::default())?;
        let bytes = b2.send(request).await?;
        if sha1(&bytes) != uploaded.content_sha1 {
            return Err("the SHA-1 is another one".into());
        }
        std::fs::write(target, &bytes)?;
        println!("downloaded {} bytes", bytes.len());
    }
    Ok(())
}

async fn authorize(b2: &Bare, endpoint: &str) -> Result<Account, Failure> {
    let key = ["B2_APPLICATION_KEY_ID", "B2_APPLICATION_KEY"].map(std::env::var);
    let [id, key] = key;
    let basic = BASE64_STANDARD.encode(format!("{}:{}", id?, key?));
    let request = Request::builder()
        .uri(format!("{endpoint}/b2api/v4/b2_authorize_account"))
        .header(AUTHORIZATION, format!("Basic {basic}"))
        .body(Full::default())?;
    Ok(serde_json::from_slice(&b2.send(request).await?)?)
}

async fn upload(b2: &Bare, url: &UploadUrl, name: &str, bytes: Vec<u8>) -> Result<File, Failure> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(&url.upload_url)
        .header(AUTHORIZATION, &url.authorization_token)
        .header("x-bz-file-name", name)
        .header("x-bz-content-sha1", sha1(&bytes))
        .header("content-type", "b2/x-auto")
        .body(Full::from(bytes))?;
    Ok(serde_json::from_slice(&b2.send(request).await?)?)
}

fn sha1(bytes: &[u8]) -> String {
    let digits = Sha1::digest(bytes);
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}
