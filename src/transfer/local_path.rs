//! [`safe_local_path`]: converts file names to safe local paths.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::transfer::reserved_names::is_reserved;

/// Converts a file name from B2 to a relative path that is safe on Unix and Windows.
///
/// B2 allows almost any text as a name: `../../etc/passwd`, `C:\x`, `CON`. This function accepts
/// only names that refer to a file below the directory that the path is joined to, and rejects all
/// others. It never changes a name, so two names never become the same path.
///
/// It can't know whether a directory in the path is a symbolic link (`FileDownload::to_path_below`
/// follows none), nor whether the file system is case-insensitive.
///
/// ```
/// use std::path::Path;
/// use b2kit::transfer::safe_local_path;
///
/// assert_eq!(safe_local_path("2026/cat.jpg")?, Path::new("2026").join("cat.jpg"));
/// assert!(safe_local_path("../cat.jpg").is_err());
/// # Ok::<(), b2kit::transfer::UnsafeName>(())
/// ```
///
/// # Errors
/// [`UnsafeName`] if a path component:
/// - is empty, `.` or `..`, or longer than 255 bytes;
/// - contains a control character or one of `\ : * ? " < > |`, or ends in a dot or a space;
/// - is a Windows device name, such as `NUL` or `com1.txt`, or looks like a Windows short name,
///   such as `LONGFI~1.TXT`;
/// - starts with a dot and contains `.b2part`, as partial downloads do; in any case, and also with
///   invisible characters in between, such as U+200B, which some file systems ignore.
///
/// Also if the whole name is longer than 4,000 bytes.
pub fn safe_local_path(name: &str) -> Result<PathBuf, UnsafeName> {
    path(name, |part| unix_rule(part).or_else(|| windows_rule(part)))
}

/// Like [`safe_local_path`], for paths used only on Unix: allows what only Windows forbids, such as
/// `10:30`, `a\b` and `CON`.
///
/// # Errors
/// [`UnsafeName`] if a path component is empty, `.` or `..`, contains a NUL, is longer than 255
/// bytes, or is reserved for partial downloads as there; and if the whole name is longer than 4,000
/// bytes.
#[cfg(unix)]
pub fn unix_safe_local_path(name: &str) -> Result<PathBuf, UnsafeName> {
    path(name, unix_rule)
}

/// The error of [`safe_local_path`]: the name is not a safe path. Converts to [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafeName {
    name: Box<str>,
    why: &'static str,
}

impl UnsafeName {
    /// The rejected name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it was rejected.
    #[cfg(feature = "sync")]
    pub(crate) const fn why(&self) -> &'static str {
        self.why
    }
}

impl fmt::Display for UnsafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, why } = self;
        write!(f, "the file name {name:?} is not a safe local path: {why}")
    }
}

impl StdError for UnsafeName {}

impl From<UnsafeName> for Error {
    fn from(unsafe_name: UnsafeName) -> Self {
        Self::invalid(unsafe_name.to_string())
    }
}

/// The maximum length of a path component on most file systems, and a little less than Linux allows
/// for a path.
const MAX_COMPONENT: usize = 255;
const MAX_NAME: usize = 4_000;

fn path(name: &str, rule: impl Fn(&str) -> Option<&'static str>) -> Result<PathBuf, UnsafeName> {
    let too_long = (name.len() > MAX_NAME).then_some("it is longer than 4,000 bytes");
    match too_long.or_else(|| name.split('/').find_map(rule)) {
        Some(why) => Err(UnsafeName {
            name: name.into(),
            why,
        }),
        None => Ok(name.split('/').collect()),
    }
}

/// Why this path component is unsafe on every system.
fn unix_rule(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("it begins or ends with '/', or has \"//\", or is empty"),
        "." | ".." => Some("it has a component \".\" or \"..\""),
        _ if part.contains('\0') => Some("it contains a NUL"),
        _ if part.len() > MAX_COMPONENT => Some("it has a component longer than 255 bytes"),
        _ if is_reserved(part) => Some("it has a component that is reserved for partial downloads"),
        _ => None,
    }
}

/// Why this path component is unsafe on Windows.
fn windows_rule(part: &str) -> Option<&'static str> {
    if part.contains(|c: char| c.is_control()) {
        return Some("it has a control character");
    }
    if part.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) {
        return Some("it has one of \\ : * ? \" < > |, which Windows does not allow");
    }
    if part.ends_with(['.', ' ']) {
        return Some("it has a component that ends in a dot or a space, which Windows removes");
    }
    if is_device(part) {
        return Some("it has a component that is a device on Windows");
    }
    is_short_name(part)
        .then_some("it has a component that may be another file's short name on Windows")
}

/// Whether it looks like an 8.3 short name that Windows generates for a file, such as
/// `LONGFI~1.TXT`: at most eight characters that end in `~` and a number, and at most three after a
/// dot.
fn is_short_name(part: &str) -> bool {
    let (stem, extension) = part.split_once('.').unwrap_or((part, ""));
    let numbered = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.chars().count() <= 8
        && extension.chars().count() <= 3
        && !extension.contains('.')
        && numbered.len() < stem.len()
        && numbered.ends_with('~')
}

