//! B2 in memory, for a recipe to run against.

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::types::{BucketName, BucketType};
use b2kit::{BucketHandle, Client, Credentials};

/// Any error at all.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A bucket, and the server that it is behind, which ends when it is dropped.
pub(crate) async fn bucket() -> Result<(Server, BucketHandle), Failure> {
    let emulator = Emulator::new();
    let server = Server::start(&emulator)?;
    // The real service: Client::builder().credentials(Credentials::from_env()?).build()?
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .build()?;
    let name = BucketName::new("holiday-photos")?;
    b2.call(CreateBucket::new(name, BucketType::AllPrivate))
        .await?;
    Ok((server, b2.bucket("holiday-photos").await?))
}
