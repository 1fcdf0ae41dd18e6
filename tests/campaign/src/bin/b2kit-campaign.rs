//! What the campaign kills: a server, and programs that transfer.
//!
//! ```text
//! b2kit-campaign serve DIRECTORY PORT     prints its URL, and serves until it is killed
//! b2kit-campaign up URL NAME FILE         uploads FILE, taking up what an earlier one left
//! b2kit-campaign down URL NAME FILE       downloads to FILE, taking up what an earlier one left
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "real time is what is killed and hangs"
)]
#![expect(clippy::unwrap_used, reason = "it is a part of a test")]

use std::io::Write as _;
use std::time::Duration;

use b2kit::backend::emulator::Server;
use b2kit::transfer::Source;
use b2kit::{Client, Credentials};
use b2kit_campaign::process::peak_mib;
use b2kit_campaign::workload::{PART, emulator, fast_retry_policy};
use futures::executor::block_on;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", directory, port] => serve(directory, port.parse().unwrap()),
        ["up", url, name, file] => transfer(up(url, name, file)),
        ["down", url, name, file] => transfer(down(url, name, file)),
        _ => panic!("{arguments:?}"),
    }
}

fn serve(directory: &str, port: u16) {
    let emulator = emulator().open(directory).unwrap();
    emulator.create_bucket("campaign", false).unwrap();
    let server = Server::builder().port(port).start(&emulator).unwrap();
    println!("{}", server.url());
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// Prints its events as they happen, and at the end how many bytes were there before and what it took of memory.
fn transfer(transferred: impl Future<Output = u64>) {
    let events = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let resumed = tracing::subscriber::with_default(events.finish(), || block_on(transferred));
    println!(
        "\nresumed:{resumed}\npeak MiB:{}",
        peak_mib().unwrap_or_default()
    );
}

fn client(url: &str) -> Client {
    let emulator = emulator().build();
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(url)
        .retry_policy(fast_retry_policy())
        .build()
        .unwrap()
}

async fn up(url: &str, name: &str, file: &str) -> u64 {
    let bucket = client(url).bucket("campaign").await.unwrap();
    let upload = bucket.upload(name, Source::path(file)).part_size(PART);
    let uploaded = upload.resume().await.unwrap();
    uploaded.reused_parts.into()
}

async fn down(url: &str, name: &str, file: &str) -> u64 {
    let client = client(url);
    let bucket = client.bucket("campaign").await.unwrap();
    let download = bucket.download(name).range_size(100_000).resume();
    let done = download.to_path(file).await.unwrap();
    // So that there is time to be killed between the two renames of a download that ends and the end of the program.
    std::thread::sleep(Duration::from_millis(1));
    done.resumed_bytes
}
