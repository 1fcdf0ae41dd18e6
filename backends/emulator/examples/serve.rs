//! An emulator on a port of this computer, until its standard input ends:
//! `cargo run -p b2kit-emulator --features server --example serve`.

use std::io::{self, Read as _, Write as _};

use b2kit_emulator::{Emulator, Server};

fn main() -> io::Result<()> {
    let emulator = Emulator::new();
    let server = Server::start(&emulator)?;
    // what the official tools read
    println!("export B2_ENVIRONMENT={}", server.url());
    println!("export B2_APPLICATION_KEY_ID={}", emulator.key_id());
    println!("export B2_APPLICATION_KEY={}", emulator.key());
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    eprintln!("{:#?}", emulator.snapshot());
    Ok(())
}
