//! The program and a bucket of an emulator that serves it.

use std::process::Command;

use b2kit::backend::emulator::{Emulator, Server};
use b2kit::types::BucketType;
use b2kit::{BucketHandle, Client, Credentials};
use futures::executor::block_on;

/// Serves the emulator. The bucket is reached without the server.
pub(crate) fn serve(emulator: &Emulator) -> (Server, BucketHandle) {
    let server = Server::start(emulator).unwrap();
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap();
    let bucket = block_on(b2.create_bucket("holiday-photos", BucketType::AllPrivate)).unwrap();
    (server, bucket)
}

/// The program, configured by the environment variables of the official tools.
pub(crate) fn program(emulator: &Emulator, server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_b2kit"));
    command
        .env("B2_ENVIRONMENT", server.url())
        .env("B2_APPLICATION_KEY_ID", emulator.key_id())
        .env("B2_APPLICATION_KEY", emulator.key());
    command
}
