//! What does not depend on other load: the instructions and allocations of one small upload, counted by valgrind.

use std::process::{Command, Stdio};

use crate::Failure;
use crate::contender::Contender;
use crate::disk::Disk;
use crate::load::{Load, Task};
use crate::meter;
use crate::process::Server;

/// The numbers of uploads whose difference is counted, so that the start of the process is not.
const FEW: u64 = 200;
const MANY: u64 = 1_200;

/// Prints what one upload of 4 KiB from memory costs, with SHA-1 in software, since valgrind has no other.
pub(crate) fn measure(disk: Disk<'_>, in_earnest: bool) -> Result<(), Failure> {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        println!("\nvalgrind is not installed: instructions and allocations are not counted.");
        return Ok(());
    }
    println!("\n| one upload of 4 KiB, from memory | instructions | allocations | bytes |");
    println!("|---|---|---|---|");
    let server = Server::start(&["0", "0", "0"])?;
    for contender in [Contender::B2kit, Contender::Bare] {
        let count = |tool, what| -> Result<u64, Failure> {
            let total = |files| total(contender, &server, disk, files, tool, what);
            let (few, many) = if in_earnest { (FEW, MANY) } else { (1, 2) };
            Ok(total(many)?.saturating_sub(total(few)?) / (many - few))
        };
        println!(
            "| {contender:?} | {} | {} | {} |",
            count("callgrind", "Collected : ")?,
            count("dhat", "blocks")?,
            count("dhat", "bytes")?,
        );
    }
    Ok(())
}

/// The total that the tool reports for a sample.
fn total(
    contender: Contender,
    server: &Server,
    disk: Disk<'_>,
    files: u64,
    tool: &str,
    what: &str,
) -> Result<u64, Failure> {
    let load = Load {
        task: Task::Up,
        files,
        size: 4 << 10,
        at_once: 1,
        latency: 0,
    };
    let words = contender.arguments(server, disk, load)?;
    let output = Command::new("valgrind")
        .arg(format!("--tool={tool}"))
        .arg(format!("--{tool}-out-file=/dev/null"))
        .arg(std::env::current_exe()?)
        .args(words)
        .env(meter::WITHOUT_CPU_TIME, "1")
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    let found = text.lines().find_map(|line| match what {
        "blocks" | "bytes" => number_before(line.split_once("Total:")?.1, what),
        _ => line.split_once(what)?.1.trim().parse().ok(),
    });
    let failed = || format!("valgrind: {}: {text}", output.status).into();
    found.filter(|_| output.status.success()).ok_or_else(failed)
}

/// The number before this word, as in `1,234 bytes in 56 blocks`.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let before = text.split_once(word)?.0.trim();
    let digits = before.rsplit(' ').next()?.replace(',', "");
    digits.parse().ok()
}
