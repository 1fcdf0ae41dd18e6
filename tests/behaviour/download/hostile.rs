//! Directories in which another user, a remote file or an earlier process has placed something:
//! only the target is written, nothing blocks, and no unverified byte is trusted.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, io, thread};

use b2kit::api::{CreateKey, UploadFile};
use b2kit::backend::emulator::FaultKind;
use b2kit::transfer::{FileDownload, Verified, safe_local_path};
use b2kit::types::{Capability, FileName, KeyName};
use b2kit::{BucketHandle, Client, Error, ErrorKind};
use futures::StreamExt as _;
use tempfile::{TempDir, tempdir};

use super::resume::{finish, left_behind, nothing_verifies, resumable};
use super::{Net, bytes, files, left_in};
use crate::seeds::for_seeds;

/// The name that versions without signatures gave the partial file of `f`.
const UNSIGNED: &str = ".f.4a0a19218e082a34.b2part";

fn download(bucket: &BucketHandle, resume: bool) -> FileDownload {
    let download = bucket.download("f").range_size(10_000).concurrency(2);
    if resume { download.resume() } else { download }
}

/// The names of the partial file of `f` and of its state, for the emulator's usual key.
fn names() -> (String, String) {
    let (_, _, _, dir) = left_behind();
    let (part, state) = left_in(dir.path(), &[]);
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    (name(part), name(state))
}

/// Places something at a path.
type Plant = fn(&Path);

const PIPE: Plant = |path| {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
};
const DIRECTORY: Plant = |path| {
    fs::create_dir(path).unwrap();
    fs::write(path.join("x"), "treasure").unwrap();
};
const LINK: Plant = |path| {
    symlink(treasure(path), path).unwrap();
};
const LINK_TO_NOTHING: Plant = |path| symlink(path.with_file_name("nothing"), path).unwrap();
const HARD_LINK: Plant = |path| fs::hard_link(treasure(path), path).unwrap();
/// Only root can change a file's owner; otherwise it is a file of this user that others may write.
const FOREIGN: Plant = |path| {
    fs::write(path, "treasure").unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
    if let Err(error) = std::os::unix::fs::chown(path, Some(12_345), Some(12_345)) {
        eprintln!("left out: a file of another user, which only root can make: {error}");
    }
};

fn treasure(beside: &Path) -> PathBuf {
    let treasure = beside.with_file_name("treasure");
    fs::write(&treasure, "treasure").unwrap();
    fs::set_permissions(&treasure, Permissions::from_mode(0o600)).unwrap();
    treasure
}

#[test]
fn a_foreign_file_at_the_partial_files_name_is_neither_written_nor_waited_for() {
    for plant in [PIPE, DIRECTORY, LINK, LINK_TO_NOTHING, HARD_LINK, FOREIGN] {
        let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let (part, _) = names();
        plant(&dir.path().join(&part));
        let before = files(dir.path());
        let path = dir.path().join("f");
        for resume in [true, false] {
            let done = net.run(download(&bucket, resume).to_path(&path)).unwrap();
            assert_eq!(done.resumed_bytes, 0);
            assert!(fs::read(&path).unwrap() == file);
        }
        let treasure = dir.path().join("treasure");
        if treasure.exists() {
            assert_eq!(fs::read(treasure).unwrap(), b"treasure");
        }
        assert!(!dir.path().join("nothing").exists());
        let found = fs::symlink_metadata(dir.path().join(&part));
        let is_own = |found: &fs::Metadata| found.is_file() && found.uid() == whoami();
        if found
            .as_ref()
            .is_ok_and(|found| !is_own(found) || found.nlink() > 1)
        {
            let mut after = files(dir.path());
            after.retain(|name| name != "f");
            assert_eq!(after, before, "what is somebody else's stays");
        }
    }
}

fn whoami() -> u32 {
    let dir = tempdir().unwrap();
    fs::metadata(dir.path()).unwrap().uid()
}

