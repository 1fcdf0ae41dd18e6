//! A damaged journal of the emulator opens as the account was after some line, or not at all. Only if whole lines are
//! missing, the other lines are kept, and that is reported; but nothing appears that never was there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use b2kit_emulator::{Builder, Emulator, ManualClock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::{Wire, text};

#[derive(Debug, Arbitrary)]
enum Damage {
    Cut(u16),
    Change(u16, u8),
    Insert(u16, u8),
    Remove(u16, u8),
    RemoveLine(u8),
    RepeatLine(u8),
    SwapLines(u8, u8),
}

#[derive(Debug, Arbitrary)]
struct Input {
    damages: Vec<Damage>,
    /// The head after this line; `None` if the file is missing.
    head: Option<u8>,
    head_change: Option<(u8, u8)>,
}

/// An account, step by step.
struct Account {
    directory: TempDir,
    journal: Vec<u8>,
    heads: Vec<Vec<u8>>,
    states: Vec<Value>,
}

pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let account = account();
    let mut journal = account.journal.clone();
    for damage in input.damages.iter().take(4) {
        apply(damage, &mut journal);
    }
    let directory = temporary();
    copy_tree(account.directory.path(), directory.path());
    fs::write(directory.path().join("journal"), &journal).expect("a file");
    let last = account.heads.len() - 1;
    let mut is_head_whole = input.head_change.is_none();
    match input.head {
        None => {
            fs::remove_file(directory.path().join("head")).expect("there is one");
            is_head_whole = false;
        }
        Some(line) => {
            let at = usize::from(line) % account.heads.len();
            is_head_whole &= at == last;
            let mut head = account.heads[at].clone();
            if let Some((at, byte)) = input.head_change {
                let at = usize::from(at) % head.len();
                head[at] = byte;
            }
            fs::write(directory.path().join("head"), head).expect("a file");
        }
    }
    let Ok(emulator) = builder().open(directory.path()) else {
        assert!(
            journal != account.journal || !is_head_whole,
            "a whole journal is refused"
        );
        return;
    };
    let warnings = emulator.recovery_warnings().to_vec();
    let wire = Wire::new(emulator);
    let shown = wire.shown();
    let last = &account.states[account.states.len() - 1];
    if journal == account.journal {
        assert_eq!(shown, *last, "{warnings:?}");
    } else if !account.states.contains(&shown) {
        let gap = ["missing before line", "the lines before line"];
        let is_gap = |warning: &String| gap.iter().any(|gap| warning.contains(gap));
        assert!(
            warnings.iter().any(is_gap),
            "a state that the account never had: {shown:#}, {warnings:?}"
        );
        let mut known = Vec::new();
        account
            .states
            .iter()
            .for_each(|state| objects(state, &mut known));
        let mut found = Vec::new();
        objects(&shown, &mut found);
        for object in found {
            assert!(known.contains(&object), "{object:#} never was there");
        }
    } else if is_head_whole && shown != *last {
        assert!(!warnings.is_empty(), "steps are lost and nothing is said");
    }
    // An account that was opened once opens again, unchanged and without warnings.
    drop(wire);
    let again = builder().open(directory.path()).expect("what was repaired");
    assert_eq!(again.recovery_warnings(), [""; 0]);
    assert_eq!(Wire::new(again).shown(), shown);
}

/// Adds every file, part, bucket and key in a listing.
fn objects<'a>(listing: &'a Value, found: &mut Vec<&'a Value>) {
    let is_object = |key: &&str| listing.get(*key).is_some();
    if ["fileId", "bucketName", "applicationKeyId"]
        .iter()
        .any(is_object)
    {
        found.push(listing);
    } else if let Some(values) = listing.as_array() {
        values.iter().for_each(|value| objects(value, found));
    } else if let Some(values) = listing.as_object() {
        values.values().for_each(|value| objects(value, found));
    }
}

