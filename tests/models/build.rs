//! Takes the sources of the shared pieces as they are, with the locks of the model checker in place of std's, and with
//! the few types of other modules that they name in place of the real ones (`fakes.rs`). The crate itself has no trace
//! of this.
//!
//! A second time with a planted bug each, which a model has to find. A bug is a replacement of text that must occur
//! once, so none is left out when the code changes.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const PIECES: &[(&str, &str)] = &[
    ("waiters", "limits/waiters.rs"),
    ("semaphore", "limits/semaphore.rs"),
    ("limiter", "retry/limiter.rs"),
    ("upload_urls", "upload_urls.rs"),
    ("unfinished", "unfinished.rs"),
    ("authorization", "auth/authorization.rs"),
];

/// The name of the set that has it, its pieces, of which the last one has it, the code, and what it becomes.
const BUGS: &[(&str, &[&str], &str, &str)] = &[
    (
        "dropped_reservation_wakes_nobody",
        &["waiters", "semaphore"],
        "state.free += amount;\n        wake_first(state);",
        "state.free += amount;\n        drop(state);",
    ),
    (
        "dropped_waiter_wakes_nobody",
        &["waiters", "semaphore"],
        "// It may have blocked waiters that need less.\n            wake_first(state);",
        "drop(state);",
    ),
    (
        "served_waiter_wakes_nobody",
        &["waiters", "semaphore"],
        "// There may be enough for the next waiter too.\n            wake_first(state);",
        "drop(state);",
    ),
    (
        "shrinking_releases_twice",
        &["waiters", "semaphore"],
        "            self.amount = amount;\n            self.semaphore",
        "            self.semaphore",
    ),
    (
        "dropped_permit_wakes_nobody",
        &["waiters", "limiter"],
        "in_flight -= 1;\n        self.lane.wake();",
        "in_flight -= 1;",
    ),
    (
        "dropped_permit_is_not_returned",
        &["waiters", "limiter"],
        "self.lane.lock().in_flight -= 1;",
        "",
    ),
    (
        "unneeded_permit_is_not_passed_on",
        &["waiters", "limiter"],
        concat!(
            "// It may have been notified of a permit that it no longer needs.\n",
            "            self.lane.wake();"
        ),
        "",
    ),
    (
        "permit_is_taken_after_the_lock",
        &["waiters", "limiter"],
        "let permit = lane.enter(&mut state);\n            drop(state);",
        "drop(state);\n            let permit = lane.enter(&mut lane.lock());",
    ),
    (
        "url_stays_in_the_pool",
        &["upload_urls"],
        "std::iter::from_fn(|| idle.urls.pop())",
        "std::iter::from_fn(|| idle.urls.last().map(PooledUrl::copied))",
    ),
    (
        "file_that_is_being_cancelled_is_adopted",
        &["unfinished"],
        "one.unfinished.state == UnfinishedState::UnderWay || one.is_being_cancelled;",
        "one.unfinished.state == UnfinishedState::UnderWay;",
    ),
    (
        "file_is_cancelled_twice",
        &["unfinished"],
        "if !is_orphan || one.is_being_cancelled {",
        "if !is_orphan {",
    ),
    (
        "file_is_checked_and_adopted_in_two_steps",
        &["unfinished"],
        concat!(
            "let mut state = self.lock();\n",
            "        if state.is_in_use(file_id, upload_id) {\n            return None;\n        }"
        ),
        concat!(
            "if self.is_in_use(file_id, upload_id) {\n            return None;\n        }\n",
            "        let mut state = self.lock();"
        ),
    ),
    (
        "dropped_upload_is_forgotten",
        &["unfinished"],
        "self.registry.set_state(self.number, state);\n    }\n}",
        "let _ = state;\n        self.registry.remove(self.number);\n    }\n}",
    ),
    (
        "new_session_is_not_noticed",
        &["authorization"],
        "if let Some(current) = self.current() {\n            return Ok(current);\n        }",
        "",
    ),
    (
        "late_expiry_drops_a_new_session",
        &["authorization"],
        "let current = state.generation == generation.number;",
        "let current = state.session.is_some() || state.generation == generation.number;",
    ),
];

fn main() {
    let client = Path::new("../../src/client");
    let piece = |name: &str| {
        let (_, file) = PIECES
            .iter()
            .find(|(piece, _)| *piece == name)
            .expect("a piece");
        let path = client.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        adapted(
            &fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    };
    let mut modules = set("sound", PIECES.iter().map(|(name, _)| (*name, piece(name))));
    for (bug, names, code, becomes) in BUGS {
        let (last, others) = names.split_last().expect("there is a piece");
        let with_bug = planted(&piece(last), code, becomes, bug);
        let pieces = others.iter().map(|name| (*name, piece(name)));
        modules += &set(bug, pieces.chain([(*last, with_bug)]));
    }
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("sets.rs");
    fs::write(out, modules).expect("the sets can be written");
}

fn set(name: &str, pieces: impl Iterator<Item = (&'static str, String)>) -> String {
    let mut set = format!("pub mod {name} {{\n");
    for (piece, text) in pieces {
        writeln!(set, "pub mod {piece} {{\n{text}\n}}").expect("texts grow");
    }
    set + "}\n"
}

fn planted(text: &str, code: &str, becomes: &str, bug: &str) -> String {
    let count = text.matches(code).count();
    assert_eq!(
        count, 1,
        "{bug} is to be planted where this is, which occurs {count} times:\n{code}"
    );
    text.replace(code, becomes)
}

/// The code without its own tests, outside of the client.
fn adapted(text: &str) -> String {
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .expect("there is a first");
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//!"));
    let code = lines.collect::<Vec<_>>().join("\n");
    [
        ("pub(in crate::client)", "pub"),
        ("pub(crate)", "pub"),
        ("pub(super)", "pub"),
        ("use std::sync::", "use crate::locks::"),
        ("crate::client::limits::waiters", "super::waiters"),
        ("crate::client::retry::policy", "crate::fakes"),
        ("crate::api::", "crate::fakes::"),
        ("crate::error::", "crate::fakes::"),
        ("crate::types::", "crate::fakes::"),
        ("b2kit_core::time::", "crate::fakes::"),
        ("b2kit_core::", "crate::fakes::"),
    ]
    .iter()
    .fold(code, |code, (from, to)| code.replace(from, to))
}
