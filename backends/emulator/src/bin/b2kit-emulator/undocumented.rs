//! `--undocumented`: the switches of [`UndocumentedBehavior`], by name.

use std::fmt::Write as _;

use b2kit_emulator::{Cursor, UndocumentedBehavior};

type Switch = fn(&mut UndocumentedBehavior) -> &mut bool;

/// The switches that are on or off, by name.
const SWITCHES: [(&str, Switch); 9] = [
    ("range-from-zero-is-partial", |behavior| {
        &mut behavior.range_from_zero_is_partial
    }),
    ("whole-range-is-partial", |behavior| {
        &mut behavior.whole_range_is_partial
    }),
    ("plus-for-space", |behavior| &mut behavior.plus_for_space),
    ("wrong-key-is-bad-auth-token", |behavior| {
        &mut behavior.wrong_key_is_bad_auth_token
    }),
    ("old-file-name-rules", |behavior| {
        &mut behavior.old_file_name_rules
    }),
    ("unfinished-files-block-deletion", |behavior| {
        &mut behavior.unfinished_files_block_deletion
    }),
    ("copies-of-large-files-have-a-sha1", |behavior| {
        &mut behavior.copies_of_large_files_have_a_sha1
    }),
    (OTHER_OVERRIDES, |behavior| {
        &mut behavior.download_authorizations_refuse_other_overrides
    }),
    ("unknown-fields-are-refused", |behavior| {
        &mut behavior.unknown_fields_are_refused
    }),
];

const OTHER_OVERRIDES: &str = "download-authorizations-refuse-other-overrides";

/// What [`OTHER_OVERRIDES`] was called in earlier versions.
const OTHER_OVERRIDES_ALIAS: &str = "grants-refuse-other-overrides";

/// One `NAME=VALUE`, or the request for a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    List,
    Cursor(Cursor),
    NamesScannedPerPage(Option<u64>),
    /// A switch by its place in [`SWITCHES`].
    Switch(usize, bool),
}

/// Reads a text like `plus-for-space=no`.
///
/// # Errors
/// What is wrong with it, to be read after the name of the option.
pub(crate) fn parse(text: &str) -> Result<Choice, String> {
    let unknown = || format!(": there is no {text:?}: --undocumented list prints all");
    if text == "list" {
        return Ok(Choice::List);
    }
    let (name, value) = text.split_once('=').ok_or_else(unknown)?;
    let choice = match (name, value) {
        ("cursor", "next-name") => Choice::Cursor(Cursor::NextName),
        ("cursor", "last-name-and-space") => Choice::Cursor(Cursor::LastNameAndSpace),
        ("names-scanned-per-page", "no") => Choice::NamesScannedPerPage(None),
        ("names-scanned-per-page", number) => {
            Choice::NamesScannedPerPage(Some(number.parse().map_err(|_| unknown())?))
        }
        (name, "yes" | "no") => {
            let name = if name == OTHER_OVERRIDES_ALIAS {
                OTHER_OVERRIDES
            } else {
                name
            };
            let at = SWITCHES.iter().position(|(switch, _)| *switch == name);
            Choice::Switch(at.ok_or_else(unknown)?, value == "yes")
        }
        _ => return Err(unknown()),
    };
    Ok(choice)
}

/// The default behavior with these choices; the last one of a name wins.
pub(crate) fn behavior(choices: &[Choice]) -> UndocumentedBehavior {
    let mut behavior = UndocumentedBehavior::default();
    for choice in choices {
        match *choice {
            Choice::List => {}
            Choice::Cursor(cursor) => behavior.cursor = cursor,
            Choice::NamesScannedPerPage(limit) => behavior.names_scanned_per_page = limit,
            Choice::Switch(at, is_on) => {
                let (_, switch) = SWITCHES[at];
                *switch(&mut behavior) = is_on;
            }
        }
    }
    behavior
}

/// All switches with their defaults, a line each.
pub(crate) fn list() -> String {
    let mut defaults = UndocumentedBehavior::default();
    let mut text = String::from(
        "cursor=next-name (or last-name-and-space)\nnames-scanned-per-page=no (or a number)\n",
    );
    for (name, switch) in SWITCHES {
        let value = if *switch(&mut defaults) {
            "yes (or no)"
        } else {
            "no (or yes)"
        };
        // writing to a string can't fail
        writeln!(text, "{name}={value}").ok();
    }
    text
}
