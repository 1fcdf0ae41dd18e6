//! Local file names that are reserved for partial downloads, so that no file from B2 gets one.

/// What the names of partial files contain; the state of one ends in `.json` after it.
pub(super) const MARK: &str = ".b2part";

/// Whether a file system may take this name for that of a partial file: it starts with a dot and
/// contains [`MARK`].
///
/// That is more than the names in use, so nothing depends on how those are made. Case is ignored,
/// and so are the characters that Apple's file systems ignore.
pub(crate) fn is_reserved(name: &str) -> bool {
    let seen: String = name
        .chars()
        .filter(|c| !is_ignorable(*c))
        .flat_map(char::to_lowercase)
        .collect();
    seen.starts_with('.') && seen.contains(MARK)
}

/// What HFS+ ignores when it compares names.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_partial_downloads_are_reserved_and_others_are_not() {
        for name in [
            ".x.11f6ad8ec52a2984.b2part",
            ".x.11f6ad8ec52a2984.b2part.json",
            ".x.11f6ad8ec52a2984.b2part.json.new",
            ".X.11F6AD8EC52A2984.B2Part",
            ".x.11f6ad8ec52a2984.b2\u{200c}part",
            "\u{feff}.x.11f6ad8ec52a2984.b2part",
            ".b2part",
            ".ü.b2part.x",
        ] {
            assert!(is_reserved(name), "{name:?}");
        }
        for name in [
            "x.b2part",
            "b2part",
            ".x.b2par",
            ".b2 part",
            "",
            ".",
            "x.b2part.json",
        ] {
            assert!(!is_reserved(name), "{name:?}");
        }
    }
}
