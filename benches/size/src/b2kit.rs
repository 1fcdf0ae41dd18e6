//! A small program with b2kit: authorizes, uploads a file, and downloads it.
//!
//! ```text
//! size-b2kit ENDPOINT BUCKET NAME FILE           uploads
//! size-b2kit ENDPOINT BUCKET NAME FILE TARGET    uploads, and downloads to TARGET
//! ```
//!
//! The key comes from the environment. At the end it prints its peak memory (Linux only).

mod peak;

use std::error::Error as StdError;

use b2kit::transfer::Source;
use b2kit::{Client, Credentials};

type Failure = Box<dyn StdError + Send + Sync>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(std::env::args().skip(1).collect()))?;
    peak::print();
    Ok(())
}

async fn run(arguments: Vec<String>) -> Result<(), Failure> {
    let (endpoint, bucket, name, file, target) = match &arguments[..] {
        [endpoint, bucket, name, file] => (endpoint, bucket, name, file, None),
        [endpoint, bucket, name, file, target] => (endpoint, bucket, name, file, Some(target)),
        _ => return Err("usage: size-b2kit ENDPOINT BUCKET NAME FILE [TARGET]".into()),
    };
    let b2 = Client::builder()
        .credentials(Credentials::from_env()?)
        .endpoint(endpoint)
        .build()?;
    let bucket = b2.bucket(bucket).await?;
    let uploaded = bucket.upload(name.as_str(), Source::path(file)).await?;
    println!("uploaded {} bytes", uploaded.file.content_length);
    if let Some(target) = target {
        let downloaded = bucket.download(name.as_str()).to_path(target).await?;
        println!("downloaded {} bytes", downloaded.bytes);
    }
    Ok(())
}
