//! How the crate behaves, through its public API only.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod bad_answers; // what a server may send that B2 never would
mod bad_input; // what a program may ask for that B2 would refuse
mod files; // the calls against the emulator: two readings of B2's documents have to agree
mod layers; // who may name whom
mod quickstart; // the program that the README shows first
mod realms; // where keys and tokens may go
mod recording; // the calls against a recording of the real B2
mod samples; // B2's documented samples
mod secrets; // what nobody may see
mod tokens; // when tokens expire

use b2kit::backend::emulator::Emulator;
use b2kit::{Client, Credentials, ManualTimer};

/// A client of an emulator of its own, on time that stands still.
fn client() -> (Client, Emulator, ManualTimer) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build();
    let timer = ManualTimer::new();
    let client = client_of(&emulator, &timer);
    (client, emulator, timer)
}

fn client_of(emulator: &Emulator, timer: &ManualTimer) -> Client {
    Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .timer(timer.clone())
        .build()
        .unwrap()
}
