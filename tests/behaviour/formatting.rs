//! Lines of Rust code are short enough for rustfmt.
//!
//! rustfmt silently leaves a statement as it is if a literal in it doesn't fit, so `cargo fmt --check` doesn't notice.

use std::fs;
use std::path::Path;

const MAX_CODE: usize = 100;
const MAX_COMMENT: usize = 120;

/// All directories with Rust code.
const DIRECTORIES: [&str; 10] = [
    "backends",
    "benches",
    "cli",
    "examples",
    "fuzz",
    "object-store",
    "proofs",
    "recipes",
    "src",
    "tests",
];

#[test]
fn no_line_of_code_is_longer_than_100_columns_and_no_comment_than_120() {
    let mut too_long = Vec::new();
    for directory in DIRECTORIES {
        check(Path::new(directory), &mut too_long);
    }
    assert!(too_long.is_empty(), "{too_long:#?}");
}

fn check(path: &Path, too_long: &mut Vec<String>) {
    if path.ends_with("target") {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            check(&entry.unwrap().path(), too_long);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
            if is_too_long(line) {
                too_long.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
}

fn is_too_long(line: &str) -> bool {
    let is_comment = line.trim_start().starts_with("//");
    let max = if is_comment { MAX_COMMENT } else { MAX_CODE };
    line.chars().count() > max
}

#[test]
fn lines_are_measured_in_characters_and_comments_may_be_longer() {
    assert!(!is_too_long(&"ü".repeat(100)));
    assert!(is_too_long(&"u".repeat(101)));
    assert!(!is_too_long(&format!("    // {}", "u".repeat(113))));
    assert!(is_too_long(&format!("    // {}", "u".repeat(114))));
}
