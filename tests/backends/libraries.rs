//! A backend brings only its own HTTP library.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn each_backend_depends_only_on_its_own_library() {
    let libraries = ["hyper", "isahc", "reqwest", "surf"];
    for (feature, brings) in [
        ("hyper", &["hyper"][..]),
        ("isahc", &["isahc"]),
        ("reqwest", &["hyper", "reqwest"]),
        // Not downloaded if these tests are built without it.
        #[cfg(feature = "surf")]
        ("surf", &["isahc", "surf"]),
    ] {
        let packages = packages(feature);
        for library in libraries {
            let there = packages.contains(library);
            assert_eq!(there, brings.contains(&library), "{library} with {feature}");
        }
    }
}

/// The packages in a normal build of b2kit with one feature.
fn packages(feature: &str) -> BTreeSet<String> {
    let cargo = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(["-p", "b2kit", "--no-default-features"])
        .args(["--features", feature])
        .output()
        .unwrap();
    assert!(
        cargo.status.success(),
        "{}",
        String::from_utf8_lossy(&cargo.stderr)
    );
    let text = String::from_utf8(cargo.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}
