//! Local paths of file names: no path leaves the directory and no two names have the same path, by the rules of Unix
//! and of Windows.

use std::path::{Component, Path};

use b2kit::transfer::{safe_local_path, unix_safe_local_path};

pub fn run(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else {
        return;
    };
    let unix = unix_safe_local_path(name);
    if let Ok(path) = &unix {
        below(path, name);
    }
    match safe_local_path(name) {
        Ok(path) => {
            below(&path, name);
            assert_eq!(
                unix.as_ref(),
                Ok(&path),
                "what is safe everywhere is safe on Unix"
            );
            for component in name.split('/') {
                windows(component);
            }
        }
        Err(error) => {
            assert_eq!(error.name(), name);
            assert!(!is_ordinary(name), "{error}");
        }
    }
    if unix.is_err() {
        let is_bad = |part: &str| {
            part.is_empty()
                || part == "."
                || part == ".."
                || part.contains('\0')
                || part.len() > 255
                || looks_partial(part)
        };
        assert!(
            name.len() > 4_000 || name.split('/').any(is_bad),
            "{name:?}"
        );
    }
}

/// The path is the name, so two names have two paths, and none leaves the directory.
fn below(path: &Path, name: &str) {
    assert_eq!(path.to_str(), Some(name));
    assert!(
        path.components()
            .all(|part| matches!(part, Component::Normal(_))),
        "{name:?}"
    );
    assert!(path.components().count() == name.split('/').count());
    assert!(
        Path::new("/a/directory")
            .join(path)
            .starts_with("/a/directory")
    );
    assert!(
        !path
            .components()
            .any(|part| { is_partial(part.as_os_str().to_str().expect("it is a text")) })
    );
}

/// Whether a partial download may have this name, where case is ignored.
fn is_partial(part: &str) -> bool {
    part.starts_with('.') && part.to_ascii_lowercase().contains(".b2part")
}

/// Whether what is left of it may be such a name for a file system that ignores some characters beyond ASCII.
fn looks_partial(part: &str) -> bool {
    let ascii: String = part.chars().filter(char::is_ascii).collect();
    is_partial(&ascii)
}

/// Checks a component by the rules of Windows: it doesn't end in a dot or space, names no stream, and is no device.
fn windows(component: &str) {
    assert_eq!(component.trim_end_matches(['.', ' ']), component);
    assert!(
        !component
            .chars()
            .any(|c| c < ' ' || "<>:\"/\\|?*".contains(c)),
        "{component:?}"
    );
    let stem = component
        .split('.')
        .next()
        .expect("there is a first")
        .trim_end_matches(' ');
    let stem = stem.to_uppercase();
    for device in ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"] {
        assert_ne!(stem, device);
    }
    if let Some(number) = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
    {
        let is_port =
            number.chars().count() == 1 && number.chars().all(|c| "0123456789¹²³".contains(c));
        assert!(!is_port, "{component:?}");
    }
}

/// Whether the name has only characters that no rule concerns.
fn is_ordinary(name: &str) -> bool {
    name.len() < 200
        && name.split('/').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|c| c.is_ascii_digit() || matches!(c, b'd'..=b'k' | b'_'))
        })
}
