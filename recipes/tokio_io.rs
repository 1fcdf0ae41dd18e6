//! Uploads from tokio's readers and downloads into its writers.
//!
//! ```text
//! cargo run -p b2kit-recipes --example tokio_io
//! ```
//!
//! The library takes the traits of `futures::io`. tokio has its own traits with the same names;
//! `.compat()` and `.compat_write()` of the crate tokio-util convert between them.

mod in_memory;

use b2kit::transfer::Source;
use tokio::io::AsyncReadExt as _;
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

use in_memory::Failure;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (_server, bucket) = in_memory::bucket().await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cat.txt");

    // Any reader: a socket, the output of another program, a decompressor.
    let reader = tokio::io::repeat(b'm').take(1_000);
    bucket
        .upload("cat.txt", Source::reader(reader.compat()))
        .await?;

    // Any writer. For a file, `to_path` does more: it keeps the old file until the new one is
    // verified.
    let writer = tokio::fs::File::create(&path).await?;
    let downloaded = bucket
        .download("cat.txt")
        .to_writer(writer.compat_write())
        .await?;

    assert_eq!(tokio::fs::read(&path).await?, [b'm'; 1_000]);
    println!("{} bytes uploaded and downloaded", downloaded.bytes);
    Ok(())
}
