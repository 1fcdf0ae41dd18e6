//! Every recipe runs to its end; recipes assert what they show.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::process::Command;

/// Runs an example, which `cargo test` has built.
fn run(name: &str) {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().unwrap().parent().unwrap();
    let program = target.join("examples").join(name);
    let output = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
}

macro_rules! recipes {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )+

        #[test]
        fn every_recipe_is_run() {
            let manifest = include_str!("../Cargo.toml");
            let declared = manifest.matches("[[example]]").count();
            assert_eq!(declared, [$(stringify!($name)),+].len());
        }
    };
}

recipes! { axum_range axum_webhook blocking blocking_hyper mirror tokio_io tokio_progress }