#[test]
fn a_foreign_file_at_the_states_name_is_neither_waited_for_nor_trusted() {
    for plant in [PIPE, LINK, LINK_TO_NOTHING, HARD_LINK, FOREIGN] {
        for verifies in [true, false] {
            let (net, bucket, file, dir) = left_behind();
            if !verifies {
                nothing_verifies(&net);
            }
            let (_, state) = left_in(dir.path(), &[]);
            fs::remove_file(&state).unwrap();
            plant(&state);
            let path = dir.path().join("f");
            let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
            assert_eq!(done.resumed_bytes, 0);
            assert!(fs::read(&path).unwrap() == file);
            let treasure = dir.path().join("treasure");
            if treasure.exists() {
                assert_eq!(fs::read(&treasure).unwrap(), b"treasure");
                fs::remove_file(treasure).unwrap();
            }
            assert_eq!(files(dir.path()), ["f"]);
        }
    }
}

#[test]
fn a_directory_at_the_states_name_is_left_alone() {
    let (net, bucket, file, dir) = left_behind();
    let (_, state) = left_in(dir.path(), &[]);
    fs::remove_file(&state).unwrap();
    DIRECTORY(&state);
    let path = dir.path().join("f");
    let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
    assert!(done.resumed_bytes == 0 && fs::read(&path).unwrap() == file);
    assert_eq!(fs::read(state.join("x")).unwrap(), b"treasure");
    assert_eq!(files(dir.path()).len(), 2);
}

/// Otherwise, a remote file named like another's partial file could become that file's content.
#[test]
fn remote_files_named_like_partial_downloads_fail_and_the_others_arrive() {
    let net = Net::new(0);
    let (bucket, _) = net.with_file(b"f itself");
    let (part, state) = names();
    let hostile = [
        part,
        state,
        UNSIGNED.into(),
        format!("{UNSIGNED}.json"),
        UNSIGNED.to_uppercase(),
    ];
    let mut all = vec!["f".to_owned(), "g".to_owned()];
    all.extend(hostile.clone());
    net.run(async {
        for name in &all[1..] {
            let name = FileName::new(name.as_str()).unwrap();
            let upload = UploadFile::new(bucket.id(), name, b"hostile".to_vec());
            bucket.client().call(upload).await.unwrap();
        }
    });
    // With names from `safe_local_path`, and with names that the program chose itself.
    for is_checked in [true, false] {
        for resume in [true, false] {
            let dir = tempdir().unwrap();
            let root = dir.path().to_owned();
            let each =
                bucket.download_many(futures::stream::iter(all.clone()), 3, |bucket, name| {
                    let mut download = bucket.download(name.as_str());
                    if resume {
                        download = download.resume();
                    }
                    let (name, root) = (name.clone(), root.clone());
                    async move {
                        if is_checked {
                            let path = safe_local_path(&name)?;
                            return download.to_path_below(root, path).await;
                        }
                        download.to_path(root.join(&name)).await
                    }
                });
            let outcomes: Vec<_> = net.run(each.collect());
            assert_eq!(outcomes.len(), all.len());
            for (name, outcome) in outcomes {
                if hostile.contains(&name) {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                    assert!(error.to_string().contains(&name), "{error}");
                } else {
                    outcome.unwrap();
                }
            }
            assert_eq!(files(dir.path()), ["f", "g"]);
            assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"f itself");
        }
    }
}

