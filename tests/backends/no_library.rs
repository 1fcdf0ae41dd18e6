//! Without a library: the emulator and the player are backends themselves.

#[path = "record_replay.rs"]
mod record_replay;
#[path = "recording.rs"]
mod recording;

use std::sync::Arc;

use b2kit::backend::cassette::Player;
use b2kit::backend::emulator::Emulator;
use b2kit::{Client, ClientBuilder, Credentials, HttpClient};

use crate::BackendUnderTest;

const BACKEND: BackendUnderTest = BackendUnderTest {
    name: "no library",
    tls: false,
    make: |_| unreachable!("nothing here goes over a network"),
    refuses_names: false,
    refuses_head: false,
};

fn served_through<B: HttpClient>(
    emulator: &Emulator,
    wrap: impl FnOnce(Arc<dyn HttpClient>) -> B,
) -> (ClientBuilder, String) {
    let builder = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(wrap(Arc::new(emulator.clone())));
    (builder, emulator.url().to_owned())
}

fn replayed(player: &Player) -> impl HttpClient {
    player.clone()
}
