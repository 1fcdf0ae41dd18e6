//! `--guess`: the switches of [`UndocumentedBehavior`], by name.

use std::fmt::Write as _;

use b2kit_emulator::{Cursor, UndocumentedBehavior};

type Switch = fn(&mut UndocumentedBehavior) -> &mut bool;

const SWITCHES: [(&str, Switch); 9] = [
    ("range-from-zero-is-partial", |it| {
        &mut it.range_from_zero_is_partial
    }),
    ("whole-range-is-partial", |it| {
        &mut it.whole_range_is_partial
    }),
    ("plus-for-space", |it| &mut it.plus_for_space),
    ("wrong-key-is-bad-auth-token", |it| {
        &mut it.wrong_key_is_bad_auth_token
    }),
    ("old-file-name-rules", |it| &mut it.old_file_name_rules),
    ("unfinished-files-block-deletion", |it| {
        &mut it.unfinished_files_block_deletion
    }),
    ("copies-of-large-files-have-a-sha1", |it| {
        &mut it.copies_of_large_files_have_a_sha1
    }),
    ("grants-refuse-other-overrides", |it| {
        &mut it.grants_refuse_other_overrides
    }),
    ("unknown-fields-are-refused", |it| {
        &mut it.unknown_fields_are_refused
    }),
];

/// Sets the switch that a text like `plus-for-space=no` names.
pub(crate) fn set(guesses: &mut UndocumentedBehavior, text: &str) -> Result<(), String> {
    let unknown = || format!("there is no {text:?}: --guess list says what there is");
    let (name, value) = text.split_once('=').ok_or_else(unknown)?;
    if name == "cursor" {
        guesses.cursor = match value {
            "next-name" => Cursor::NextName,
            "last-name-and-space" => Cursor::LastNameAndSpace,
            _ => return Err(unknown()),
        };
        return Ok(());
    }
    if name == "names-scanned-per-page" {
        guesses.names_scanned_per_page = match value {
            "no" => None,
            number => Some(number.parse().map_err(|_| unknown())?),
        };
        return Ok(());
    }
    let switch = SWITCHES.iter().find(|(it, _)| *it == name);
    let (_, switch) = switch.ok_or_else(unknown)?;
    *switch(guesses) = match value {
        "yes" => true,
        "no" => false,
        _ => return Err(unknown()),
    };
    Ok(())
}

/// All switches, as they stand by default.
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
