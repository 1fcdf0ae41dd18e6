//! A program without a runtime: `block_on`, and hyper on a runtime of its own, which is one thread.
//!
//! ```text
//! cargo run -p b2kit-recipes --example blocking_hyper
//! ```
//!
//! `blocking` is the same over isahc.

use std::error::Error;

use b2kit::api::{CreateBucket, DownloadFileById, UploadFile};
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::backend::hyper::HyperClient;
use b2kit::types::{BucketName, BucketType, FileName};
use b2kit::{Client, Credentials};
use futures::executor::block_on;

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::new();
    let server = Server::start(&emulator)?;
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .backend(HyperClient::builder().dedicated_runtime().build()?)
        .build()?;

    // Each call blocks this thread until it is done; nothing goes on between them.
    let name = BucketName::new("holiday-photos")?;
    let bucket = block_on(b2.call(CreateBucket::new(name, BucketType::AllPrivate)))?;
    let cat = UploadFile::new(&bucket.bucket_id, FileName::new("cat.txt")?, "meow");
    let file = block_on(b2.call(cat))?;
    let download = block_on(b2.call(DownloadFileById::new(&file.file_id)))?;
    let bytes = block_on(download.body.collect(1_000))?;
    println!("{} says {}", file.file_name, String::from_utf8(bytes)?);
    Ok(())
}
