//! Permissions of downloaded files: those of the umask or the replaced file, and private before
//! they are complete.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::tempdir;

use super::{Net, bytes, files};

/// Set in the child process that has another umask: its directory.
const HERE: &str = "B2KIT_TESTS_UMASK";

/// The umask belongs to the process, so each is tested in its own process.
#[test]
fn a_new_file_gets_the_umasks_mode_and_a_replaced_file_keeps_its_own() {
    if let Some(dir) = std::env::var_os(HERE) {
        return download_under_this_umask(Path::new(&dir));
    }
    for (umask, new) in [
        ("027", 0o640),
        ("000", 0o666),
        ("077", 0o600),
        ("022", 0o644),
    ] {
        let dir = tempdir().unwrap();
        let test = thread::current().name().unwrap().to_owned();
        let output = Command::new("sh")
            .args(["-c", "umask $0 && exec \"$@\"", umask])
            .arg(std::env::current_exe().unwrap())
            .args([&*test, "--exact", "--nocapture"])
            .env(HERE, dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{umask}: {said}");
        let expected = [
            ("closed", 0o400),
            ("link", new),
            ("new", new),
            ("program", 0o755),
            ("resumed", new),
            ("setuid", 0o711),
        ];
        let names = expected.map(|(name, _)| name);
        assert_eq!(files(dir.path()), names);
        for (name, mode) in expected {
            let found = fs::symlink_metadata(dir.path().join(name)).unwrap();
            let now = found.permissions().mode() & 0o7777;
            assert_eq!(now, mode, "{name} under {umask}: {now:o}");
        }
    }
}

fn download_under_this_umask(dir: &Path) {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    for (name, mode) in [("closed", 0o400), ("program", 0o755), ("setuid", 0o4711)] {
        fs::write(dir.join(name), "old").unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::symlink("program", dir.join("link")).unwrap();
    // At each request, the partial file must not be accessible to other users.
    let here = dir.to_owned();
    net.meddle(move |_, _| {
        let parts: Vec<_> = files(&here)
            .into_iter()
            .filter(|name| name.contains(".b2part"))
            .collect();
        assert!(!parts.is_empty());
        for part in parts {
            let mode = fs::metadata(here.join(&part)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{part}: {mode:o}");
        }
    });
    for name in ["closed", "link", "new", "program", "resumed", "setuid"] {
        let mut download = bucket.download("f").range_size(20_000);
        if name == "resumed" {
            download = download.resume();
        }
        net.run(download.to_path(dir.join(name))).unwrap();
        assert!(fs::read(dir.join(name)).unwrap() == file);
    }
}
