//! The plan of a sync: equal to one made from sorted maps of both sides, and refused if a side is not sorted.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use b2kit::backend::emulator::Emulator;
use b2kit::sync::{
    Action, Compare, Entry, Extras, LocalFile, Reason, RemoteFile, SyncPolicy, Synchronizer,
};
use b2kit::transfer::{is_create_stage, unix_safe_local_path};
use b2kit::types::{FileName, Timestamp};
use b2kit::{BucketHandle, Client, Credentials, Error};
use futures::executor::block_on;
use futures::{StreamExt as _, stream};

type Sides = BTreeMap<String, (Option<u64>, Option<u64>)>;

/// The first byte is the policy. The second, if it is not 0, selects an entry that comes too early. Each line is a path
/// after a byte that says which sides have it and with which sizes.
pub fn run(data: &[u8]) {
    let [flags, swap, lines @ ..] = data else {
        return;
    };
    let Ok(lines) = std::str::from_utf8(lines) else {
        return;
    };
    let is_up = flags & 1 == 0;
    let extras = [Extras::Keep, Extras::Hide, Extras::Delete][usize::from(flags >> 1) % 3];
    let mut sides = Sides::new();
    for line in lines.split('\n') {
        let Some(kind) = line.chars().next() else {
            continue;
        };
        let path = &line[kind.len_utf8()..];
        let sizes = u64::from(u32::from(kind) >> 2);
        let source = (kind as u32 & 1 == 1).then_some(sizes & 1);
        let destination = (kind as u32 & 2 == 2).then_some(sizes >> 1 & 1);
        sides.insert(path.to_owned(), (source, destination));
    }
    let policy = SyncPolicy::new().compare(Compare::Size).extras(extras);
    let entry = |path: &str, bytes: u64, is_local: bool| match is_local {
        true => Entry::local(path, LocalFile::new(bytes, Timestamp::from_millis(1))),
        false => Entry::remote(path, remote(bytes)),
    };
    let mut source = Vec::new();
    let mut destination = Vec::new();
    for (path, (from, to)) in &sides {
        source.extend(from.map(|bytes| Ok(entry(path, bytes, is_up))));
        destination.extend(to.map(|bytes| Ok(entry(path, bytes, false))));
    }
    let is_unsorted = *swap != 0 && destination.len() > 1;
    if is_unsorted {
        let at = usize::from(*swap) % (destination.len() - 1);
        destination.swap(at, at + 1);
    }
    let (bucket, other) = buckets();
    let sync = match is_up {
        true => Synchronizer::up("/nowhere", bucket, ""),
        false => Synchronizer::copy(other, "", bucket, ""),
    };
    let plan = sync
        .policy(policy)
        .plan_entries(stream::iter(source), stream::iter(destination));
    let plan = plan.expect("the sides don't overlap");
    let actions: Vec<Result<Action, Error>> = block_on(plan.collect());
    if is_unsorted {
        let (last, before) = actions.split_last().expect("an error");
        assert!(last.is_err(), "an unsorted side went unnoticed");
        assert!(
            !before
                .iter()
                .any(|action| matches!(action, Ok(Action::End(_))))
        );
        return;
    }
    let actions: Vec<Action> = actions
        .into_iter()
        .map(|action| action.expect("both sides are sorted"))
        .collect();
    compare(&actions, &sides, is_up, extras);
    for action in &actions {
        let text = serde_json::to_vec(action).expect("an action can be written");
        assert_eq!(
            &serde_json::from_slice::<Action>(&text).expect("what was written"),
            action
        );
    }
}

fn remote(bytes: u64) -> RemoteFile {
    RemoteFile::new("4_z1".into(), bytes, Timestamp::from_millis(1))
}