/// Files that another tool or an earlier version may have left under the unsigned names.
fn plant_unsigned(dir: &Path, file_id: &str, bytes: &[u8]) {
    let state = format!(
        r#"{{"b2kit_partial_download":1,"file_id":"{file_id}","content_length":100000,
            "wanted":[0,100000],"done":[[0,{}]]}}"#,
        bytes.len()
    );
    for (name, content) in [
        (UNSIGNED.to_owned(), bytes),
        (format!("{UNSIGNED}.json"), state.as_bytes()),
    ] {
        fs::write(dir.join(&name), content).unwrap();
        fs::set_permissions(dir.join(&name), Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn an_unsigned_state_is_used_only_if_a_sha1_verifies_the_bytes() {
    for (is_true, verifies, resumed) in [
        (true, true, 60_000),
        (false, true, 0),
        (true, false, 0),
        (false, false, 0),
    ] {
        let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
        let (bucket, version) = net.with_file(&file);
        let planted = if is_true {
            &file[..60_000]
        } else {
            &[7; 60_000][..]
        };
        plant_unsigned(dir.path(), version.file_id.as_str(), planted);
        if !verifies {
            nothing_verifies(&net);
        }
        let (done, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(now == file, "{is_true} {verifies}");
        assert_eq!(done.resumed_bytes, resumed, "{is_true} {verifies}");
        let expected = if verifies {
            Verified::Sha1
        } else {
            Verified::LengthOnly
        };
        assert_eq!(done.verified, expected);
    }
}

/// A state that claims every byte, at the signed name, which a neighbour can read.
#[test]
fn a_forged_state_is_never_trusted_for_unverifiable_bytes() {
    let forgeries: [fn(&str) -> String; 3] = [
        |good| good.replace("\"done\":[[0,", "\"done\":[[0,1"),
        |good| {
            let body = good.split(",\"inode\"").next().unwrap();
            body.replace("download\":2", "download\":1") + "}"
        },
        |good| {
            let (body, _) = good.split_once(",\"signature\"").unwrap();
            format!("{body},\"signature\":\"{}\"}}", "0".repeat(64))
        },
    ];
    for forge in forgeries {
        let (net, bucket, file, dir) = left_behind();
        nothing_verifies(&net);
        let (part, state) = left_in(dir.path(), &[]);
        let good = fs::read_to_string(&state).unwrap();
        let forged = forge(&good);
        assert_ne!(forged, good);
        fs::write(&state, forged).unwrap();
        let len = fs::metadata(&part).unwrap().len();
        fs::write(&part, vec![7; usize::try_from(len).unwrap()]).unwrap();
        let (done, now) = finish(&net, resumable(&bucket), dir.path());
        assert!(now == file && done.resumed_bytes == 0);
    }
}

/// Another private file of this user in the partial file's place must not be published as the
/// target.
#[test]
fn a_file_that_replaced_the_partial_file_does_not_become_the_target() {
    let (net, bucket, file, dir) = left_behind();
    nothing_verifies(&net);
    let (part, _) = left_in(dir.path(), &[]);
    let secret = dir.path().join("secret");
    fs::write(&secret, vec![7; 50_000]).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&secret, &part).unwrap();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes == 0);
}

#[test]
fn another_application_key_ignores_partial_files_and_leaves_them() {
    let (net, bucket, file, dir) = left_behind();
    let (part, state) = left_in(dir.path(), &[]);
    let other = net.run(async {
        let name = KeyName::new("other").unwrap();
        let key = CreateKey::new(name, [Capability::ReadFiles, Capability::ListBuckets]);
        let key = bucket.client().call(key).await.unwrap();
        let client = Client::builder()
            .credentials(key.credentials().unwrap())
            .endpoint(net.emulator.url())
            .backend(net.clone())
            .timer(net.timer.clone())
            .build()
            .unwrap();
        BucketHandle::new(client, bucket.id().clone(), bucket.name().clone())
    });
    let path = dir.path().join("f");
    let done = net.run(resumable(&other).to_path(&path)).unwrap();
    assert_eq!(done.resumed_bytes, 0);
    assert!(part.exists() && state.exists());
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes > 0);
}

