use std::process::Command;

/// An example, which `cargo test` has built.
pub(crate) fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().unwrap().parent().unwrap();
    let program = target.join("examples").join(name);
    Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
}