/// Whether it is a Windows device name, with any extension and in any case: `NUL`, `nul.txt`, `COM1
/// .log`, `com¹`.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    let number = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
        .unwrap_or_default();
    let mut number = number.chars();
    matches!(
        (number.next(), number.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unsafe_names_are_refused() {
        let long = "x".repeat(256);
        let deep = "d/".repeat(2_500) + "f";
        let names = [
            "",
            "/",
            ".",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "/etc/x",
            "a//b",
            "a/",
            "a\0b",
            &long,
            &deep,
            "C:\\x",
            "C:x",
            "c:/x",
            "\\\\srv\\x",
            "\\\\?\\C:\\x",
            "//srv/x",
            "a\\..\\b",
            "CON",
            "con",
            "nul.txt",
            "NUL .txt",
            "a/aux/b",
            "COM1",
            "lpt9.log",
            "com¹",
            "conin$",
            "a.",
            "a ",
            "a./b",
            "x:ads",
            "x::$DATA",
            "a\nb",
            "a\u{1b}[2Jb",
            "a\u{85}b",
            "a?b",
            "a*b",
            "a|b",
            "LONGFI~1.TXT",
            "longfi~1.txt",
            "GIT~1",
            "d/PROGRA~2/x",
            "LO1A2B~1.TXT",
            "~1",
            "ab~12345.c",
            ".x.11f6ad8ec52a2984.b2part",
            ".x.11f6ad8ec52a2984.b2part.json",
            "d/.x.11f6ad8ec52a2984.B2PART.json.new/y",
            "a<b",
            "a\"b",
        ];
        for name in names {
            let refused = safe_local_path(name).unwrap_err();
            assert_eq!(refused.name(), name);
            let told = refused.to_string();
            assert!(!told.contains(char::is_control), "{told}");
            assert_eq!(Error::from(refused).kind(), crate::ErrorKind::Invalid);
        }
    }

    #[test]
    fn a_refusal_has_the_name_and_the_reason() {
        for (name, why) in [
            ("a//b", "has \"//\""),
            ("a/../b", "component \".\" or \"..\""),
            ("a\0", "a NUL"),
            (&"x".repeat(256), "longer than 255 bytes"),
            (&"x/".repeat(2_001), "longer than 4,000 bytes"),
            (".x.b2part", "reserved for partial downloads"),
            ("a\nb", "a control character"),
            ("a:b", "which Windows does not allow"),
            ("a.", "ends in a dot or a space"),
            ("con", "a device on Windows"),
            ("GIT~1", "another file's short name"),
        ] {
            let told = safe_local_path(name).unwrap_err().to_string();
            let expected = format!("the file name {name:?} is not a safe local path: ");
            assert!(told.starts_with(&expected) && told.contains(why), "{told}");
        }
    }

    #[test]
    fn safe_names_become_paths() {
        for name in [
            "a",
            "a/b",
            "2026/cat.jpg",
            ".hidden",
            "..a",
            "a..b",
            "...a",
            "ü/🦀",
            "console",
            "com",
            "com10",
            "a b",
            "a%2Fb",
            "~",
            "-rf",
            "$HOME",
            "file~",
            "~a",
            "file.txt~1",
            "longname~1.txt",
            "a~1.html",
            "a.b.~1~",
            "x.b2part",
            &"x".repeat(255),
        ] {
            assert_eq!(
                safe_local_path(name).unwrap(),
                PathBuf::from(name),
                "{name}"
            );
        }
    }

    #[test]
    fn names_of_at_most_4_000_bytes_are_allowed() {
        let longest = "d/".repeat(1_999) + "ff";
        assert_eq!(longest.len(), 4_000);
        assert!(safe_local_path(&longest).is_ok());
        assert!(safe_local_path(&(longest + "f")).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn the_unix_rule_allows_what_only_windows_forbids() {
        for name in ["10:30", "a\\b", "CON", "a.", "C:\\x"] {
            assert_eq!(unix_safe_local_path(name).unwrap(), PathBuf::from(name));
        }
        for name in [
            "",
            "..",
            "../x",
            "/etc/x",
            "a/../../x",
            "a\0",
            "a//b",
            "./a",
            "d/.x.11f6ad8ec52a2984.b2part",
        ] {
            assert!(unix_safe_local_path(name).is_err(), "{name:?}");
        }
    }

    fn paths(name: &str) -> Vec<PathBuf> {
        let paths = safe_local_path(name).into_iter();
        #[cfg(unix)]
        let paths = paths.chain(unix_safe_local_path(name));
        paths.collect()
    }

    fn stays_within(path: &std::path::Path) -> bool {
        path.components()
            .all(|part| matches!(part, Component::Normal(_)))
            && path.components().count() > 0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn allowed_names_stay_below_the_root_and_map_back_to_themselves(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("..".to_owned()), Just(".".to_owned()), Just(String::new()),
                    Just("C:".to_owned()), Just("\\\\srv".to_owned()), Just("nul".to_owned()),
                    "[a-c.\\\\: /\u{0}]{0,5}", "\\PC{0,6}",
                ],
                0..6,
            ),
        ) {
            let name = parts.join("/");
            for path in paths(&name) {
                prop_assert!(stays_within(&path), "{path:?}");
                let back = path.to_str().unwrap().replace(std::path::MAIN_SEPARATOR, "/");
                prop_assert_eq!(back, &*name, "two names never become one path");
                let root = std::path::Path::new("/root/of/it");
                prop_assert!(root.join(&path).starts_with(root));
            }
        }
    }
}