#[test]
fn a_link_below_the_root_is_not_followed() {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    for resume in [false, true] {
        let (dir, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
        let below = |path: &str| net.run(download(&bucket, resume).to_path_below(dir.path(), path));
        below("a/b/f").unwrap();
        assert!(fs::read(dir.path().join("a/b/f")).unwrap() == file);
        // Existing directories are entered.
        below("a/b/f").unwrap();
        symlink(elsewhere.path(), dir.path().join("a/planted")).unwrap();
        symlink(elsewhere.path().join("absent"), dir.path().join("absent")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        net.requests();
        for path in ["a/planted/f", "a/planted/deep/f", "absent/f", "file/f"] {
            let error = below(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            let message = format!("{error:#}");
            assert!(
                message.contains("is a symbolic link, not a directory"),
                "{message}"
            );
        }
        for path in ["", "..", "../f", "a/../../f", "/f", "./f/.."] {
            let error = below(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{path}: {error}");
        }
        assert!(net.requests().is_empty() && files(elsewhere.path()).is_empty());
        assert_eq!(files(dir.path()), ["a", "absent", "file"]);
        // A link in the caller's root itself is followed.
        let own = elsewhere.path().join("own");
        symlink(dir.path(), &own).unwrap();
        net.run(download(&bucket, resume).to_path_below(&own, "c/f"))
            .unwrap();
        assert!(fs::read(dir.path().join("c/f")).unwrap() == file);
    }
}

/// Downloads to `d/f`, and interferes before the third request.
fn in_the_middle(
    dir: &Path,
    resume: bool,
    meddle: impl Fn(&Path) + Send + Sync + 'static,
) -> Result<(), Error> {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    let d = dir.join("d");
    fs::create_dir(&d).unwrap();
    net.requests();
    let there = d.clone();
    net.meddle(move |number, _| {
        if number == 3 {
            meddle(&there);
        }
    });
    net.run(download(&bucket, resume).to_path(d.join("f")))?;
    Ok(())
}

#[test]
fn a_directory_that_is_replaced_by_a_link_still_gets_the_file() {
    for resume in [false, true] {
        let dir = tempdir().unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        in_the_middle(dir.path(), resume, |d| {
            fs::rename(d, d.with_file_name("moved")).unwrap();
            symlink(d.with_file_name("elsewhere"), d).unwrap();
        })
        .unwrap();
        assert!(files(&dir.path().join("elsewhere")).is_empty());
        assert_eq!(files(&dir.path().join("moved")), ["f"]);
        assert!(fs::read(dir.path().join("moved/f")).unwrap() == bytes(100_000));
    }
}

#[test]
fn a_replaced_partial_file_never_becomes_the_target() {
    for plant in [LINK, HARD_LINK, FOREIGN, PIPE] {
        for resume in [false, true] {
            let dir = tempdir().unwrap();
            let error = in_the_middle(dir.path(), resume, move |d| {
                fs::write(d.join("f"), "old").unwrap();
                let part = files(d).into_iter().find(|name| name.ends_with(".b2part"));
                let part = d.join(part.unwrap());
                fs::remove_file(&part).unwrap();
                plant(&part);
            })
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            let d = dir.path().join("d");
            assert_eq!(fs::read(d.join("f")).unwrap(), b"old");
            let planted = files(&d).into_iter().find(|name| name.ends_with(".b2part"));
            assert!(
                planted.is_some(),
                "what is somebody else's stays: {:?}",
                files(&d)
            );
            if d.join("treasure").exists() {
                assert_eq!(fs::read(d.join("treasure")).unwrap(), b"treasure");
                assert_eq!(
                    fs::metadata(d.join("treasure")).unwrap().mode() & 0o777,
                    0o600
                );
            }
        }
    }
}

/// Set in the child process that dies during a download: its directory.
const DIES: &str = "B2KIT_TESTS_DIES_IN";

/// Runs this test in a child process, behind the command `prepared`.
pub(super) fn again(variable: &str, dir: &Path, prepared: &[&str]) -> Output {
    let test = thread::current().name().unwrap().to_owned();
    let mut command = prepared.to_vec();
    let this = env::current_exe().unwrap();
    command.extend([this.to_str().unwrap(), &test, "--exact", "--nocapture"]);
    Command::new(command[0])
        .args(&command[1..])
        .env(variable, dir)
        .output()
        .unwrap()
}

#[test]
fn partial_files_of_killed_downloads_without_resume_are_removed_by_the_next() {
    if let Some(dir) = env::var_os(DIES) {
        let net = Net::new(0);
        let (bucket, _) = net.with_file(&bytes(100_000));
        let (one, other) = (download(&bucket, false), download(&bucket, false));
        net.meddle(|number, _| {
            if number == 6 {
                std::process::exit(7);
            }
        });
        let path = Path::new(&dir).join("f");
        let two = futures::future::join(one.to_path(&path), other.to_path(&path));
        net.run(two).0.unwrap();
        unreachable!("it has exited");
    }
    let dir = tempdir().unwrap();
    for _ in 0..3 {
        let output = again(DIES, dir.path(), &["env"]);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        // This holds however often the process is killed. One of the two may not have begun.
        let left = files(dir.path());
        assert!(left.len() <= 2, "{left:?}");
        assert!(
            left.iter().all(|name| name.ends_with(".b2part")),
            "{left:?}"
        );
    }
    for resume in [false, true] {
        let (net, file) = (Net::new(0), bytes(100_000));
        let (bucket, _) = net.with_file(&file);
        let (_, now) = finish(&net, download(&bucket, resume), dir.path());
        assert!(now == file);
        fs::remove_file(dir.path().join("f")).unwrap();
        assert_eq!(again(DIES, dir.path(), &["env"]).status.code(), Some(7));
    }
}

#[test]
fn a_locked_partial_file_is_not_removed() {
    for_seeds(0..20, |seed| {
        let (net, file, dir) = (Net::new(seed), bytes(100_000), tempdir().unwrap());
        let (bucket, _) = net.with_file(&file);
        let path = dir.path().join("f");
        let all = (0..7).map(|n| download(&bucket, n % 2 == 0).to_path(&path));
        for done in net.run(futures::future::join_all(all)) {
            done.unwrap();
        }
        assert!(fs::read(&path).unwrap() == file);
        assert_eq!(files(dir.path()), ["f"]);
    });
}

#[test]
fn a_link_to_a_good_state_is_not_followed() {
    let (net, bucket, file, dir) = left_behind();
    let (_, state) = left_in(dir.path(), &[]);
    let elsewhere = tempdir().unwrap();
    let moved = elsewhere.path().join("state");
    fs::rename(&state, &moved).unwrap();
    symlink(&moved, &state).unwrap();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes == 0);
    assert!(moved.exists());
}

/// Its state is valid, so only its owner and its number of links give it away.
#[test]
fn a_partial_file_with_another_name_or_owner_is_not_resumed() {
    let meddles: [fn(&Path) -> bool; 3] = [
        |part| fs::hard_link(part, part.with_file_name("other")).is_ok(),
        |part| {
            let elsewhere = part.with_file_name("elsewhere");
            fs::rename(part, &elsewhere).is_ok() && symlink(elsewhere, part).is_ok()
        },
        // Only root can change a file's owner.
        |part| std::os::unix::fs::chown(part, Some(12_345), None).is_ok(),
    ];
    for meddle in meddles {
        let (net, bucket, file, dir) = left_behind();
        let (part, state) = left_in(dir.path(), &[]);
        if !meddle(&part) {
            eprintln!("left out: a partial file of another user, which only root can make");
            continue;
        }
        let before = fs::read(&part).unwrap();
        let path = dir.path().join("f");
        let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
        assert_eq!(done.resumed_bytes, 0);
        assert!(fs::read(&path).unwrap() == file);
        assert!(fs::read(&part).unwrap() == before && state.exists());
    }
}

#[test]
fn a_failing_download_without_resume_leaves_resumable_files_alone() {
    let (net, bucket, file, dir) = left_behind();
    net.nth(3, FaultKind::download_cap_exceeded());
    let path = dir.path().join("f");
    net.run(download(&bucket, false).to_path(&path))
        .unwrap_err();
    left_in(dir.path(), &[]);
    net.emulator.faults().clear();
    let (done, now) = finish(&net, resumable(&bucket), dir.path());
    assert!(now == file && done.resumed_bytes > 0);
}

#[test]
fn partial_files_with_an_unsigned_state_are_removed_and_those_without_a_state_are_not() {
    let (net, file, dir) = (Net::new(0), bytes(100_000), tempdir().unwrap());
    let (bucket, version) = net.with_file(&file);
    plant_unsigned(dir.path(), version.file_id.as_str(), &file[..50_000]);
    finish(&net, download(&bucket, false), dir.path());
    fs::write(dir.path().join(UNSIGNED), "somebody's own").unwrap();
    fs::set_permissions(dir.path().join(UNSIGNED), Permissions::from_mode(0o600)).unwrap();
    for resume in [false, true] {
        let path = dir.path().join("f");
        net.run(download(&bucket, resume).to_path(&path)).unwrap();
        assert_eq!(files(dir.path()), [UNSIGNED, "f"]);
        let own = fs::read(dir.path().join(UNSIGNED)).unwrap();
        assert_eq!(own, b"somebody's own");
    }
}

/// Set in the child process that has a small disk: its directory.
const SMALL: &str = "B2KIT_TESTS_SMALL_DISK";

/// The disk has no space even for the state. This needs a mount, and so a namespace in which this
/// user may mount.
#[test]
fn a_full_disk_keeps_the_partial_file_and_its_state() {
    if let Some(dir) = env::var_os(SMALL) {
        return fill_up(Path::new(&dir));
    }
    let dir: TempDir = tempdir().unwrap();
    let mounted = |script: &str| {
        let script = format!(
            "mount -t tmpfs -o size=1m,mode=700 none {:?} && {script}",
            dir.path()
        );
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ]
        .map(str::to_owned)
    };
    let probe = mounted("true");
    if !Command::new(&probe[0])
        .args(&probe[1..])
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("left out: this system lets nobody but root mount anything");
        return;
    }
    let prepared = mounted("exec \"$@\"");
    let output = again(SMALL, dir.path(), &prepared.each_ref().map(String::as_str));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("it was full, and all arrived"), "{said}");
}

