//! A program without an async runtime: `block_on`, and the isahc backend, which has its own
//! threads.
//!
//! ```text
//! cargo run -p b2kit-recipes --example blocking
//! ```
//!
//! `blocking_hyper` is the same over hyper.

use std::error::Error;
use std::future::IntoFuture as _;

use b2kit::backend::emulator::{Emulator, Server};
use b2kit::backend::isahc::IsahcClient;
use b2kit::types::BucketType;
use b2kit::{Client, Credentials};
use futures::executor::block_on;

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::new();
    let server = Server::start(&emulator)?;
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .backend(IsahcClient::new())
        .build()?;

    // Each call blocks this thread until it is done. Nothing runs in between.
    let bucket = block_on(b2.create_bucket("holiday-photos", BucketType::AllPrivate))?;
    let uploaded = block_on(bucket.upload("cat.txt", "meow").into_future())?;
    let text = block_on(bucket.download("cat.txt").text(1_000))?;
    println!("{} says {text}", uploaded.file.file_name);
    Ok(())
}