fn compare(actions: &[Action], sides: &Sides, is_up: bool, extras: Extras) {
    let mut actions = actions.iter();
    for (path, sizes) in sides {
        if *sizes == (None, None) {
            continue;
        }
        let action = actions
            .next()
            .unwrap_or_else(|| panic!("nothing about {path:?}"));
        assert_eq!(path_of(action), Some(&**path), "{action:?}");
        let is_name = FileName::new(&**path).is_ok() && !is_create_stage(path);
        // The empty file in a bucket that is the marker of the source's prefix itself.
        let is_marker = !is_up && path.is_empty() && sizes.0 == Some(0);
        let is_expected = match (*sizes, action) {
            (
                (Some(_), _),
                Action::Skip {
                    reason: Reason::FolderMarker,
                    ..
                },
            ) => is_marker,
            (
                (Some(_), _),
                Action::Refuse {
                    reason: Reason::NotAName(_),
                    ..
                },
            ) => !is_name && !is_marker,
            (
                (Some(from), Some(to)),
                Action::Skip {
                    reason: Reason::Same,
                    ..
                },
            ) => is_name && from == to,
            (
                (Some(from), to),
                Action::Upload {
                    source, replaces, ..
                },
            ) => {
                is_name && is_up && source.bytes == from && replaced(replaces.as_deref(), from, to)
            }
            (
                (Some(from), to),
                Action::Copy {
                    source, replaces, ..
                },
            ) => {
                is_name && !is_up && source.bytes == from && replaced(replaces.as_deref(), from, to)
            }
            (
                (None, Some(_)),
                Action::Skip {
                    reason: Reason::NotAPath(_),
                    ..
                },
            ) => is_up && unix_safe_local_path(path).is_err(),
            (
                (None, Some(_)),
                Action::Skip {
                    reason: Reason::NotAName(_),
                    ..
                },
            ) => !is_up && !is_name,
            ((None, Some(_)), extra) => {
                let can_be_at_source = match is_up {
                    true => unix_safe_local_path(path).is_ok(),
                    false => is_name,
                };
                can_be_at_source
                    && match extra {
                        Action::Skip {
                            reason: Reason::Extra,
                            ..
                        } => extras == Extras::Keep,
                        Action::Hide { .. } => extras == Extras::Hide,
                        Action::Delete { .. } => extras == Extras::Delete,
                        _ => false,
                    }
            }
            _ => false,
        };
        assert!(is_expected, "{path:?} {sizes:?}: {action:?}");
    }
    let is_content = |path: &str| !path.is_empty() && !path.ends_with('/');
    let files = sides
        .iter()
        .filter(|(path, sizes)| sizes.0.is_some() && is_content(path))
        .count();
    if files == 0 {
        let refused = actions.next();
        assert!(
            matches!(
                refused,
                Some(Action::Refuse {
                    reason: Reason::SourceEmpty,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    let Some(Action::End(scan)) = actions.next() else {
        panic!("the plan has no end");
    };
    assert!(scan.is_complete && actions.next().is_none());
    let there = sides.values().filter(|sizes| sizes.1.is_some()).count();
    assert_eq!(
        (scan.source_files, scan.destination_files),
        (files as u64, there as u64)
    );
}

fn replaced(replaces: Option<&RemoteFile>, from: u64, to: Option<u64>) -> bool {
    replaces.map(|file| file.bytes) == to && to != Some(from)
}

fn path_of(action: &Action) -> Option<&str> {
    match action {
        Action::Upload { path, .. }
        | Action::Copy { path, .. }
        | Action::Hide { path, .. }
        | Action::Delete { path, .. }
        | Action::Skip { path, .. }
        | Action::Refuse { path, .. } => Some(path),
        _ => None,
    }
}

fn buckets() -> &'static (BucketHandle, BucketHandle) {
    static BUCKETS: OnceLock<(BucketHandle, BucketHandle)> = OnceLock::new();
    BUCKETS.get_or_init(|| {
        let emulator = Emulator::new();
        for name in ["destination", "the-source"] {
            emulator.create_bucket(name, false).expect("a bucket");
        }
        let credentials = Credentials::new(emulator.key_id(), emulator.key()).expect("a key");
        let url = emulator.url().to_owned();
        let client = Client::builder()
            .credentials(credentials)
            .endpoint(&url)
            .backend(emulator);
        let client = client.build().expect("a client");
        block_on(async {
            let bucket = client.bucket("destination").await.expect("the bucket");
            (
                bucket,
                client.bucket("the-source").await.expect("the bucket"),
            )
        })
    })
}