fn builder() -> Builder {
    Emulator::builder()
        .clock(ManualClock::default())
        .absolute_minimum_part_size(5)
        .sync_to_disk(false)
}

fn account() -> &'static Account {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    ACCOUNT.get_or_init(|| {
        let directory = temporary();
        let wire = Wire::new(builder().open(directory.path()).expect("an account"));
        let mut account = Account {
            directory,
            journal: Vec::new(),
            heads: Vec::new(),
            states: Vec::new(),
        };
        let step = |account: &mut Account| {
            account.journal =
                fs::read(account.directory.path().join("journal")).expect("a journal");
            account
                .heads
                .push(fs::read(account.directory.path().join("head")).expect("a head"));
            account.states.push(wire.shown());
        };
        step(&mut account);
        let bucket = wire.create_bucket("a-bucket");
        step(&mut account);
        wire.upload(&bucket, "one", b"the first content");
        step(&mut account);
        wire.upload(&bucket, "one", b"the second content");
        step(&mut account);
        let file = json!({"bucketId": bucket, "fileName": "large", "contentType": "b2/x-auto"});
        let large = text(&wire.call("b2_start_large_file", &file)["fileId"]);
        step(&mut account);
        wire.upload_part(&large, b"a part of it");
        step(&mut account);
        wire.call(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "one"}),
        );
        step(&mut account);
        let of = wire.emulator.account_id();
        let key = json!({"accountId": of, "keyName": "a-key", "capabilities": ["listFiles"]});
        let key = wire.call("b2_create_key", &key);
        step(&mut account);
        let other = wire.create_bucket("another-bucket");
        step(&mut account);
        wire.call(
            "b2_delete_key",
            &json!({"applicationKeyId": key["applicationKeyId"]}),
        );
        step(&mut account);
        wire.call(
            "b2_delete_bucket",
            &json!({"accountId": of, "bucketId": other}),
        );
        step(&mut account);
        let info = json!({"accountId": of, "bucketId": bucket, "bucketInfo": {"color": "blue"}});
        wire.call("b2_update_bucket", &info);
        step(&mut account);
        drop(wire);
        account
    })
}

fn apply(damage: &Damage, journal: &mut Vec<u8>) {
    let place = |at: &u16| usize::from(*at) % journal.len().max(1);
    let lines = || -> Vec<Vec<u8>> {
        journal
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    match damage {
        Damage::Cut(at) => {
            let at = place(at);
            journal.truncate(at);
        }
        Damage::Change(at, byte) => {
            let at = place(at);
            if let Some(there) = journal.get_mut(at) {
                *there = *byte;
            }
        }
        Damage::Insert(at, byte) => {
            let at = place(at);
            journal.insert(at, *byte);
        }
        Damage::Remove(at, count) => {
            let at = place(at);
            let end = (at + usize::from(*count)).min(journal.len());
            journal.drain(at..end);
        }
        Damage::RemoveLine(line) => {
            let mut lines = lines();
            if !lines.is_empty() {
                lines.remove(usize::from(*line) % lines.len());
            }
            *journal = lines.concat();
        }
        Damage::RepeatLine(line) => {
            let mut lines = lines();
            if !lines.is_empty() {
                let at = usize::from(*line) % lines.len();
                lines.insert(at, lines[at].clone());
            }
            *journal = lines.concat();
        }
        Damage::SwapLines(one, other) => {
            let mut lines = lines();
            if !lines.is_empty() {
                let count = lines.len();
                lines.swap(usize::from(*one) % count, usize::from(*other) % count);
            }
            *journal = lines.concat();
        }
    }
}

/// In memory, if the system has a file system in memory.
fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    let directory = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    directory.expect("a temporary directory")
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let from: PathBuf = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            fs::create_dir(&to).expect("a directory");
            copy_tree(&from, &to);
        } else {
            fs::copy(&from, to).expect("a file");
        }
    }
}
