//! An emulator in memory, for the recipes.

use b2kit::backend::emulator::{Emulator, Server};
use b2kit::types::BucketType;
use b2kit::{BucketHandle, Client, Credentials};

/// Any error.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A bucket, and its server, which stops when it is dropped.
pub(crate) async fn bucket() -> Result<(Server, BucketHandle), Failure> {
    let emulator = Emulator::new();
    let server = Server::start(&emulator)?;
    // The real service: let b2 = Client::from_env()?;
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .build()?;
    let bucket = b2
        .create_bucket("holiday-photos", BucketType::AllPrivate)
        .await?;
    Ok((server, bucket))
}