fn fill_up(dir: &Path) {
    for verifies in [true, false] {
        for concurrency in [1, 3] {
            let (net, file) = (Net::new(0), bytes(3_000_000));
            let (bucket, _) = net.with_file(&file);
            if !verifies {
                nothing_verifies(&net);
            }
            let download = || {
                let download = bucket.download("f").range_size(250_000);
                download.concurrency(concurrency).resume()
            };
            let error = net.run(download().to_path(dir.join("f"))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            let source = std::error::Error::source(&error).unwrap();
            let source = source.downcast_ref::<io::Error>().unwrap();
            assert_eq!(source.kind(), io::ErrorKind::StorageFull, "{error:#}");
            let (part, state) = left_in(dir, &[]);
            assert!(fs::metadata(&state).unwrap().len() > 0);
            // Space becomes available.
            let grown = Command::new("mount")
                .args(["-t", "tmpfs", "-o", "remount,size=8m", "none"])
                .arg(dir)
                .status();
            assert!(grown.unwrap().success());
            let done = net.run(download().to_path(dir.join("f"))).unwrap();
            assert!(
                done.resumed_bytes >= 500_000,
                "{} of {part:?}",
                done.resumed_bytes
            );
            assert!(fs::read(dir.join("f")).unwrap() == file);
            assert_eq!(files(dir), ["f"]);
            fs::remove_file(dir.join("f")).unwrap();
            let shrunk = Command::new("mount")
                .args(["-t", "tmpfs", "-o", "remount,size=1m", "none"])
                .arg(dir)
                .status();
            assert!(shrunk.unwrap().success());
        }
    }
    eprintln!("it was full, and all arrived");
}

#[test]
fn a_partial_file_locked_by_another_process_is_waited_for_then_left_alone() {
    let (net, bucket, file, dir) = left_behind();
    let (part, _) = left_in(dir.path(), &[]);
    let other = File::open(&part).unwrap();
    other.lock().unwrap();
    let path = dir.path().join("f");
    let done = net.run(resumable(&bucket).to_path(&path)).unwrap();
    assert!(done.resumed_bytes == 0 && fs::read(&path).unwrap() == file);
    left_in(dir.path(), &["f"]);
}
