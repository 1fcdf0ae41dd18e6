//! Makes a module of the README's program, `examples/outgrowing.rs`, with the emulator's client in place of B2's.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const PROGRAM: &str = "examples/outgrowing.rs";

const REPLACED: [(&str, &str); 3] = [
    ("use b2kit::Client;\n", ""),
    ("Client::from_env()?", "crate::client()?"),
    ("#[tokio::main]\nasync fn main", "pub async fn main"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROGRAM}");
    let mut program = fs::read_to_string(PROGRAM)?;
    for (from, to) in REPLACED {
        if program.matches(from).count() != 1 {
            return Err(format!("{PROGRAM} must contain {from:?} once").into());
        }
        program = program.replace(from, to);
    }
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("outgrowing.rs"),
        program,
    )?;
    Ok(())
}
